//! The operators of Rust with their examples.

use crate::braces::{self as b, Rule};

pub(super) const RULES: &[&[Rule]] = &[EXPRESSIONS, STATEMENTS, NAMES, REST];

const EXPRESSIONS: &[Rule] = &[
    b::AOR.with(
        &[
            ("fn f(a: i32, b: i32) -> i32 { a + b }\n", "fn f(a: i32, b: i32) -> i32 { a - b }\n"),
            ("let x = a % b;\n", "let x = a * b;\n"),
        ],
        &[
            "let s = name + \"!\";\n",
            "let s = a + &b;\n",
            "let x: [u8; 2 + 3] = y;\n",
            "println!(\"{}\", a + b);\n",
        ],
    ),
    b::AOD.with(
        &[("let x = a * b;\n", "let x = a;\n"), ("let x = a - b;\n", "let x = b;\n")],
        &["let x = s + \"a\";\n", "let x = a & b;\n"],
    ),
    b::OSW.with(
        &[
            ("let x = a - b * c;\n", "let x = (b * c) - a;\n"),
            ("let x = 1 << n;\n", "let x = n << 1;\n"),
        ],
        &["let x = a + b;\n", "let x = a - a;\n"],
    ),
    b::BWR.with(
        &[
            ("let x = flags & MASK;\n", "let x = flags | MASK;\n"),
            ("let x = a >> 1;\n", "let x = a << 1;\n"),
        ],
        &["let x = a && b;\n", "match x { 1 | 2 => f(), _ => {} }\n"],
    ),
    b::UOD.with(
        &[("let x = -y;\n", "let x = y;\n")],
        &["let x = !y;\n", "match x { -1 => f(), _ => {} }\n"],
    ),
    b::ASR.with(
        &[("total += n;\n", "total -= n;\n"), ("x <<= 1;\n", "x >>= 1;\n")],
        &["text += \"a\";\n", "x = 1;\n"],
    ),
    b::AUA.with(
        &[("for x in xs { total += x; }\n", "for x in xs { total = x; }\n")],
        &["total += x;\n"],
    ),
    b::RBR.with(
        &[
            ("if xs.len() > 1 { f() }\n", "if xs.len() >= 1 { f() }\n"),
            (
                "fn f(n: usize, m: usize) -> bool { n < m }\n",
                "fn f(n: usize, m: usize) -> bool { n <= m }\n",
            ),
        ],
        &["let x = a < 0.5;\n", "let x = a < b;\n", "fn f<T>(n: Vec<T>) {}\n"],
    ),
    b::ROR.with(
        &[
            ("let x = a == b;\n", "let x = a != b;\n"),
            ("if a < b { f() }\n", "if a >= b { f() }\n"),
        ],
        &["let x: Vec<u8> = y;\n", "assert!(a == b);\n"],
    ),
    b::LCR.with(
        &[("let x = a && b;\n", "let x = a || b;\n")],
        &["let x = a || a;\n", "let f = || a;\n", "if let Some(x) = y && z { f() }\n"],
    ),
    b::CDL.with(
        &[("if a && b(c) { f() }\n", "if a { f() }\n"), ("let x = a || !b;\n", "let x = !b;\n")],
        &["let x = a && a;\n", "if let Some(x) = y && z { f() }\n"],
    ),
    b::NOD.with(
        &[("if !xs.is_empty() { f() }\n", "if xs.is_empty() { f() }\n")],
        &["let x = -y;\n", "let x = a != b;\n"],
    ),
    b::CNI.with(
        &[
            ("if a && b { f() }\n", "if !(a && b) { f() }\n"),
            ("while xs.is_empty() { f() }\n", "while !xs.is_empty() { f() }\n"),
        ],
        &["if a == b { f() }\n", "if !a { f() }\n", "if let Some(x) = y { f() }\n"],
    ),
    b::CRP.with(
        &[("let x = 8;\n", "let x = 9;\n"), ("let x = 0xffu8;\n", "let x = 0xfeu8;\n")],
        &[
            "let x = xs[0];\n",
            "let x = pair.0;\n",
            "for i in 0..3 { f() }\n",
            "match x { 1 => f(), _ => {} }\n",
            "let x = [a; 4];\n",
            "const VERSION: u32 = 3;\n",
            "#[repr(align(8))]\nstruct A;\n",
        ],
    ),
    b::IDX.with(
        &[("let x = xs[0];\n", "let x = xs[1];\n"), ("let x = xs[i];\n", "let x = xs[i - 1];\n")],
        &["let x = map[key];\n", "let x = &xs[1..];\n", "let x = map[3];\n"],
    ),
    b::SLB.with(
        &[
            ("let x = &xs[1..];\n", "let x = &xs[2..];\n"),
            ("let x = &xs[..n];\n", "let x = &xs[..n - 1];\n"),
        ],
        &["let x = &xs[..];\n", "for i in 0..n { f() }\n"],
    ),
    b::RNG.described("Move the bound of a range by one: `0..n` → `1..n`, `0..n - 1`").with(
        &[
            ("for i in 0..n { f(i) }\n", "for i in 0..n - 1 { f(i) }\n"),
            ("for i in 0..n { f(i) }\n", "for i in 1..n { f(i) }\n"),
        ],
        &["let x = &xs[0..n];\n", "match x { 0..=3 => f(), _ => {} }\n"],
    ),
    b::BLR.with(
        &[("let x = true;\n", "let x = false;\n")],
        &["while true { f() }\n", "#[serde(default = true)]\nstruct A;\n"],
    ),
    b::STR.with(
        &[
            ("let x = map.get(\"name\");\n", "let x = map.get(\"nam\");\n"),
            ("let x = a == \"on1\";\n", "let x = a == \"on\";\n"),
        ],
        &[
            "let x = \"name\";\n",
            "panic!(\"name\");\n",
            "let x = f.expect(\"a name\");\n",
            "let x = map.get(\"a\");\n",
        ],
    ),
];

