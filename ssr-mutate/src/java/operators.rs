//! The operators of Java with their examples.

use crate::braces::{self as b, Rule};

pub(super) const RULES: &[&[Rule]] = &[EXPRESSIONS, STATEMENTS, NAMES, CLASSES, REST];

const EXPRESSIONS: &[Rule] = &[
    b::AOR.with(
        &[
            ("int f(int a, int b) { return a + b; }\n", "int f(int a, int b) { return a - b; }\n"),
            ("x = a / b;\n", "x = a * b;\n"),
        ],
        &["x = a + b;\n", "x = a + \"s\";\n", "log.info(a * b);\n", "throw new E(a * b);\n"],
    ),
    b::AOD.with(
        &[
            ("x = n - 1;\n", "x = n;\n"),
            ("int f(int a, int b) { return a * b; }\n", "int f(int a, int b) { return b; }\n"),
        ],
        &["x = s + \"a\";\n", "x = a & b;\n"],
    ),
    b::OSW.with(
        &[("x = a - b * c;\n", "x = (b * c) - a;\n"), ("x = 1 << n;\n", "x = n << 1;\n")],
        &["x = a + b;\n", "x = a - a;\n"],
    ),
    b::BWR.with(
        &[("x = a & b;\n", "x = a | b;\n"), ("x = a >>> 3;\n", "x = a << 3;\n")],
        &["x = a && b;\n"],
    ),
    b::UOD.with(&[("x = -y;\n", "x = y;\n"), ("x = ~y;\n", "x = y;\n")], &["x = !y;\n"]),
    b::ASR.with(
        &[("n += 2;\n", "n -= 2;\n"), ("x <<= y;\n", "x >>= y;\n")],
        &["s += t;\n", "for (int i = 0; i < n; i += 2) { f(i); }\n"],
    ),
    b::AUA.with(
        &[("for (int x : xs) { n += x; }\n", "for (int x : xs) { n = x; }\n")],
        &["n += x;\n", "for (int i = 0; i < n; i += 2) { f(i); }\n"],
    ),
    b::RBR.with(
        &[
            ("ok = xs.size() > 1;\n", "ok = xs.size() >= 1;\n"),
            ("boolean f(int n) { return n < m; }\n", "boolean f(int n) { return n <= m; }\n"),
        ],
        &["ok = a < b;\n", "ok = a < 0.5;\n", "List<String> a = b;\n"],
    ),
    b::ROR.with(&[("ok = a == b;\n", "ok = a != b;\n")], &["ok = a && b;\n", "assert a == b;\n"]),
    b::IEQ.described("Compare by identity: `a.equals(b)` → `a == b`").with(
        &[("ok = a.equals(b);\n", "ok = a == b;\n"), ("ok = !a.equals(b);\n", "ok = !(a == b);\n")],
        &[
            "ok = super.equals(b);\n",
            "ok = a.equals(\"b\");\n",
            "ok = Objects.equals(a, b);\n",
            "ok = a == b;\n",
        ],
    ),
    b::LCR.with(&[("ok = a && b;\n", "ok = a || b;\n")], &["ok = a || a;\n", "ok = a & b;\n"]),
    b::CDL.with(
        &[("if (a && b(c)) { f(); }\n", "if (a) { f(); }\n"), ("ok = a || !b;\n", "ok = !b;\n")],
        &["ok = a && a;\n", "ok = a & b;\n"],
    ),
    b::NOD.with(&[("ok = !f(x);\n", "ok = f(x);\n")], &["x = -y;\n", "ok = a != b;\n"]),
    b::CNI.with(
        &[
            ("if (a && b) { f(); }\n", "if (!(a && b)) { f(); }\n"),
            ("while (ready()) { f(); }\n", "while (!ready()) { f(); }\n"),
        ],
        &[
            "if (a == b) { f(); }\n",
            "if (!a) { f(); }\n",
            "while (true) { f(); }\n",
            "if (a instanceof B b) { f(b); }\n",
        ],
    ),
    b::CRP.with(
        &[("x = 8;\n", "x = 9;\n"), ("x = 0xffL;\n", "x = 0xfeL;\n")],
        &[
            "x = xs[0];\n",
            "switch (x) { case 1: f(); }\n",
            "int version = 3;\n",
            "@A(3) class B {}\n",
            "x = 1.5;\n",
        ],
    ),
    b::IDX.with(
        &[("x = xs[0];\n", "x = xs[1];\n"), ("x = xs[i];\n", "x = xs[i - 1];\n")],
        &["x = xs[key];\n", "x = xs.get(0);\n"],
    ),
    b::RNG.with(
        &[(
            "for (int i = 0; i < n; i++) { f(i); }\n",
            "for (int i = 0; i < n - 1; i++) { f(i); }\n",
        )],
        &["for (int i = 0; i < 3; i++) { f(i); }\n", "for (int x : xs) { f(x); }\n"],
    ),
    b::BLR.with(
        &[("x = true;\n", "x = false;\n")],
        &["while (true) { f(); }\n", "@A(true) class B {}\n"],
    ),
    b::STR.with(
        &[
            ("x = map.get(\"name\");\n", "x = map.get(\"nam\");\n"),
            ("ok = s.equals(\"yes\");\n", "ok = s.equals(\"ye\");\n"),
        ],
        &["x = \"name\";\n", "log.get(\"name\");\n", "throw new E(\"name\");\n"],
    ),
    b::TER.with(
        &[("x = a ? b : c;\n", "x = a ? c : b;\n"), ("x = a ? b : c;\n", "x = b;\n")],
        &["x = a ? b : b;\n", "if (a) { b(); } else { c(); }\n"],
    ),
];

