//! The operators of JavaScript and TypeScript with their examples.

use crate::braces::{self as b, Rule};

pub(super) const RULES: &[&[Rule]] = &[EXPRESSIONS, STATEMENTS, NAMES, TYPES, REST];

const EXPRESSIONS: &[Rule] = &[
    b::AOR.with(
        &[("x = a + b;\n", "x = a - b;\n"), ("x = a / b;\n", "x = a * b;\n")],
        &["x = a + \"s\";\n", "x = `s` + a;\n", "console.log(a + b);\n", "throw new E(a * b);\n"],
    ),
    b::AOD.with(
        &[("x = n - 1;\n", "x = n;\n"), ("x = a * b;\n", "x = b;\n")],
        &["x = s + \"a\";\n", "x = a & b;\n"],
    ),
    b::OSW.with(
        &[("x = a - b * c;\n", "x = (b * c) - a;\n"), ("x = a ** b;\n", "x = b ** a;\n")],
        &["x = a + b;\n", "x = a - a;\n"],
    ),
    b::BWR.with(
        &[("x = a & b;\n", "x = a | b;\n"), ("x = a >>> 3;\n", "x = a << 3;\n")],
        &["x = a && b;\n", "type A = B | C;\n"],
    ),
    b::UOD.with(
        &[("x = -y;\n", "x = y;\n"), ("x = ~y;\n", "x = y;\n")],
        &["x = !y;\n", "x = typeof y;\n"],
    ),
    b::ASR.with(
        &[("n += 2;\n", "n -= 2;\n"), ("x <<= y;\n", "x >>= y;\n")],
        &["s += \"t\";\n", "for (let i = 0; i < n; i += 2) { f(i); }\n"],
    ),
    b::AUA.with(
        &[("for (const x of xs) { n += x; }\n", "for (const x of xs) { n = x; }\n")],
        &["n += x;\n", "for (let i = 0; i < n; i += 2) { f(i); }\n"],
    ),
    b::RBR.with(
        &[
            ("ok = xs.length > 1;\n", "ok = xs.length >= 1;\n"),
            ("ok = index < m;\n", "ok = index <= m;\n"),
        ],
        &["ok = price < 0.5;\n", "ok = a < b;\n", "const x: A<B> = c;\n"],
    ),
    b::ROR.with(
        &[("ok = a === b;\n", "ok = a !== b;\n"), ("ok = a < b;\n", "ok = a >= b;\n")],
        &["ok = a && b;\n"],
    ),
    b::MNR.with(
        &[
            ("ok = xs.includes(x);\n", "ok = !xs.includes(x);\n"),
            ("if (\"k\" in o) { f(); }\n", "if (!(\"k\" in o)) { f(); }\n"),
        ],
        &["ok = !xs.includes(x);\n", "for (const k in o) { f(k); }\n", "ok = xs.get(x);\n"],
    ),
    b::IEQ.with(
        &[("ok = a === b;\n", "ok = a == b;\n"), ("ok = a !== b;\n", "ok = a != b;\n")],
        &["ok = a == b;\n", "a = b;\n"],
    ),
    b::LCR.with(&[("ok = a && b;\n", "ok = a || b;\n")], &["ok = a || a;\n", "ok = a ?? b;\n"]),
    b::CDL.with(
        &[("if (a && b(c)) { f(); }\n", "if (a) { f(); }\n"), ("ok = a || !b;\n", "ok = !b;\n")],
        &["ok = a && a;\n", "ok = a ?? b;\n"],
    ),
    b::NOD.with(&[("ok = !f(x);\n", "ok = f(x);\n")], &["x = -y;\n", "ok = a !== b;\n"]),
    b::CNI.with(
        &[
            ("if (a && b) { f(); }\n", "if (!(a && b)) { f(); }\n"),
            ("while (ready()) { f(); }\n", "while (!ready()) { f(); }\n"),
        ],
        &[
            "if (a === b) { f(); }\n",
            "if (!a) { f(); }\n",
            "while (true) { f(); }\n",
            "if (xs.includes(x)) { f(); }\n",
        ],
    ),
    b::CRP.with(
        &[("x = 8;\n", "x = 9;\n"), ("x = 0xff;\n", "x = 0xfe;\n"), ("x = 0;\n", "x = -1;\n")],
        &[
            "x = xs[0];\n",
            "switch (x) { case 1: f(); }\n",
            "const VERSION = 3;\n",
            "x = 1.5;\n",
            "x = 1n;\n",
            "type A = 1 | 2;\n",
            "enum A { B = 1 }\n",
        ],
    ),
    b::IDX.with(
        &[("x = xs[0];\n", "x = xs[1];\n"), ("x = xs[i];\n", "x = xs[i - 1];\n")],
        &["x = o[key];\n", "x = o[\"a\"];\n", "x = byIdMap[3];\n"],
    ),
    b::RNG.with(
        &[(
            "for (let i = 0; i < n; i++) { f(i); }\n",
            "for (let i = 0; i < n - 1; i++) { f(i); }\n",
        )],
        &["for (let i = 0; i < 3; i++) { f(i); }\n", "for (const x of xs) { f(x); }\n"],
    ),
    b::BLR.with(
        &[("x = true;\n", "x = false;\n")],
        &["while (true) { f(); }\n", "let x: true = y;\n"],
    ),
    b::STR.with(
        &[
            ("x = o[\"name\"];\n", "x = o[\"nam\"];\n"),
            ("ok = s === 'yes';\n", "ok = s === 'ye';\n"),
        ],
        &[
            "x = \"name\";\n",
            "import a from \"name\";\n",
            "throw new E(\"name\");\n",
            "let x: \"name\" = y;\n",
        ],
    ),
    b::TER.with(
        &[("x = a ? b : c;\n", "x = a ? c : b;\n"), ("x = a ? b : c;\n", "x = b;\n")],
        &["x = a ? b : b;\n", "let f = (x?: A) => x;\n"],
    ),
];