const STATEMENTS: &[Rule] = &[
    b::IFD.with(
        &[("fn f() {\n    if a {\n        g();\n    }\n    h();\n}\n", "fn f() {\n    h();\n}\n")],
        &["if a { g() } else { h() }\n", "let x = if a { 1 } else { 2 };\n"],
    ),
    b::GRD.with(
        &[(
            "fn f() {\n    if a {\n        g();\n    }\n}\n",
            "fn f() {\n    {\n        g();\n    }\n}\n",
        )],
        &["fn f() { if let Some(x) = y { g(x) } }\n", "fn f() { if a { g() } else { h() } }\n"],
    ),
    b::IFS.with(
        &[("let x = if a { b } else { c };\n", "let x = if a { c } else { b };\n")],
        &["let x = if let Some(y) = a { y } else { c };\n", "if a { f() } else if b { g() }\n"],
    ),
    b::ELD.with(
        &[
            (
                "fn f() {\n    if a { g(); } else { h(); }\n    i();\n}\n",
                "fn f() {\n    if a { g(); }\n    i();\n}\n",
            ),
            (
                "fn f() {\n    match x {\n        1 => a(),\n        _ => b(),\n    }\n}\n",
                "fn f() {\n    match x {\n        _ => b(),\n    }\n}\n",
            ),
        ],
        &[
            "fn f() -> i32 { if a { 1 } else { 2 } }\n",
            "fn f() { match x { A => a(), B => b() } }\n",
            "fn f() {\n    let y;\n    if a { y = 1; } else { y = 2; }\n    g(y);\n}\n",
        ],
    ),
    b::BCS.with(
        &[("for x in xs { if x { break; } f(); }\n", "for x in xs { if x { continue; } f(); }\n")],
        &["loop { if x { break; } }\n", "while true { if x { break; } }\n"],
    ),
    b::OIL.with(
        &[
            ("for x in xs {\n    f(x);\n}\n", "for x in xs {\n    f(x);\n    break;\n}\n"),
            ("for x in xs { f(x) }\n", "for x in xs { f(x); break; }\n"),
        ],
        &["for x in xs { return x; }\n", "loop { f(); }\n", "for x in xs {}\n"],
    ),
    b::RTV.with(
        &[
            ("fn f() -> i32 { return g(); }\n", "fn f() -> i32 { return 0; }\n"),
            ("fn f() -> Option<A> {\n    g()\n}\n", "fn f() -> Option<A> {\n    None\n}\n"),
        ],
        &[
            "fn f() -> i32 { return 0; }\n",
            "fn f() -> A { g() }\n",
            "fn f() { g() }\n",
            "fn f() -> bool { false }\n",
        ],
    ),
    b::SSW.with(
        &[(
            "fn f() {\n    x.push(1);\n    y = x.len();\n    g(y);\n}\n",
            "fn f() {\n    y = x.len();\n    x.push(1);\n    g(y);\n}\n",
        )],
        &[
            "fn f() {\n    x.a();\n    y.b();\n    g();\n}\n",
            "fn f() {\n    let x = a();\n    x.b();\n}\n",
        ],
    ),
    b::EXS
        .described("Swallow an error: `f()?;` → `f().ok();`, `f()?` → `f().unwrap_or_default()`")
        .with(
            &[
                ("fn f() { g()?; }\n", "fn f() { g().ok(); }\n"),
                (
                    "fn f() { let n: usize = g()?; }\n",
                    "fn f() { let n: usize = g().unwrap_or_default(); }\n",
                ),
            ],
            &["fn f() { let a: A = g()?; }\n", "fn f() { h(g()?); }\n"],
        ),
    b::RSD.with(
        &[
            (
                "fn f() {\n    if a {\n        return Err(E);\n    }\n    g();\n}\n",
                "fn f() {\n    if a {\n    }\n    g();\n}\n",
            ),
            ("fn f() { if a { panic!(\"a\"); } g(); }\n", "fn f() { if a {  } g(); }\n"),
        ],
        &[
            "fn f() { return Err(E); }\n",
            "fn f() { if a { return 1; } }\n",
            "fn f() { if a { return Err(E); } else { g() } }\n",
        ],
    ),
    b::RLK.with(
        &[
            ("fn f() {\n    drop(guard);\n    g();\n}\n", "fn f() {\n    g();\n}\n"),
            ("fn f() {\n    file.flush();\n    g();\n}\n", "fn f() {\n    g();\n}\n"),
        ],
        &["fn f() { g(); }\n"],
    ),
];