const STATEMENTS: &[Rule] = &[
    b::IFD.with(
        &[("void f() {\n    if (a) {\n        g();\n    }\n    h();\n}\n", "void f() {\n    h();\n}\n")],
        &["if (a) { f(); } else { g(); }\n"],
    ),
    b::GRD.with(
        &[("void f() {\n    if (a) {\n        g();\n    }\n}\n", "void f() {\n    {\n        g();\n    }\n}\n")],
        &["void f() {\n    if (a) { return; }\n    g();\n}\n", "if (a instanceof B b) { f(b); }\n", "if (a) { f(); } else { g(); }\n"],
    ),
    b::IFS.with(
        &[("if (a) { f(); } else { g(); }\n", "if (a) { g(); } else { f(); }\n")],
        &["if (a) { f(); } else if (b) { g(); }\n", "if (a) { f(); } else { f(); }\n"],
    ),
    b::ELD.with(
        &[
            ("void f() { if (a) { g(); } else { h(); } }\n", "void f() { if (a) { g(); } }\n"),
            (
                "void f() {\n    switch (x) {\n        case 1:\n            g();\n            break;\n        default:\n            h();\n    }\n}\n",
                "void f() {\n    switch (x) {\n        default:\n            h();\n    }\n}\n",
            ),
        ],
        &[
            "int f() { if (a) { return 1; } else { return 2; } }\n",
            "void f() { int x; if (a) { x = 1; } else { x = 2; } g(x); }\n",
            "int x = switch (y) { case A -> 1; case B -> 2; };\n",
        ],
    ),
    b::BCS.with(
        &[("for (int x : xs) { if (x > y) { break; } f(); }\n", "for (int x : xs) { if (x > y) { continue; } f(); }\n")],
        &["while (true) { if (x) { break; } }\n", "for (int x : xs) { switch (x) { case 1: break; } }\n"],
    ),
    b::ZIL.with(
        &[
            ("for (String x : xs) { f(x); }\n", "for (String x : new String[0]) { f(x); }\n"),
            ("for (Map<A, B> x : xs) { f(x); }\n", "for (Map<A, B> x : java.util.List.<Map<A, B>>of()) { f(x); }\n"),
        ],
        &["for (var x : xs) { f(x); }\n", "for (int i = 0; i < n; i++) { f(i); }\n"],
    ),
    b::OIL.with(
        &[("for (int x : xs) {\n    f(x);\n}\n", "for (int x : xs) {\n    f(x);\n    break;\n}\n")],
        &["while (true) { f(); }\n", "for (int x : xs) { return; }\n", "for (int x : xs) f(x);\n"],
    ),
    b::RTV.with(
        &[("int f() { return g(); }\n", "int f() { return 0; }\n"), ("List<A> f() { return g(); }\n", "List<A> f() { return null; }\n")],
        &["int f() { return 0; }\n", "A f() { return null; }\n", "void f() { return; }\n", "boolean f() { return false; }\n"],
    ),
    b::SSW.with(
        &[("void f() {\n    x.push(1);\n    y = x.size();\n}\n", "void f() {\n    y = x.size();\n    x.push(1);\n}\n")],
        &["void f() {\n    x.a();\n    y.b();\n}\n", "void f() {\n    int x;\n    x = 1;\n    y = x;\n}\n", "void f() {\n    A x = a();\n    x.b();\n}\n"],
    ),
    b::EXW.described("Catch every exception: `catch (A e)` → `catch (Exception e)`").with(
        &[("try { f(); } catch (A e) { g(); }\n", "try { f(); } catch (Exception e) { g(); }\n")],
        &[
            "try { f(); } catch (Exception e) { g(); }\n",
            "try { f(); } catch (A e) { g(e.getCode()); }\n",
            "try { f(); } catch (A e) { throw e; }\n",
        ],
    ),
    b::EXN.with(
        &[(
            "try { f(); } catch (A | IllegalStateException e) { g(); }\n",
            "try { f(); } catch (A e) { g(); }\n",
        )],
        &["try { f(); } catch (IOException | A e) { g(); }\n", "try { f(); } catch (A e) { g(); }\n"],
    ),
    b::EXS.with(
        &[("try { f(); } catch (A e) { g(); }\n", "try { f(); } catch (A e) { }\n")],
        &["try { f(); } catch (A e) { }\n", "int f() { try { return g(); } catch (A e) { return 1; } }\n"],
    ),
    b::TRU.with(
        &[("try { f(); } catch (IllegalStateException e) { g(); }\n", "{ f(); }\n")],
        &["try { f(); } catch (IOException e) { g(); }\n", "try (A a = b()) { f(); } catch (IllegalStateException e) { g(); }\n"],
    ),
    b::RSD.with(
        &[
            ("void f() {\n    if (a) {\n        throw new E();\n    }\n    g();\n}\n", "void f() {\n    if (a) {\n    }\n    g();\n}\n"),
            ("void f() { if (a) throw b; g(); }\n", "void f() { if (a) {} g(); }\n"),
        ],
        &["int f() { throw new E(); }\n", "int f() { if (a) { return 1; } else { throw new E(); } }\n"],
    ),
    b::FND.with(
        &[
            ("try { f(); } catch (A e) { g(); } finally { h(); }\n", "try { f(); } catch (A e) { g(); }\n"),
            ("try { f(); } finally { h(); }\n", "{ f(); }\n"),
        ],
        &["try { f(); } catch (A e) { g(); }\n"],
    ),
    b::RLK.with(
        &[("void f() {\n    file.close();\n    g();\n}\n", "void f() {\n    g();\n}\n"), ("void f() { lock.unlock(); g(); }\n", "void f() {  g(); }\n")],
        &["void f() { close(); }\n", "void f() { file.open(); }\n"],
    ),
];

