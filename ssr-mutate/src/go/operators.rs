//! The operators of Go with their examples.

use crate::braces::{self as b, Rule};

pub(super) const RULES: &[&[Rule]] = &[EXPRESSIONS, STATEMENTS, NAMES, REST];

const EXPRESSIONS: &[Rule] = &[
    b::AOR.with(
        &[
            ("func f(a, b int) int { return a + b }\n", "func f(a, b int) int { return a - b }\n"),
            ("x = a / b\n", "x = a * b\n"),
        ],
        &["x = a + b\n", "x = a + \"s\"\n", "log.Print(a * b)\n"],
    ),
    b::AOD.with(
        &[
            ("x = n - 1\n", "x = n\n"),
            ("func f(a, b int) int { return a * b }\n", "func f(a, b int) int { return b }\n"),
        ],
        &["x = s + \"a\"\n", "func f() {\n\ta := 2\n\tb := 3\n\tx = a * b\n}\n"],
    ),
    b::OSW.with(
        &[("x = a - b*c\n", "x = (b*c) - a\n"), ("x = 1 << n\n", "x = n << 1\n")],
        &["x = a + b\n", "x = a - a\n"],
    ),
    b::BWR.with(
        &[("x = a & b\n", "x = a | b\n"), ("x = a &^ b\n", "x = a & b\n")],
        &["x = a && b\n", "x = &a\n"],
    ),
    b::UOD.with(
        &[("x = -y\n", "x = y\n"), ("x = ^y\n", "x = y\n")],
        &["x = !y\n", "x = &y\n", "x = <-y\n"],
    ),
    b::ASR.with(
        &[("n += 2\n", "n -= 2\n"), ("x <<= y\n", "x >>= y\n")],
        &["s += t\n", "for i := 0; i < n; i += 2 {\n\tf(i)\n}\n"],
    ),
    b::AUA.with(
        &[("for _, x := range xs {\n\tn += x\n}\n", "for _, x := range xs {\n\tn = x\n}\n")],
        &["n += x\n", "for i := 0; i < n; i += 2 {\n\tf(i)\n}\n"],
    ),
    b::RBR.with(
        &[
            ("ok = len(xs) > 1\n", "ok = len(xs) >= 1\n"),
            ("func f(n int) bool { return n < m }\n", "func f(n int) bool { return n <= m }\n"),
        ],
        &["ok = a < b\n", "ok = a < 0.5\n"],
    ),
    b::ROR.with(&[("ok = a == b\n", "ok = a != b\n")], &["ok = a && b\n", "x := a\n"]),
    b::LCR.with(&[("ok = a && b\n", "ok = a || b\n")], &["ok = a || a\n", "ok = a & b\n"]),
    b::CDL.with(
        &[("if a && b(c) {\n\tf()\n}\n", "if a {\n\tf()\n}\n")],
        &["ok = a && a\n", "ok = a & b\n"],
    ),
    b::NOD.with(&[("ok = !f(x)\n", "ok = f(x)\n")], &["x = -y\n", "ok = a != b\n"]),
    b::CNI.with(
        &[
            ("if a && b {\n\tf()\n}\n", "if !(a && b) {\n\tf()\n}\n"),
            ("for ready() {\n\tf()\n}\n", "for !ready() {\n\tf()\n}\n"),
        ],
        &["if a == b {\n\tf()\n}\n", "if !a {\n\tf()\n}\n", "for i := range xs {\n\tf(i)\n}\n"],
    ),
    b::CRP.with(
        &[("x = 8\n", "x = 9\n"), ("x = 0xff\n", "x = 0xfe\n")],
        &[
            "x = xs[0]\n",
            "switch x {\ncase 1:\n\tf()\n}\n",
            "const Version = 3\n",
            "var x [4]int\n",
            "x = 1.5\n",
        ],
    ),
    b::IDX.with(
        &[("x = xs[0]\n", "x = xs[1]\n"), ("x = xs[i]\n", "x = xs[i - 1]\n")],
        &["x = m[key]\n", "x = xs[1:]\n", "func f(m map[int]int) { x = m[3] }\n"],
    ),
    b::SLB.with(
        &[("x = xs[1:]\n", "x = xs[2:]\n"), ("x = xs[:n]\n", "x = xs[:n - 1]\n")],
        &["x = xs[:]\n", "x = xs[0]\n"],
    ),
    b::RNG.with(
        &[("for i := 0; i < n; i++ {\n\tf(i)\n}\n", "for i := 0; i < n - 1; i++ {\n\tf(i)\n}\n")],
        &["for i := 0; i < 3; i++ {\n\tf(i)\n}\n", "for i < n {\n\tf(i)\n}\n"],
    ),
    b::BLR.with(&[("x = true\n", "x = false\n")], &["for true {\n\tf()\n}\n", "x = y\n"]),
    b::STR.with(
        &[("x = m[\"name\"]\n", "x = m[\"nam\"]\n"), ("ok = s == \"yes\"\n", "ok = s == \"ye\"\n")],
        &["x = \"name\"\n", "panic(\"name\")\n", "x = errors.New(\"a name\")\n"],
    ),
];