const NAMES: &[Rule] = &[
    b::VMI.with(
        &[
            (
                "fn f(a: usize, b: usize) -> usize { g(a) }\n",
                "fn f(a: usize, b: usize) -> usize { g(b) }\n",
            ),
            ("fn f(a: &A, b: &A) { g(a); }\n", "fn f(a: &A, b: &A) { g(b); }\n"),
        ],
        &[
            "fn f(a: usize, b: i64) { g(a); }\n",
            "fn f(a: A, b: A) { g(a); }\n",
            "fn f(a: usize) { g(a); }\n",
            "fn f(a: usize) { let b = a; g(b); }\n",
        ],
    ),
    b::AAU.with(
        &[(
            "struct A { lo: u8, hi: u8 }\nimpl A { fn f(&self) -> u8 { self.lo + g(self.hi) } }\n",
            "struct A { lo: u8, hi: u8 }\nimpl A { fn f(&self) -> u8 { self.hi + g(self.hi) } }\n",
        )],
        &[
            "struct A { lo: u8, hi: i8 }\nimpl A { fn f(&self) -> u8 { self.lo + g(self.hi) } }\n",
            "impl A { fn f(&self) -> u8 { self.lo + self.hi } }\n",
        ],
    ),
    b::AAD.with(
        &[(
            "struct A { next: A }\nfn f(a: A) { g(a.next) }\n",
            "struct A { next: A }\nfn f(a: A) { g(a) }\n",
        )],
        &["struct A { next: B }\nfn f(a: A) { g(a.next) }\n", "fn f(a: A) { a.next() }\n"],
    ),
    b::WFN.with(
        &[(
            "fn up(n: u8) -> u8 { n }\nfn down(n: u8) -> u8 { n }\nfn f() { up(1); }\n",
            "fn up(n: u8) -> u8 { n }\nfn down(n: u8) -> u8 { n }\nfn f() { down(1); }\n",
        )],
        &[
            "fn up(n: u8) -> u8 { n }\nfn down(n: u16) -> u8 { n }\nfn f() { up(1); }\n",
            "fn f() { up(1); }\n",
        ],
    ),
    b::WCR.with(
        &[("fn f(a: &A, b: &A) { a.run(); }\n", "fn f(a: &A, b: &A) { b.run(); }\n")],
        &["fn f(a: &A, b: &B) { a.run(); }\n", "fn f(a: &A, b: &A) { let x = a.size; }\n"],
    ),
    b::ARS.with(
        &[
            ("fn f(a: &str, b: &str) { g(a, b); }\n", "fn f(a: &str, b: &str) { g(b, a); }\n"),
            (
                "fn g(x: A, y: A) {}\nfn f() { g(p(), q()); }\n",
                "fn g(x: A, y: A) {}\nfn f() { g(q(), p()); }\n",
            ),
        ],
        &[
            "fn f(a: &str, b: u8) { g(a, b); }\n",
            "fn f(a: u8, b: u8) { g(a, a); }\n",
            "fn f() { g(p(), q()); }\n",
        ],
    ),
    b::ARD.described("Give no option where one was given: `f(Some(x))` → `f(None)`").with(
        &[("let x = f(a, Some(b));\n", "let x = f(a, None);\n")],
        &["let x = f(a, b);\n", "let x = Some(b);\n"],
    ),
    b::FWD.with(
        &[
            ("let x = s.trim();\n", "let x = s;\n"),
            ("for x in xs.iter().rev() { f(x) }\n", "for x in xs.iter() { f(x) }\n"),
            (
                "fn g(n: u8) -> u8 { n }\nfn f() { let x = g(1); }\n",
                "fn g(n: u8) -> u8 { n }\nfn f() { let x = 1; }\n",
            ),
        ],
        &["let x = s.len();\n", "let x = g(y);\n"],
    ),
    b::ELR.with(
        &[("let x = vec![a, b, c];\n", "let x = vec![a, b];\n"), ("f(&[a, b]);\n", "f(&[b]);\n")],
        &["let x = [a, b];\n", "let x = vec![a];\n", "let x = vec![a; 3];\n"],
    ),
    b::ASD.with(
        &[
            (
                "fn f(n: u8) -> u8 {\n    let mut x = n;\n    x = g(x);\n    x\n}\n",
                "fn f(n: u8) -> u8 {\n    let mut x = n;\n    x\n}\n",
            ),
            (
                "impl A {\n    fn f(&mut self) {\n        self.n += 1;\n    }\n}\n",
                "impl A {\n    fn f(&mut self) {\n    }\n}\n",
            ),
        ],
        &[
            "fn f() {\n    let x;\n    x = 1;\n    g(x);\n}\n",
            "fn f() {\n    let mut x = 1;\n    x = 2;\n}\n",
        ],
    ),
    b::ASN.with(
        &[
            ("fn f() { let n: usize = g(); }\n", "fn f() { let n: usize = 0; }\n"),
            ("fn f() { let x = 8; }\n", "fn f() { let x = 0; }\n"),
        ],
        &["fn f() { let a: A = g(); }\n", "fn f() { let x = 0; }\n", "fn f() { let x = g(); }\n"],
    ),
];

