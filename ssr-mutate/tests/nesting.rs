//! Code that nests thousands of levels deep gives no sites and does not overflow the stack.
#![cfg(feature = "all")]

use ssr_core::{File, RepoPath, Seed, Tree};
use ssr_mutate::{Remover, Style, sites, weaken};

const DEPTH: usize = 100_000;

/// What stands before, a hundred thousand times, in the middle, and as often after.
type Nest = [&'static str; 4];

/// In every language, code or not.
const EVERYWHERE: [Nest; 14] = [
    ["", "(", "", ""],
    ["", "{", "", ""],
    ["", "[", "", ""],
    ["", "f(", "", ""],
    ["", "(", "1", ")"],
    ["", "[", "1", "]"],
    ["", "{", "", "}"],
    ["x = ", "f(", "1", ")"],
    ["x = ", "-", "1", ""],
    ["x = 1", " + 1", "", ""],
    ["x = a", ".b", "", ""],
    ["x = a", "[0]", "", ""],
    ["if (a) {}", " else if (b) {}", "", ""],
    ["if (a) ", "if (a) ", "b();", ""],
];

const PYTHON: [Nest; 7] = [
    ["", "(", "a", ",) = b"],
    ["for ", "[", "a", "] in b: pass"],
    ["x = ", "not ", "a", ""],
    ["x = ", "lambda: ", "1", ""],
    ["x = ", "a if b else ", "1", ""],
    ["x = a", "()", "", ""],
    ["assert ", "(", "a == 1", ")"],
];

const RUST: [Nest; 9] = [
    ["fn f() { ", "{ ", "a = 1;", " }"],
    ["fn f() { ", "if a { ", "b();", " }"],
    ["fn f() { ", "match a { _ => ", "1", " }"],
    ["fn f() { let x = ", "|| ", "1;", ""],
    ["fn f() { let x = ", "&", "a;", ""],
    ["fn f() { let x = ", "!", "a;", ""],
    ["fn f() { let x = a", "?", ";", ""],
    ["", "mod a { ", "fn f() -> bool { true }", " }"],
    ["type T = ", "Vec<", "i32", ">"],
];

const JAVA: [Nest; 7] = [
    ["class A { void f() { ", "{ ", "a = 1;", " }"],
    ["class A { void f() { ", "if (a) { ", "b();", " }"],
    ["class A { void f() { x = ", "(int) ", "a;", ""],
    ["class A { void f() { x = ", "a -> ", "1;", ""],
    ["class A { void f() { x = ", "a ? b : ", "1;", ""],
    ["class A { void f() { x = a", ".b()", ";", ""],
    ["", "class A { ", "int a = 1;", " }"],
];

const GO: [Nest; 6] = [
    ["package a\nfunc f() { ", "{ ", "a = 1", " }"],
    ["package a\nfunc f() { ", "if a { ", "b()", " }"],
    ["package a\nfunc f() { ", "func() { ", "b()", " }()"],
    ["package a\nfunc f() { x = ", "!", "a", ""],
    ["package a\nfunc f() { x = ", "*", "a", ""],
    ["package a\nvar x ", "[]", "int", ""],
];

const JAVASCRIPT: [Nest; 9] = [
    ["function f() { ", "{ ", "a = 1;", " }"],
    ["", "function f() { ", "a = 1;", " }"],
    ["x = ", "a => ", "1;", ""],
    ["x = ", "a ? b : ", "1;", ""],
    ["x = ", "typeof ", "a;", ""],
    ["x = ", "`${", "a", "}`"],
    ["x = ", "{a: ", "1", "}"],
    ["x = a", "?.b()", ";", ""],
    ["x = ", "<a>", "b", "</a>"],
];

const C: [Nest; 7] = [
    ["int f() { ", "{ ", "a = 1;", " }"],
    ["int f() { ", "if (a) { ", "b();", " }"],
    ["int f() { x = ", "(int) ", "a;", ""],
    ["int f() { x = ", "a ? b : ", "1;", ""],
    ["int f() { x = a", "->b", ";", ""],
    ["int ", "*", "a;", ""],
    ["", "#if A\n", "int a = 1;\n", "#endif\n"],
];

fn nested([before, open, middle, close]: Nest) -> String {
    let mut close = close.to_owned();
    // Of `) = b` only the first is repeated.
    let once = close.split_off(close.find([' ', '\n']).unwrap_or(close.len()));
    format!("{before}{}{middle}{}{once}", open.repeat(DEPTH), close.repeat(DEPTH))
}

fn assert_no_sites(name: &str, nests: &[Nest]) {
    let path = RepoPath::new(name).unwrap();
    for nest in EVERYWHERE.iter().chain(nests) {
        assert!(sites(&path, &nested(*nest)).is_empty(), "{nest:?} in {path}");
    }
}

#[test]
fn python_does_not_overflow_the_stack_on_deep_code() {
    assert_no_sites("a.py", &PYTHON);
}

#[test]
fn no_language_with_braces_overflows_the_stack_on_deep_code() {
    assert_no_sites("a.rs", &RUST);
    assert_no_sites("a.java", &JAVA);
    assert_no_sites("a.go", &GO);
    assert_no_sites("a.js", &JAVASCRIPT);
    assert_no_sites("a.tsx", &JAVASCRIPT);
    assert_no_sites("a.c", &C);
}

#[test]
fn deep_blocks_of_python_are_left_alone() {
    // With its indentation the text grows with the square of the depth.
    let depth = 2500;
    let block = |depth| format!("{}if a == 1:\n", " ".repeat(depth));
    let blocks: String = (0..depth).map(block).collect();
    let source = format!("{blocks}{}pass\n", " ".repeat(depth));
    assert!(sites(&RepoPath::new("a.py").unwrap(), &source).is_empty());
}

#[test]
fn deep_python_is_neither_removed_nor_weakened() {
    let path = RepoPath::new("test_a.py").unwrap();
    for nest in PYTHON {
        let source = format!("{}\n\ndef test_a():\n    assert f() == 1\n", nested(nest));
        let deep = (path.clone(), File::new(source.as_bytes()));
        let shallow = (RepoPath::new("b.py").unwrap(), File::new(*b"def f(a):\n    return a\n"));
        let tree = Tree::from_files([deep, shallow]).unwrap();
        let _ = Remover::new(&tree);
        let broken = ["test_a.py::test_a".into()].into();
        assert!(weaken(&tree, &broken, Style::Delete, Seed::new(1)).is_err(), "{nest:?}");
    }
}

#[test]
fn code_just_short_of_the_limit_is_mutated() {
    let count = |path: &str, source: &str| sites(&RepoPath::new(path).unwrap(), source).len();
    let open = "(".repeat(900);
    let close = ")".repeat(900);
    for (path, source) in [
        ("a.py", format!("def f(a):\n    x = {open}a == 1{close}\n    return x\n")),
        ("a.py", format!("def f(a):\n    {open}b, c{} = a\n    return b == c\n", ",)".repeat(900))),
        ("a.rs", format!("fn f(a: i32) -> bool {{ let x = {open}a == 1{close}; x }}\n")),
        ("a.java", format!("class A {{ boolean f(int a) {{ return {open}a == 1{close}; }} }}\n")),
        ("a.go", format!("package a\n\nfunc f(a int) bool {{ return {open}a == 1{close} }}\n")),
        ("a.js", format!("function f(a) {{ return {open}a === 1{close}; }}\n")),
        ("a.c", format!("int f(int a) {{ return {open}a == 1{close}; }}\n")),
    ] {
        assert!(count(path, &source) > 0, "{path}");
    }
    assert!(count("a.py", &format!("x = a{}\n", " + 1".repeat(900))) >= 900);
    let chain = format!("if (a) {{}}{}\n", " else if (b < 1) {}".repeat(450));
    assert!(count("a.js", &chain) >= 450);
}