const STATEMENTS: &[Rule] = &[
    b::IFD.with(
        &[("func f() {\n\tif a {\n\t\tg()\n\t}\n\th()\n}\n", "func f() {\n\th()\n}\n")],
        &[
            "if a {\n\tf()\n} else {\n\tg()\n}\n",
            "func f() {\n\tx := g()\n\tif x {\n\t\th()\n\t}\n}\n",
            "func f() {\n\tif err != nil {\n\t\tg()\n\t}\n}\n",
        ],
    ),
    b::GRD.with(
        &[("func f() {\n\tif a {\n\t\tg()\n\t}\n}\n", "func f() {\n\t{\n\t\tg()\n\t}\n}\n")],
        &[
            "func f() {\n\tif x := g(); x {\n\t\th()\n\t}\n}\n",
            "func f() {\n\tx := g()\n\tif x {\n\t\th()\n\t}\n}\n",
        ],
    ),
    b::IFS.with(
        &[("if a {\n\tf()\n} else {\n\tg()\n}\n", "if a {\n\tg()\n} else {\n\tf()\n}\n")],
        &[
            "if a {\n\tf()\n} else if b {\n\tg()\n}\n",
            "if x := y(); x {\n\tf()\n} else {\n\tg()\n}\n",
        ],
    ),
    b::ELD.with(
        &[
            (
                "func f() {\n\tif a {\n\t\tg()\n\t} else {\n\t\th()\n\t}\n}\n",
                "func f() {\n\tif a {\n\t\tg()\n\t}\n}\n",
            ),
            (
                "func f() {\n\tswitch x {\n\tcase 1:\n\t\tg()\n\tdefault:\n\t\th()\n\t}\n}\n",
                "func f() {\n\tswitch x {\n\tdefault:\n\t\th()\n\t}\n}\n",
            ),
        ],
        &[
            "func f() int {\n\tif a {\n\t\treturn 1\n\t} else {\n\t\treturn 2\n\t}\n}\n",
            "switch x {\ndefault:\n\th()\n}\n",
        ],
    ),
    b::BCS.with(
        &[(
            "for _, x := range xs {\n\tif x {\n\t\tbreak\n\t}\n}\n",
            "for _, x := range xs {\n\tif x {\n\t\tcontinue\n\t}\n}\n",
        )],
        &[
            "for {\n\tif x {\n\t\tbreak\n\t}\n}\n",
            "for _, x := range xs {\n\tswitch x {\n\tcase 1:\n\t\tbreak\n\t}\n}\n",
        ],
    ),
    b::OIL.with(
        &[("for i := range xs {\n\tf(i)\n}\n", "for i := range xs {\n\tf(i)\n\tbreak\n}\n")],
        &["for {\n\tf()\n}\n", "for i := range xs {\n\treturn\n}\n"],
    ),
    b::RTV.with(
        &[
            ("func f() int { return g() }\n", "func f() int { return 0 }\n"),
            (
                "func f() (int, error) { return g(), h() }\n",
                "func f() (int, error) { return g(), nil }\n",
            ),
        ],
        &[
            "func f() error { return nil }\n",
            "func f() A { return g() }\n",
            "func f() (int, error) { return g() }\n",
        ],
    ),
    b::SSW.with(
        &[(
            "func f() {\n\tx.push(1)\n\ty = x.size\n\tg(y)\n}\n",
            "func f() {\n\ty = x.size\n\tx.push(1)\n\tg(y)\n}\n",
        )],
        &[
            "func f() {\n\tx.a()\n\ty.b()\n}\n",
            "func f() {\n\tx := a()\n\tx.b()\n}\n",
            "func f() {\n\tmu.Lock()\n\tmu.n = 1\n}\n",
        ],
    ),
    b::EXS.described("Swallow an error: `if err != nil { … }` does nothing").with(
        &[(
            "func f() {\n\tif err != nil {\n\t\treturn\n\t}\n}\n",
            "func f() {\n\tif err != nil {\n\t}\n}\n",
        )],
        &[
            "func f() {\n\tif x != nil {\n\t\treturn\n\t}\n}\n",
            "func f() {\n\tif err == nil {\n\t\treturn\n\t}\n}\n",
        ],
    ),
    b::RSD.with(
        &[
            (
                "func f() error {\n\tif a {\n\t\treturn ErrX\n\t}\n\treturn nil\n}\n",
                "func f() error {\n\tif a {\n\t}\n\treturn nil\n}\n",
            ),
            ("func f() {\n\tif a {\n\t\tpanic(\"x\")\n\t}\n}\n", "func f() {\n\tif a {\n\t}\n}\n"),
        ],
        &[
            "func f() error {\n\treturn ErrX\n}\n",
            "func f() int {\n\tif a {\n\t\treturn 1\n\t}\n\treturn 0\n}\n",
        ],
    ),
    b::FND.with(
        &[("func f() {\n\tdefer g()\n\th()\n}\n", "func f() {\n\th()\n}\n")],
        &["func f() {\n\tdefer mu.Unlock()\n\th()\n}\n", "func f() {\n\tgo g()\n}\n"],
    ),
    b::RLK.with(
        &[
            ("func f() {\n\tfile.Close()\n\tg()\n}\n", "func f() {\n\tg()\n}\n"),
            ("func f() {\n\tmu.Unlock()\n\tg()\n}\n", "func f() {\n\tg()\n}\n"),
        ],
        &["func f() {\n\tx := g()\n\tx.Close()\n}\n", "func f() {\n\tx.Open()\n}\n"],
    ),
];