const STATEMENTS: &[Rule] = &[
    b::IFD.with(
        &[
            (
                "function f() {\n  if (a) {\n    g();\n  }\n  h();\n}\n",
                "function f() {\n  h();\n}\n",
            ),
            ("while (a) if (b) c();\n", "while (a) {}\n"),
        ],
        &["if (a) { f(); } else { g(); }\n"],
    ),
    b::GRD.with(
        &[("if (a) { f(); }\n", "{ f(); }\n"), ("if (a) f();\n", "f();\n")],
        &["if (a) { f(); } else { g(); }\n"],
    ),
    b::IFS.with(
        &[("if (a) { f(); } else { g(); }\n", "if (a) { g(); } else { f(); }\n")],
        &["if (a) { f(); } else if (b) { g(); }\n", "if (a) { f(); } else { f(); }\n"],
    ),
    b::ELD.with(
        &[
            ("if (a) { f(); } else { g(); }\n", "if (a) { f(); }\n"),
            (
                "if (a) { f(); } else if (b) { g(); } else { h(); }\n",
                "if (a) { f(); } else { h(); }\n",
            ),
            (
                "switch (x) {\n  case 1:\n    g();\n    break;\n  default:\n    h();\n}\n",
                "switch (x) {\n  default:\n    h();\n}\n",
            ),
        ],
        &["if (a) { f(); }\n", "switch (x) { default: f(); }\n"],
    ),
    b::BCS.with(
        &[(
            "for (const x of xs) { if (x) { break; } f(); }\n",
            "for (const x of xs) { if (x) { continue; } f(); }\n",
        )],
        &[
            "while (true) { if (x) { break; } }\n",
            "for (const x of xs) { switch (x) { case 1: break; } }\n",
        ],
    ),
    b::ZIL.with(
        &[("for (const x of xs) { f(x); }\n", "for (const x of []) { f(x); }\n")],
        &["for (const k in o) { f(k); }\n", "for (let i = 0; i < n; i++) { f(i); }\n"],
    ),
    b::OIL.with(
        &[("for (const x of xs) {\n  f(x);\n}\n", "for (const x of xs) {\n  f(x);\n  break;\n}\n")],
        &["for (const x of xs) { return; }\n", "for (const x of xs) f(x);\n"],
    ),
    b::RTV.with(
        &[
            ("function f() { return g(); }\n", "function f() { return undefined; }\n"),
            ("function f() { return [a]; }\n", "function f() { return []; }\n"),
            ("function f(): number { return g(); }\n", "function f(): number { return 0; }\n"),
        ],
        &[
            "function f() { return; }\n",
            "function f() { return null; }\n",
            "function f() { return false; }\n",
            "function f(): A { return g(); }\n",
        ],
    ),
    b::SSW.with(
        &[(
            "function f() {\n  x.push(1);\n  y = x.length;\n}\n",
            "function f() {\n  y = x.length;\n  x.push(1);\n}\n",
        )],
        &[
            "function f() {\n  x.a();\n  y.b();\n}\n",
            "function f() {\n  const x = a();\n  x.b();\n}\n",
        ],
    ),
    b::EXW
        .described(
            "Take any error for the one that was meant: `e instanceof A` → `e instanceof Error`",
        )
        .with(
            &[(
                "try { f(); } catch (e) { if (e instanceof A) { g(); } else { throw e; } }\n",
                "try { f(); } catch (e) { if (e instanceof Error) { g(); } else { throw e; } }\n",
            )],
            &[
                "try { f(); } catch (e) { if (x instanceof A) { g(); } }\n",
                "ok = e instanceof A;\n",
            ],
        ),
    b::EXS.with(
        &[("try { f(); } catch (e) { g(e); }\n", "try { f(); } catch (e) { }\n")],
        &["try { f(); } catch (e) { }\n", "try { f(); } finally { g(); }\n"],
    ),
    b::TRU.with(
        &[("try { f(); } catch (e) { g(); }\n", "{ f(); }\n")],
        &["try { f(); } finally { g(); }\n"],
    ),
    b::RSD.with(
        &[
            (
                "function f() {\n  if (a) {\n    throw new E();\n  }\n  g();\n}\n",
                "function f() {\n  if (a) {\n  }\n  g();\n}\n",
            ),
            ("if (a) throw b;\n", "if (a) {}\n"),
        ],
        &["function f() { throw new E(); }\n", "if (a) { return 1; }\n"],
    ),
    b::FND.with(
        &[
            (
                "try { f(); } catch (e) { g(); } finally { h(); }\n",
                "try { f(); } catch (e) { g(); }\n",
            ),
            ("try { f(); } finally { h(); }\n", "{ f(); }\n"),
        ],
        &["try { f(); } catch (e) { g(); }\n"],
    ),
    b::RLK.with(
        &[("function f() {\n  file.close();\n  g();\n}\n", "function f() {\n  g();\n}\n")],
        &["close();\n", "file.open();\n"],
    ),
];

