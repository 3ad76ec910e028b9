//! Code that nests far deeper than anyone writes is left alone, and the stack holds.
#![cfg(feature = "all")]

use ssr_core::RepoPath;
use ssr_mutate::sites;

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