const NAMES: &[Rule] = &[
    b::VMI.with(
        &[
            ("func f(a, b int) int { return a }\n", "func f(a, b int) int { return b }\n"),
            ("func f() {\n\ta, b := 1, 2\n\tg(a)\n\tg(a, b)\n}\n", "func f() {\n\ta, b := 1, 2\n\tg(b)\n\tg(a, b)\n}\n"),
        ],
        &["func f(a int, b string) int { return a }\n", "func f(b int) {\n\ta := 1\n\tg(a)\n}\n"],
    ),
    b::AAU.with(
        &[(
            "type A struct {\n\tlo int\n\thi int\n}\nfunc (a *A) f() int { return a.lo + g(a.hi) }\n",
            "type A struct {\n\tlo int\n\thi int\n}\nfunc (a *A) f() int { return a.hi + g(a.hi) }\n",
        )],
        &["type A struct {\n\tlo int\n\thi string\n}\nfunc (a *A) f() int { return a.lo + g(a.hi) }\n", "func f() { x = a.lo + a.hi }\n"],
    ),
    b::AAD.with(
        &[(
            "type A struct {\n\tnext *A\n}\nfunc f(a *A) *A { return a.next }\n",
            "type A struct {\n\tnext *A\n}\nfunc f(a *A) *A { return a }\n",
        )],
        &["type A struct {\n\tnext *B\n}\nfunc f(a *A) *B { return a.next }\n", "x = fmt.Name\n"],
    ),
    b::WFN.with(
        &[(
            "func up(n int) int { return n }\nfunc down(n int) int { return n }\nfunc f() { x = up(1) }\n",
            "func up(n int) int { return n }\nfunc down(n int) int { return n }\nfunc f() { x = down(1) }\n",
        )],
        &["func up(n int) int { return n }\nfunc down(n string) int { return n }\nfunc f() { x = up(1) }\n", "func f() { x = up(1) }\n"],
    ),
    b::WCR.with(
        &[("func f(a, b *A) { a.run() }\n", "func f(a, b *A) { b.run() }\n")],
        &["func f(a *A, b *B) { a.run() }\n", "func f(a, b *A) { x = a.size }\n"],
    ),
    b::ARS.with(
        &[("func f(a, b string) { g(a, b) }\n", "func f(a, b string) { g(b, a) }\n")],
        &["func f(a string, b int) { g(a, b) }\n", "func f(a int) { g(a, a) }\n", "func f(a, b int) { x = max(a, b) }\n"],
    ),
    b::ARD.described("Drop the last argument of a function that takes any number of them").with(
        &[
            ("x = append(xs, a, b)\n", "x = append(xs, a)\n"),
            ("func g(a int, bs ...int) {}\nfunc f() { g(1, 2) }\n", "func g(a int, bs ...int) {}\nfunc f() { g(1) }\n"),
        ],
        &["x = append(xs, a...)\n", "func g(a, b int) {}\nfunc f() { g(1, 2) }\n", "x = f(a, b)\n"],
    ),
    b::FWD.with(
        &[
            ("x = strings.TrimSpace(s)\n", "x = s\n"),
            ("func g(n int) int { return n }\nfunc f() { x = g(1) }\n", "func g(n int) int { return n }\nfunc f() { x = 1 }\n"),
        ],
        &["x = g(y)\n", "import \"strings\"\n\nfunc f(s string) string { return strings.TrimSpace(s) }\n"],
    ),
    b::ELR.with(
        &[("x = []int{1, 2, 3}\n", "x = []int{1, 2}\n"), ("x = map[string]int{\"a\": 1, \"b\": 2}\n", "x = map[string]int{\"b\": 2}\n")],
        &["x = A{1, 2}\n", "x = [2]int{1, 2}\n", "x = []int{1}\n"],
    ),
    b::ASD.with(
        &[
            ("func f(x int) int {\n\tx = g(x)\n\treturn x\n}\n", "func f(x int) int {\n\treturn x\n}\n"),
            ("func f(a *A) {\n\ta.n = 1\n\tg()\n}\n", "func f(a *A) {\n\tg()\n}\n"),
        ],
        &["func f() {\n\tx := 1\n\tg(x)\n}\n", "func f(x int) {\n\tg(x)\n\tx = 1\n}\n"],
    ),
    b::ASN.with(
        &[("func f() {\n\tvar n int = g()\n\th(n)\n}\n", "func f() {\n\tvar n int = 0\n\th(n)\n}\n"), ("func f() {\n\tx := 8\n\th(x)\n}\n", "func f() {\n\tx := 0\n\th(x)\n}\n")],
        &["func f() {\n\ta := g()\n\th(a)\n}\n", "for i := 5; i < n; i++ {\n\tf(i)\n}\n"],
    ),
];