const NAMES: &[Rule] = &[
    b::VMI.with(
        &[
            (
                "function f(left, right) { return g(left); }\n",
                "function f(left, right) { return g(right); }\n",
            ),
            (
                "const f = (a: string, b: string) => g(a);\n",
                "const f = (a: string, b: string) => g(b);\n",
            ),
        ],
        &[
            "function f(a) { return g(a); }\n",
            "function f(a) { const b = a; return b; }\n",
            "function f(callback, items) { return g(items); }\n",
            "function f(a: string, b: number) { return g(a); }\n",
        ],
    ),
    b::AAU.with(
        &[(
            "class A { f() { this.lo = 1; return g(this.hi); } }\n",
            "class A { f() { this.lo = 1; return g(this.lo); } }\n",
        )],
        &[
            "class A { f() { return g(this.hi); } }\n",
            "class A { f() { this.run(); return this.hi; } }\n",
        ],
    ),
    b::AAD.with(
        &[("function f(a) { return g(a.size); }\n", "function f(a) { return g(a); }\n")],
        &[
            "function f(a) { a.size = 1; }\n",
            "function f(a) { return a.size(); }\n",
            "function f() { return A.MAX; }\n",
        ],
    ),
    b::WFN.with(
        &[(
            "function up(n) {}\nfunction down(n) {}\nfunction f() { up(1); }\n",
            "function up(n) {}\nfunction down(n) {}\nfunction f() { down(1); }\n",
        )],
        &[
            "function up(n) {}\nfunction down(n, m) {}\nfunction f() { up(1); }\n",
            "function f() { up(1); }\n",
        ],
    ),
    b::WCR.with(
        &[(
            "function f(left, right) { left.run(); }\n",
            "function f(left, right) { right.run(); }\n",
        )],
        &["function f(a: A, b: B) { a.run(); }\n", "function f(left, right) { x = left.size; }\n"],
    ),
    b::ARS.with(
        &[("f(a, b);\n", "f(b, a);\n"), ("new A(x, y);\n", "new A(y, x);\n")],
        &[
            "Math.max(a, b);\n",
            "f(a, a);\n",
            "f(a, () => b);\n",
            "f(a, ...b);\n",
            "console.log(a, b);\n",
        ],
    ),
    b::ARD.with(&[("f(a, b);\n", "f(a);\n")], &["f(a);\n", "s.replace(a, b);\n", "f(a, ...b);\n"]),
    b::FWD.with(
        &[("x = s.trim();\n", "x = s;\n"), ("x = Math.floor(n);\n", "x = n;\n")],
        &["x = s.length();\n", "xs.sort();\n", "x = f(y);\n"],
    ),
    b::ELR.with(
        &[("x = [a, b, c];\n", "x = [a, b];\n"), ("x = [a, b];\n", "x = [b];\n")],
        &["x = [a];\n", "[a, b] = c;\n", "const [a, b] = c;\n"],
    ),
    b::ASD.with(
        &[
            ("function f(x) {\n  x = g(x);\n  return x;\n}\n", "function f(x) {\n  return x;\n}\n"),
            ("function f(a) {\n  a.n = 1;\n  g();\n}\n", "function f(a) {\n  g();\n}\n"),
        ],
        &[
            "function f() { let x; x = 1; return x; }\n",
            "class A { constructor(n) { this.n = n; } }\n",
            "function f(x) { x = 1; }\n",
        ],
    ),
    b::ASN.with(
        &[
            ("function f() { let n = g(); }\n", "function f() { let n = undefined; }\n"),
            ("function f() { let n: number = g(); }\n", "function f() { let n: number = 0; }\n"),
        ],
        &[
            "function f() { const g = () => 1; }\n",
            "function f() { let a: A = g(); }\n",
            "const x = g();\n",
            "function f() { const { a } = b; }\n",
        ],
    ),
];