const REST: &[Rule] = &[
    b::NCK.described(
        "Take it for granted that something is there: `if x.is_none()` → `if false`",
    )
    .with(
        &[("if x.is_none() { f() }\n", "if false { f() }\n"), ("if x.is_some() { f() }\n", "if true { f() }\n")],
        &["if x.is_empty() { f() }\n", "let x = y.is_none();\n"],
    ),
    b::CPD.described("Share instead of copying: `Arc::new((*a).clone())` → `Arc::clone(&a)`").with(
        &[("let x = Rc::new((*a).clone());\n", "let x = Rc::clone(&a);\n")],
        &["let x = a.clone();\n", "let x = Rc::new(A::new());\n"],
    ),
    b::AWD.with(
        &[("async fn f() { g().await; }\n", "async fn f() { g(); }\n")],
        &["async fn f() { let x = g().await; }\n"],
    ),
    b::LKD.described("Take no lock: delete the guard that nothing is reached through").with(
        &[("fn f() {\n    let _guard = m.lock().unwrap();\n    g();\n}\n", "fn f() {\n    g();\n}\n")],
        &["fn f() {\n    let n = m.lock().unwrap();\n    g(n);\n}\n", "fn f() {\n    let n = m.next().unwrap();\n}\n"],
    ),
    b::LKN.with(
        &[(
            "fn f() {\n    let _guard = m.lock().unwrap();\n    a();\n    b();\n}\n",
            "fn f() {\n    a();\n    let _guard = m.lock().unwrap();\n    b();\n}\n",
        )],
        &["fn f() {\n    let n = m.lock().unwrap();\n    g(n);\n    h();\n}\n"],
    ),
    b::LKO.with(
        &[(
            "fn f() {\n    let a = x.lock();\n    let b = y.lock();\n    g(a, b);\n}\nfn h() {\n    let a = x.lock();\n    let b = y.lock();\n    g(a, b);\n}\n",
            "fn f() {\n    let b = y.lock();\n    let a = x.lock();\n    g(a, b);\n}\nfn h() {\n    let a = x.lock();\n    let b = y.lock();\n    g(a, b);\n}\n",
        )],
        &["fn f() {\n    let a = x.lock();\n    let b = y.lock();\n    g(a, b);\n}\n"],
    ),
    b::LKR.described("Take a lock that is held already: the thread waits for itself").with(
        &[(
            "fn f() {\n    let n = m.lock().unwrap();\n    g(n);\n}\n",
            "fn f() {\n    let _n = m.lock().unwrap();\n    let n = m.lock().unwrap();\n    g(n);\n}\n",
        )],
        &["fn f() {\n    let n = m.next().unwrap();\n    g(n);\n}\n"],
    ),
    b::CVN.with(
        &[
            ("while !*ready { ready = cv.wait(ready).unwrap(); }\n", "if !*ready { ready = cv.wait(ready).unwrap(); }\n"),
            ("cv.notify_all();\n", "cv.notify_one();\n"),
        ],
        &["while a { b(); }\n", "cv.notify_one();\n"],
    ),
    b::JND.with(
        &[("fn f() {\n    handle.join().unwrap();\n    g();\n}\n", "fn f() {\n    g();\n}\n")],
        &["fn f() { let x = handle.join(); }\n", "fn f() {\n    a.run();\n    g();\n}\n"],
    ),
    b::FNS.with(
        &[("let x = a.min(b);\n", "let x = a.max(b);\n"), ("let x = xs.iter().any(f);\n", "let x = xs.iter().all(f);\n")],
        &["let x = a.sum();\n", "let x = min;\n"],
    ),
    b::MSW.with(
        &[("let x = s.starts_with(p);\n", "let x = s.ends_with(p);\n"), ("let x = s.find(p);\n", "let x = s.rfind(p);\n")],
        &["let x = find(p);\n", "let x = s.contains(p);\n"],
    ),
    b::CIV.with(
        &[("fn f() {\n    cache.clear();\n    g();\n}\n", "fn f() {\n    g();\n}\n")],
        &["fn f() {\n    xs.clear();\n    g();\n}\n", "fn f() {\n    cache.get(k);\n    g();\n}\n"],
    ),
];