const REST: &[Rule] = &[
    b::TCD.described("Drop a conversion in a comparison with a constant: `int(x) == 0` → `x == 0`").with(
        &[("ok = int(x) == 0\n", "ok = x == 0\n")],
        &["y = int(x)\n", "ok = f(x) == 0\n"],
    ),
    b::TCS.described("Divide whole numbers and convert too late").with(
        &[("func f(a, b int) float64 { return float64(a) / float64(b) }\n", "func f(a, b int) float64 { return float64(a / b) }\n")],
        &["func f(a, b float32) float64 { return float64(a) / float64(b) }\n", "x = a / b\n"],
    ),
    b::ISN.described("Drop a type of a type switch").with(
        &[
            ("switch x.(type) {\ncase int, string:\n\tf()\n}\n", "switch x.(type) {\ncase int:\n\tf()\n}\n"),
            ("switch x.(type) {\ncase int:\n\tf()\ncase nil:\n\tg()\n}\n", "switch x.(type) {\ncase nil:\n\tg()\n}\n"),
        ],
        &["switch x {\ncase 1, 2:\n\tf()\n}\n", "switch x.(type) {\ndefault:\n\tf()\n}\n"],
    ),
    b::NCK.described("Take it for granted that something is there: `if p == nil` → `if false`").with(
        &[("if p == nil {\n\tf()\n}\n", "if false {\n\tf()\n}\n"), ("if p != nil {\n\tf()\n}\n", "if true {\n\tf()\n}\n")],
        &["if err != nil {\n\tf()\n}\n", "if p == q {\n\tf()\n}\n", "func f() {\n\tp := g()\n\tif p == nil {\n\t\th()\n\t}\n}\n"],
    ),
    b::LKD.with(
        &[
            ("func f() {\n\tmu.Lock()\n\tdefer mu.Unlock()\n\tg()\n}\n", "func f() {\n\tg()\n}\n"),
            ("func f() {\n\tmu.Lock()\n\tg()\n\tmu.Unlock()\n}\n", "func f() {\n\tg()\n}\n"),
        ],
        &["func f() {\n\tmu.Lock()\n\tg()\n}\n", "func f() {\n\ta.Lock()\n\tb.Unlock()\n}\n"],
    ),
    b::LKN.with(
        &[
            ("func f() {\n\tmu.Lock()\n\tdefer mu.Unlock()\n\ta()\n\tb()\n}\n", "func f() {\n\ta()\n\tmu.Lock()\n\tdefer mu.Unlock()\n\tb()\n}\n"),
            ("func f() {\n\tmu.Lock()\n\ta()\n\tb()\n\tmu.Unlock()\n}\n", "func f() {\n\ta()\n\tmu.Lock()\n\tb()\n\tmu.Unlock()\n}\n"),
        ],
        &["func f() {\n\tmu.Lock()\n\tdefer mu.Unlock()\n\treturn\n}\n", "func f() {\n\tmu.Lock()\n\tmu.Unlock()\n}\n"],
    ),
    b::LKO.with(
        &[(
            "func f() {\n\ta.Lock()\n\tb.Lock()\n}\nfunc g() {\n\ta.Lock()\n\tb.Lock()\n}\n",
            "func f() {\n\tb.Lock()\n\ta.Lock()\n}\nfunc g() {\n\ta.Lock()\n\tb.Lock()\n}\n",
        )],
        &["func f() {\n\ta.Lock()\n\tb.Lock()\n}\n"],
    ),
    b::CVN.with(
        &[("for !ready {\n\tcond.Wait()\n}\n", "if !ready {\n\tcond.Wait()\n}\n"), ("cond.Broadcast()\n", "cond.Signal()\n")],
        &["for a {\n\tb()\n}\n", "for {\n\tcond.Wait()\n}\n"],
    ),
    b::JND.described("Do not wait for goroutines: delete `wg.Wait()` or `<-done`, or take a channel its buffer").with(
        &[
            ("func f() {\n\twg.Wait()\n\tg()\n}\n", "func f() {\n\tg()\n}\n"),
            ("func f() {\n\t<-done\n\tg()\n}\n", "func f() {\n\tg()\n}\n"),
            ("x = make(chan int, 1)\n", "x = make(chan int)\n"),
        ],
        &["x = make([]int, 1)\n", "x = <-done\n"],
    ),
    b::GDI.described("Take the index for the item: `for _, n := range ns` → `for n := range ns`").with(
        &[("func f(ns []int) {\n\tfor _, n := range ns {\n\t\tg(n)\n\t}\n}\n", "func f(ns []int) {\n\tfor n := range ns {\n\t\tg(n)\n\t}\n}\n")],
        &["func f(ns []string) {\n\tfor _, n := range ns {\n\t\tg(n)\n\t}\n}\n", "for i := range ns {\n\tf(i)\n}\n"],
    ),
    b::FNS.with(&[("x = max(a, b)\n", "x = min(a, b)\n"), ("x = math.Floor(a)\n", "x = math.Ceil(a)\n")], &["x = f(a)\n"]),
    b::MSW.with(
        &[("ok = strings.HasPrefix(s, p)\n", "ok = strings.HasSuffix(s, p)\n")],
        &["ok = HasPrefix(s, p)\n", "ok = strings.Contains(s, p)\n"],
    ),
    b::CIV.with(
        &[("func f() {\n\tcache.Clear()\n\tg()\n}\n", "func f() {\n\tg()\n}\n"), ("func f() {\n\tdelete(s.cache, k)\n\tg()\n}\n", "func f() {\n\tg()\n}\n")],
        &["func f() {\n\tdelete(s.users, k)\n}\n", "func f() {\n\tcache.Get(k)\n}\n"],
    ),
];