const TYPES: &[Rule] = &[
    b::TCD.with(
        &[("x = Number(y);\n", "x = y;\n"), ("f(parseInt(y, 10));\n", "f(y);\n")],
        &["x = f(y);\n", "x = a.Number(y);\n"],
    ),
    b::TCS
        .described("Convert in another way: `parseInt` ↔ `parseFloat`, `Math.round` → `Math.floor`")
        .with(
            &[
                ("x = parseFloat(y);\n", "x = parseInt(y);\n"),
                ("x = Math.round(y);\n", "x = Math.floor(y);\n"),
            ],
            &["x = parseInt(y, 10);\n", "x = round(y);\n"],
        ),
    b::ISN.described("Ask less about a type: `Array.isArray(x)` → `typeof x === \"object\"`").with(
        &[
            ("ok = Array.isArray(x);\n", "ok = typeof x === \"object\";\n"),
            ("ok = x instanceof A;\n", "ok = x instanceof Object;\n"),
        ],
        &["ok = isArray(x);\n", "ok = x in a;\n"],
    ),
    b::TVF.with(
        &[
            ("x = a ?? b;\n", "x = a || b;\n"),
            ("ok = x === null;\n", "ok = !x;\n"),
            ("if (x !== undefined) { f(); }\n", "if (x) { f(); }\n"),
        ],
        &["x = a || b;\n", "ok = x === 0;\n"],
    ),
    b::NCK
        .described("Take it for granted that something is there: `if (x === null)` → `if (false)`")
        .with(
            &[
                ("if (x === null) { f(); }\n", "if (false) { f(); }\n"),
                ("if (x != null) { f(); }\n", "if (true) { f(); }\n"),
            ],
            &["if (x === y) { f(); }\n", "ok = x === null;\n"],
        ),
    b::CPD
        .described(
            "Share instead of copying: `[...xs]` → `xs`, `{ ...o }` → `o`, `xs.slice()` → `xs`",
        )
        .with(
            &[
                ("x = [...xs];\n", "x = xs;\n"),
                ("x = { ...o };\n", "x = o;\n"),
                ("x = structuredClone(o);\n", "x = o;\n"),
                ("x = xs.slice();\n", "x = xs;\n"),
            ],
            &["x = [...xs, y];\n", "x = xs.slice(1);\n", "x = { ...o, a };\n"],
        ),
    b::SFD.with(
        &[(
            "class A { constructor(n) { this.n = n; } }\n",
            "class A { constructor(n) { n = n; } }\n",
        )],
        &["class A { constructor(m) { this.n = m; } }\n", "function f(n) { a.n = n; }\n"],
    ),
    b::SCL.with(
        &[(
            "class A extends B { f() {\n  super.f();\n  g();\n} }\n",
            "class A extends B { f() {\n  g();\n} }\n",
        )],
        &[
            "class A extends B { constructor() { super(); } }\n",
            "class A extends B { f() { return super.f(); } }\n",
        ],
    ),
    b::IOD.with(
        &[(
            "class B { f() { g(); } }\nclass A extends B {\n  f() { h(); }\n}\n",
            "class B { f() { g(); } }\nclass A extends B {\n}\n",
        )],
        &["class A { f() { h(); } }\n", "class A extends B { f() { h(); } }\n"],
    ),
    b::DDL.described("Delete a decorator").with(
        &[("class A {\n  @memo\n  f() {}\n}\n", "class A {\n  f() {}\n}\n")],
        &["class A { f() {} }\n"],
    ),
];