const NAMES: &[Rule] = &[
    b::VMI.with(
        &[("int f(int a, int b) { return a; }\n", "int f(int a, int b) { return b; }\n")],
        &["int f(int a, long b) { return a; }\n", "int f(int a) { int b; return a; }\n", "int f(int a) { int b = a; return b; }\n"],
    ),
    b::AAU.with(
        &[(
            "class A { int lo; int hi; int f() { return this.lo + g(this.hi); } }\n",
            "class A { int lo; int hi; int f() { return this.hi + g(this.hi); } }\n",
        )],
        &["class A { int lo; long hi; int f() { return this.lo + g(this.hi); } }\n", "class A { int f() { return b.lo + b.hi; } }\n"],
    ),
    b::AAD.with(
        &[(
            "class A { A next; A f(A a) { return a.next; } }\n",
            "class A { A next; A f(A a) { return a; } }\n",
        )],
        &["class A { B next; B f(A a) { return a.next; } }\n", "class A { A f(A a) { return a.next(); } }\n"],
    ),
    b::WFN.with(
        &[(
            "class A { int up(int n) { return n; } int down(int n) { return n; } void f() { up(1); } }\n",
            "class A { int up(int n) { return n; } int down(int n) { return n; } void f() { down(1); } }\n",
        )],
        &[
            "class A { int up(int n) { return n; } int down(long n) { return n; } void f() { up(1); } }\n",
            "class A { void f() { up(1); } }\n",
        ],
    ),
    b::WCR.with(
        &[("void f(A a, A b) { a.run(); }\n", "void f(A a, A b) { b.run(); }\n")],
        &["void f(A a, B b) { a.run(); }\n", "void f(A a, A b) { x = a.size; }\n"],
    ),
    b::ARS.with(
        &[("void f(String a, String b) { g(a, b); }\n", "void f(String a, String b) { g(b, a); }\n")],
        &["void f(String a, int b) { g(a, b); }\n", "void f(int a, int b) { Math.max(a, b); }\n", "void f(int a) { g(a, a); }\n"],
    ),
    b::ARD.described("Drop the last argument where another method of that name does without it").with(
        &[(
            "class A { int g(int a) { return a; } int g(int a, int b) { return b; } int f() { return g(1, 2); } }\n",
            "class A { int g(int a) { return a; } int g(int a, int b) { return b; } int f() { return g(1); } }\n",
        )],
        &["class A { int g(int a, int b) { return b; } int f() { return g(1, 2); } }\n", "x = f(a, b);\n"],
    ),
    b::FWD.with(
        &[
            ("x = s.trim();\n", "x = s;\n"),
            ("x = Math.abs(n);\n", "x = n;\n"),
        ],
        &["x = s.length();\n", "s.trim();\n", "x = f(y);\n"],
    ),
    b::ELR.with(
        &[("int[] x = {1, 2, 3};\n", "int[] x = {1, 2};\n"), ("x = new int[] {a, b};\n", "x = new int[] {b};\n")],
        &["int[] x = {1};\n", "x = new int[3];\n"],
    ),
    b::ASD.with(
        &[
            ("int f(int x) {\n    x = g(x);\n    return x;\n}\n", "int f(int x) {\n    return x;\n}\n"),
            ("void f(A a) {\n    a.n = 1;\n    g();\n}\n", "void f(A a) {\n    g();\n}\n"),
        ],
        &["int f() {\n    int x;\n    x = 1;\n    return x;\n}\n", "class A { A(int n) { this.n = n; } }\n", "void f(int x) { x = 1; }\n"],
    ),
    b::ASN.with(
        &[("void f() { int n = g(); }\n", "void f() { int n = 0; }\n"), ("void f() { A a = g(); }\n", "void f() { A a = null; }\n")],
        &["void f() { var a = g(); }\n", "void f() { for (int i = 5; i < n; i++) {} }\n", "void f() { A a = null; }\n"],
    ),
];