const REST: &[Rule] = &[
    b::AWD.with(
        &[("async function f() { await g(); }\n", "async function f() { g(); }\n")],
        &["async function f() { g(); }\n", "async function f() { for await (const x of y) { g(x); } }\n"],
    ),
    b::ASY.with(
        &[
            ("async function f() { return 1; }\n", "function f() { return 1; }\n"),
            ("async function f() { for await (const x of y) { g(x); } }\n", "async function f() { for (const x of y) { g(x); } }\n"),
        ],
        &["async function f() { await g(); }\n", "function f() {}\n"],
    ),
    b::LKD.with(
        &[(
            "async function f() {\n  await m.acquire();\n  g();\n  m.release();\n}\n",
            "async function f() {\n  g();\n}\n",
        )],
        &["async function f() { await m.acquire(); g(); }\n", "function f() { m.open(); m.release(); }\n"],
    ),
    b::LKN.with(
        &[(
            "async function f() {\n  await m.acquire();\n  a();\n  b();\n  m.release();\n}\n",
            "async function f() {\n  a();\n  await m.acquire();\n  b();\n  m.release();\n}\n",
        )],
        &["async function f() { await m.acquire(); m.release(); }\n", "function f() { m.open(); a(); }\n"],
    ),
    b::LKO.with(
        &[(
            "async function f() {\n  await a.acquire();\n  await b.acquire();\n}\nasync function g() {\n  await a.acquire();\n  await b.acquire();\n}\n",
            "async function f() {\n  await b.acquire();\n  await a.acquire();\n}\nasync function g() {\n  await a.acquire();\n  await b.acquire();\n}\n",
        )],
        &["async function f() {\n  await a.acquire();\n  await b.acquire();\n}\n"],
    ),
    b::CVN.described("Wait once instead of as long as the condition asks for").with(
        &[("async function f() { while (!ready) { await sleep(1); } }\n", "async function f() { if (!ready) { await sleep(1); } }\n")],
        &["while (a) { b(); }\n", "async function f() { while (true) { await sleep(1); } }\n"],
    ),
    b::JND.described("Do not wait for tasks: delete `await Promise.all(tasks)`").with(
        &[("async function f() {\n  await Promise.all(tasks);\n  g();\n}\n", "async function f() {\n  g();\n}\n")],
        &["async function f() { const x = await Promise.all(tasks); }\n", "async function f() { await a.all(b); }\n"],
    ),
    b::CFD.with(&[("x = xs.filter(f).map(g);\n", "x = xs.map(g);\n")], &["x = xs.map(f);\n", "x = filter(f);\n"]),
    b::GDI.described("Iterate over the values for the keys or the other way round, or do without the fallback of a `get`").with(
        &[("x = Object.keys(o);\n", "x = Object.values(o);\n"), ("x = m.get(k) ?? y;\n", "x = m.get(k);\n")],
        &["x = Object.entries(o);\n", "x = a ?? b;\n"],
    ),
    b::FNS.with(&[("x = Math.max(a, b);\n", "x = Math.min(a, b);\n"), ("ok = xs.some(f);\n", "ok = xs.every(f);\n")], &["x = f(a);\n"]),
    b::MSW.with(
        &[("ok = s.startsWith(p);\n", "ok = s.endsWith(p);\n"), ("x = xs.pop();\n", "x = xs.shift();\n")],
        &["x = indexOf(c);\n", "x = s.includes(c);\n"],
    ),
    b::CIV.with(
        &[("function f() {\n  cache.clear();\n  g();\n}\n", "function f() {\n  g();\n}\n"), ("function f() {\n  delete cache[k];\n  g();\n}\n", "function f() {\n  g();\n}\n")],
        &["function f() { xs.clear(); }\n", "function f() { cache.get(k); }\n"],
    ),
    b::CKD.with(
        &[("x = cache.get(`${a}:${b}`);\n", "x = cache.get(`${a}`);\n"), ("const key = a + \":\" + b;\n", "const key = a;\n")],
        &["x = map.get(`${a}:${b}`);\n", "x = cache.get(a);\n", "const name = a + \":\" + b;\n"],
    ),
];