const CLASSES: &[Rule] = &[
    b::SFD.with(
        &[("class A { A(int n) { this.n = n; } }\n", "class A { A(int n) { n = n; } }\n")],
        &["class A { A(int m) { this.n = m; } }\n", "class A { A(int n) { b.n = n; } }\n"],
    ),
    b::CLV.with(
        &[(
            "class A { private final List<B> bs = new ArrayList<>(); }\n",
            "class A { private static final List<B> bs = new ArrayList<>(); }\n",
        )],
        &[
            "class A { static List<B> bs = new ArrayList<>(); }\n",
            "class A { int n = 0; }\n",
            "class A { List<B> bs; }\n",
        ],
    ),
    b::CPD
        .described("Share instead of copying: `new ArrayList<>(xs)` → `xs`, `a.clone()` → `a`")
        .with(
            &[
                (
                    "void f(List<A> xs) { List<A> ys = new ArrayList<>(xs); }\n",
                    "void f(List<A> xs) { List<A> ys = xs; }\n",
                ),
                ("x = Collections.unmodifiableList(xs);\n", "x = xs;\n"),
            ],
            &[
                "x = new ArrayList<>(10);\n",
                "void f(Set<A> xs) { List<A> ys = new ArrayList<>(xs); }\n",
                "x = a.clone();\n",
            ],
        ),
    b::SCL.with(
        &[(
            "class A extends B { void close() {\n    super.close();\n    f();\n} }\n",
            "class A extends B { void close() {\n    f();\n} }\n",
        )],
        &[
            "class A extends B { int f() { return super.f(); } }\n",
            "class A { void f() { g(); } }\n",
        ],
    ),
    b::IOD.with(
        &[
            (
                "class A {\n    int n;\n    int hashCode() { return n; }\n}\n",
                "class A {\n    int n;\n}\n",
            ),
            (
                "class B { void f() { g(); } }\nclass A extends B {\n    void f() { h(); }\n}\n",
                "class B { void f() { g(); } }\nclass A extends B {\n}\n",
            ),
        ],
        &["class A { void f() { h(); } }\n", "class A extends B { void f() { h(); } }\n"],
    ),
    b::BCR.with(
        &[
            ("class A implements Serializable { }\n", "class A { }\n"),
            ("class A implements B, Cloneable { }\n", "class A implements B { }\n"),
        ],
        &["class A implements B { }\n", "class A extends B { }\n"],
    ),
    b::DDL.described("Delete an annotation that does something").with(
        &[(
            "class A {\n    @Transactional\n    void f() { }\n}\n",
            "class A {\n    void f() { }\n}\n",
        )],
        &[
            "class A { @Override void f() { } }\n",
            "class A { @SuppressWarnings(\"x\") void f() { } }\n",
        ],
    ),
    b::SUP.with(
        &[(
            "class A extends B { void f() { super.g(); } }\n",
            "class A extends B { void f() { this.g(); } }\n",
        )],
        &[
            "class A extends B { void f() { super.f(); } }\n",
            "class A extends B { void f() { this.g(); } }\n",
        ],
    ),
];

const REST: &[Rule] = &[
    b::ISN.described("Ask only whether something is there: `x instanceof A` → `x != null`").with(
        &[("ok = x instanceof A;\n", "ok = x != null;\n")],
        &["if (x instanceof A a) { f(a); }\n", "ok = x == a;\n"],
    ),
    b::NCK.described("Take it for granted that something is there: `if (x == null)` → `if (false)`").with(
        &[("if (x == null) { f(); }\n", "if (false) { f(); }\n"), ("if (x != null) { f(); }\n", "if (true) { f(); }\n")],
        &["if (x == y) { f(); }\n", "ok = x == null;\n"],
    ),
    b::LKD.with(
        &[
            ("synchronized (lock) { f(); }\n", "{ f(); }\n"),
            (
                "void f() {\n    lock.lock();\n    try {\n        g();\n    } finally {\n        lock.unlock();\n    }\n}\n",
                "void f() {\n    try {\n        g();\n    } finally {\n    }\n}\n",
            ),
        ],
        &["void f() { a.lock(); b.unlock(); }\n", "void f() { a.open(); a.unlock(); }\n"],
    ),
    b::LKN.with(
        &[
            (
                "void f() {\n    synchronized (lock) {\n        a();\n        b();\n    }\n}\n",
                "void f() {\n    synchronized (lock) {\n        a();\n    }\n    b();\n}\n",
            ),
            ("void f() {\n    lock.lock();\n    a();\n    lock.unlock();\n}\n", "void f() {\n    a();\n    lock.lock();\n    lock.unlock();\n}\n"),
        ],
        &["void f() { synchronized (lock) { int x = a(); b(x); } }\n", "void f() { synchronized (lock) { a(); } }\n"],
    ),
    b::LKO.with(
        &[(
            "class A {\n    void f() { synchronized (a) { synchronized (b) { x(); } } }\n    void g() { synchronized (a) { synchronized (b) { y(); } } }\n}\n",
            "class A {\n    void f() { synchronized (b) { synchronized (a) { x(); } } }\n    void g() { synchronized (a) { synchronized (b) { y(); } } }\n}\n",
        )],
        &["class A { void f() { synchronized (a) { synchronized (b) { x(); } } } }\n"],
    ),
    b::LKR.described("Take a lock once more than it is given back").with(
        &[("void f() {\n    lock.lock();\n    g();\n}\n", "void f() {\n    lock.lock();\n    lock.lock();\n    g();\n}\n")],
        &["void f() { lock.unlock(); }\n", "void f() { a.open(); }\n"],
    ),
    b::CVN.with(
        &[("while (!ready) { wait(); }\n", "if (!ready) { wait(); }\n"), ("lock.notifyAll();\n", "lock.notify();\n")],
        &["while (a) { b(); }\n", "while (true) { wait(); }\n", "while (a) { wait(); if (b) break; }\n"],
    ),
    b::FNS.with(&[("x = Math.max(a, b);\n", "x = Math.min(a, b);\n"), ("ok = s.anyMatch(p);\n", "ok = s.allMatch(p);\n")], &["x = f(a);\n"]),
    b::MSW.with(
        &[("ok = s.startsWith(p);\n", "ok = s.endsWith(p);\n"), ("x = s.indexOf(c);\n", "x = s.lastIndexOf(c);\n")],
        &["x = indexOf(c);\n", "x = s.contains(c);\n"],
    ),
    b::CIV.with(
        &[("void f() {\n    cache.clear();\n    g();\n}\n", "void f() {\n    g();\n}\n")],
        &["void f() { xs.clear(); }\n", "void f() { cache.get(k); }\n"],
    ),
    b::CKD.with(
        &[("x = cache.get(a + \":\" + b);\n", "x = cache.get(a);\n"), ("String key = a + \":\" + b;\n", "String key = a;\n")],
        &["x = map.get(a + \":\" + b);\n", "x = cache.get(a);\n", "String name = a + \":\" + b;\n"],
    ),
];
