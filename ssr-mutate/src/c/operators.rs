//! The operators of C with their examples.

use crate::braces::{self as b, Rule};

pub(super) const RULES: &[&[Rule]] = &[EXPRESSIONS, STATEMENTS, NAMES, REST];

const EXPRESSIONS: &[Rule] = &[
    b::AOR.with(
        &[
            ("int f(int a, int b) { return a + b; }\n", "int f(int a, int b) { return a - b; }\n"),
            ("void f(void) { x = a % b; }\n", "void f(void) { x = a * b; }\n"),
        ],
        &[
            "void f(void) { printf(\"%d\", a + b); }\n",
            "int f(char *a, char *b) { return a - b; }\n",
            "#define X (a + b)\n",
            "int a[2 + 3];\n",
        ],
    ),
    b::AOD.with(
        &[
            ("void f(void) { x = n - 1; }\n", "void f(void) { x = n; }\n"),
            ("int f(int a, int b) { return a * b; }\n", "int f(int a, int b) { return b; }\n"),
        ],
        &["void f(void) { x = a & b; }\n", "#define X (a + b)\n"],
    ),
    b::OSW.with(
        &[
            ("void f(void) { x = a - b * c; }\n", "void f(void) { x = (b * c) - a; }\n"),
            ("void f(void) { x = 1 << n; }\n", "void f(void) { x = n << 1; }\n"),
        ],
        &["void f(void) { x = a + b; }\n", "int f(char *p, int n) { return p - n; }\n"],
    ),
    b::BWR.with(
        &[
            ("void f(void) { x = a & b; }\n", "void f(void) { x = a | b; }\n"),
            ("void f(void) { x = a >> 3; }\n", "void f(void) { x = a << 3; }\n"),
        ],
        &["void f(void) { x = a && b; }\n", "void f(void) { x = &a; }\n"],
    ),
    b::UOD.with(
        &[
            ("void f(void) { x = -y; }\n", "void f(void) { x = y; }\n"),
            ("void f(void) { x = ~y; }\n", "void f(void) { x = y; }\n"),
        ],
        &["void f(void) { x = !y; }\n", "void f(void) { x = *y; }\n"],
    ),
    b::ASR.with(
        &[
            ("void f(void) { n += 2; }\n", "void f(void) { n -= 2; }\n"),
            ("void f(void) { x |= y; }\n", "void f(void) { x &= y; }\n"),
        ],
        &["void f(void) { for (i = 0; i < n; i += 2) g(i); }\n", "void f(void) { x = y; }\n"],
    ),
    b::AUA.with(
        &[("void f(void) { while (a) { n += x; } }\n", "void f(void) { while (a) { n = x; } }\n")],
        &["void f(void) { n += x; }\n", "void f(void) { for (i = 0; i < n; i += 2) g(i); }\n"],
    ),
    b::RBR.with(
        &[
            ("void f(void) { ok = strlen(s) > 1; }\n", "void f(void) { ok = strlen(s) >= 1; }\n"),
            ("int f(int n) { return n < m; }\n", "int f(int n) { return n <= m; }\n"),
        ],
        &[
            "void f(void) { ok = a < b; }\n",
            "void f(void) { ok = a < 0.5; }\n",
            "#if N < 3\nint a;\n#endif\n",
        ],
    ),
    b::ROR.with(
        &[("void f(void) { ok = a == b; }\n", "void f(void) { ok = a != b; }\n")],
        &["void f(void) { ok = a && b; }\n", "void f(void) { assert(a == b); }\n"],
    ),
    b::LCR.with(
        &[("void f(void) { ok = a && b; }\n", "void f(void) { ok = a || b; }\n")],
        &["void f(void) { ok = a || a; }\n", "#if A && B\nint a;\n#endif\n"],
    ),
    b::CDL.with(
        &[("void f(void) { if (a && b(c)) { g(); } }\n", "void f(void) { if (a) { g(); } }\n")],
        &["void f(void) { ok = a && a; }\n", "void f(void) { ok = a & b; }\n"],
    ),
    b::NOD.with(
        &[("void f(void) { ok = !g(x); }\n", "void f(void) { ok = g(x); }\n")],
        &["void f(void) { x = -y; }\n", "void f(void) { ok = a != b; }\n"],
    ),
    b::CNI.with(
        &[
            ("void f(void) { if (a && b) g(); }\n", "void f(void) { if (!(a && b)) g(); }\n"),
            (
                "void f(void) { while (ready()) { g(); } }\n",
                "void f(void) { while (!ready()) { g(); } }\n",
            ),
        ],
        &[
            "void f(void) { if (a == b) g(); }\n",
            "void f(void) { if (!a) g(); }\n",
            "void f(void) { while (1) g(); }\n",
        ],
    ),
    b::CRP.with(
        &[
            ("int f(void) { return 8; }\n", "int f(void) { return 9; }\n"),
            ("void f(void) { x = 0xffUL; }\n", "void f(void) { x = 0xfeUL; }\n"),
        ],
        &[
            "void f(void) { x = xs[0]; }\n",
            "void f(void) { switch (x) { case 1: g(); } }\n",
            "int version = 3;\n",
            "#define N 3\n",
            "char buffer[16];\n",
            "enum { A = 1 };\n",
            "void f(void) { x = 010; }\n",
        ],
    ),
    b::IDX.with(
        &[
            ("void f(void) { x = xs[0]; }\n", "void f(void) { x = xs[1]; }\n"),
            ("void f(void) { x = xs[i]; }\n", "void f(void) { x = xs[i - 1]; }\n"),
        ],
        &["void f(void) { x = xs[key]; }\n", "int xs[3];\n"],
    ),
    b::RNG.with(
        &[(
            "void f(void) { for (i = 0; i < n; i++) g(i); }\n",
            "void f(void) { for (i = 0; i < n - 1; i++) g(i); }\n",
        )],
        &[
            "void f(void) { for (i = 0; i < 3; i++) g(i); }\n",
            "void f(void) { while (i < n) g(i); }\n",
        ],
    ),
    b::BLR.with(
        &[("void f(void) { x = true; }\n", "void f(void) { x = false; }\n")],
        &["void f(void) { while (true) g(); }\n"],
    ),
    b::STR.with(
        &[(
            "void f(void) { x = strcmp(\"name\", s); }\n",
            "void f(void) { x = strcmp(\"nam\", s); }\n",
        )],
        &[
            "void f(void) { x = \"name\"; }\n",
            "void f(void) { printf(\"name\"); }\n",
            "#include \"name\"\n",
        ],
    ),
    b::TER.with(
        &[
            ("void f(void) { x = a ? b : c; }\n", "void f(void) { x = a ? c : b; }\n"),
            ("void f(void) { x = a ? b : c; }\n", "void f(void) { x = b; }\n"),
        ],
        &["void f(void) { x = a ? b : b; }\n"],
    ),
];

const STATEMENTS: &[Rule] = &[
    b::IFD.with(
        &[("void f(void) {\n    if (a)\n        g();\n    h();\n}\n", "void f(void) {\n    h();\n}\n"), ("void f(void) { while (a) if (b) g(); }\n", "void f(void) { while (a) {} }\n")],
        &["void f(void) { if (a) g(); else h(); }\n"],
    ),
    b::GRD.with(
        &[("void f(void) { if (a) { g(); } }\n", "void f(void) { { g(); } }\n"), ("void f(void) { if (a) g(); }\n", "void f(void) { g(); }\n")],
        &["void f(void) { if (a) g(); else h(); }\n"],
    ),
    b::IFS.with(
        &[("void f(void) { if (a) { g(); } else { h(); } }\n", "void f(void) { if (a) { h(); } else { g(); } }\n")],
        &["void f(void) { if (a) { g(); } else if (b) { h(); } }\n", "void f(void) { if (a) { g(); } else { g(); } }\n"],
    ),
    b::ELD.with(
        &[
            ("void f(void) { if (a) { g(); } else { h(); } }\n", "void f(void) { if (a) { g(); } }\n"),
            (
                "void f(void) {\n    switch (x) {\n    case 1:\n        g();\n        break;\n    default:\n        h();\n    }\n}\n",
                "void f(void) {\n    switch (x) {\n    default:\n        h();\n    }\n}\n",
            ),
        ],
        &["int f(void) { if (a) { return 1; } else { return 2; } }\n", "void f(void) { int x; if (a) { x = 1; } else { x = 2; } g(x); }\n"],
    ),
    b::BCS.with(
        &[("void f(void) { while (a) { if (b) break; g(); } }\n", "void f(void) { while (a) { if (b) continue; g(); } }\n")],
        &["void f(void) { while (1) { if (b) break; } }\n", "void f(void) { for (;;) { if (b) break; } }\n", "void f(void) { while (a) { switch (x) { case 1: break; } } }\n"],
    ),
    b::OIL.with(
        &[("void f(void) {\n    while (a) {\n        g();\n    }\n}\n", "void f(void) {\n    while (a) {\n        g();\n        break;\n    }\n}\n")],
        &["void f(void) { while (a) { return; } }\n", "void f(void) { while (a) g(); }\n"],
    ),
    b::RTV.with(
        &[("int f(void) { return g(); }\n", "int f(void) { return 0; }\n"), ("char *f(void) { return g(); }\n", "char *f(void) { return NULL; }\n")],
        &["int f(void) { return 0; }\n", "char *f(void) { return NULL; }\n", "struct a f(void) { return b; }\n", "void f(void) { return; }\n"],
    ),
    b::SSW.with(
        &[("void f(void) {\n    n = g(n);\n    p->size = n;\n}\n", "void f(void) {\n    p->size = n;\n    n = g(n);\n}\n")],
        &["void f(void) {\n    a = g();\n    b = h();\n}\n", "void f(void) {\n    int x;\n    x = g();\n    y = x;\n}\n"],
    ),
    b::RSD.with(
        &[
            ("int f(void) {\n    if (a) {\n        return -1;\n    }\n    return 0;\n}\n", "int f(void) {\n    if (a) {\n    }\n    return 0;\n}\n"),
            ("int f(void) { if (a) goto fail; return 0; }\n", "int f(void) { if (a) {} return 0; }\n"),
        ],
        &["int f(void) { return -1; }\n", "int f(void) { if (a) return 1; return 0; }\n", "int f(void) { if (a) goto next; return 0; }\n"],
    ),
    b::RLK.with(
        &[("void f(void) {\n    free(p);\n    g();\n}\n", "void f(void) {\n    g();\n}\n"), ("void f(void) { fclose(p); g(); }\n", "void f(void) {  g(); }\n")],
        &["void f(void) { open(p); }\n", "void f(void) { x = close(p); }\n"],
    ),
];

const NAMES: &[Rule] = &[
    b::VMI.with(
        &[
            ("int f(int a, long b) { return a; }\n", "int f(int a, long b) { return b; }\n"),
            ("void f(char *a, char *b) { g(a); }\n", "void f(char *a, char *b) { g(b); }\n"),
        ],
        &["int f(int a, char *b) { return a; }\n", "int f(int a) { int b; return a; }\n", "int f(int a) { int b = a; return b; }\n"],
    ),
    b::AAU.with(
        &[(
            "struct a { int lo; int hi; };\nint f(struct a *p) { return p->lo + g(p->hi); }\n",
            "struct a { int lo; int hi; };\nint f(struct a *p) { return p->hi + g(p->hi); }\n",
        )],
        &["struct a { int lo; char *hi; };\nint f(struct a *p) { return p->lo + g(p->hi); }\n", "int f(void) { return p->lo + p->hi; }\n"],
    ),
    b::AAD.with(
        &[(
            "struct a { struct a *next; };\nvoid f(struct a *p) { g(p->next); }\n",
            "struct a { struct a *next; };\nvoid f(struct a *p) { g(p); }\n",
        )],
        &["struct a { int next; };\nvoid f(struct a *p) { g(p->next); }\n", "void f(void) { g(p->next); }\n"],
    ),
    b::WFN.with(
        &[(
            "int up(int n) { return n; }\nint down(int n) { return n; }\nint f(void) { return up(1); }\n",
            "int up(int n) { return n; }\nint down(int n) { return n; }\nint f(void) { return down(1); }\n",
        )],
        &["int up(int n) { return n; }\nint down(char *n) { return n; }\nint f(void) { return up(1); }\n", "int f(void) { return up(1); }\n"],
    ),
    b::WCR.described("Call the function that another object of the same type points to").with(
        &[("void f(struct a *p, struct a *q) { p->run(); }\n", "void f(struct a *p, struct a *q) { q->run(); }\n")],
        &["void f(struct a *p, struct b *q) { p->run(); }\n", "void f(struct a *p, struct a *q) { x = p->size; }\n"],
    ),
    b::ARS.with(
        &[("void f(char *a, char *b) { g(a, b); }\n", "void f(char *a, char *b) { g(b, a); }\n"), ("void f(int a, long b) { g(a, b); }\n", "void f(int a, long b) { g(b, a); }\n")],
        &["void f(char *a, int b) { g(a, b); }\n", "void f(int a, int b) { x = MAX(a, b); }\n", "void f(int a, int b) { printf(a, b); }\n"],
    ),
    b::ARD.described("Drop the last argument of a function that takes any number of them").with(
        &[(
            "int g(int n, ...) { return n; }\nint f(void) { return g(1, 2); }\n",
            "int g(int n, ...) { return n; }\nint f(void) { return g(1); }\n",
        )],
        &["int g(int n, int m) { return n; }\nint f(void) { return g(1, 2); }\n", "void f(void) { g(1, 2); }\n"],
    ),
    b::FWD.with(
        &[
            ("void f(void) { x = abs(y); }\n", "void f(void) { x = y; }\n"),
            ("int g(int n) { return n; }\nint f(void) { return g(1); }\n", "int g(int n) { return n; }\nint f(void) { return 1; }\n"),
        ],
        &["void f(void) { x = g(y); }\n", "void f(void) { abs(y); }\n"],
    ),
    b::ELR.with(
        &[("int xs[] = {1, 2, 3};\n", "int xs[] = {1, 2};\n"), ("int xs[] = {1, 2};\n", "int xs[] = {2};\n")],
        &["int xs[] = {1};\n"],
    ),
    b::ASD.with(
        &[
            ("int f(int x) {\n    x = g(x);\n    return x;\n}\n", "int f(int x) {\n    return x;\n}\n"),
            ("void f(struct a *p) {\n    p->n = 1;\n    g();\n}\n", "void f(struct a *p) {\n    g();\n}\n"),
        ],
        &["int f(void) {\n    int x;\n    x = 1;\n    return x;\n}\n", "void f(int x) { x = 1; }\n"],
    ),
    b::ASN.with(
        &[("void f(void) { int n = g(); }\n", "void f(void) { int n = 0; }\n"), ("void f(void) { char *s = g(); }\n", "void f(void) { char *s = NULL; }\n")],
        &["void f(void) { struct a b = g(); }\n", "void f(void) { for (int i = 5; i < n; i++) g(i); }\n", "int n = 8;\n"],
    ),
];

const REST: &[Rule] = &[
    b::NCK.described("Take it for granted that something is there: `if (p == NULL)` → `if (0)`").with(
        &[("void f(void) { if (p == NULL) g(); }\n", "void f(void) { if (0) g(); }\n"), ("void f(char *p) { if (!p) g(); }\n", "void f(char *p) { if (0) g(); }\n")],
        &["void f(int p) { if (!p) g(); }\n", "void f(void) { if (p == q) g(); }\n"],
    ),
    b::LKD.with(
        &[(
            "void f(void) {\n    pthread_mutex_lock(&m);\n    g();\n    pthread_mutex_unlock(&m);\n}\n",
            "void f(void) {\n    g();\n}\n",
        )],
        &["void f(void) { pthread_mutex_lock(&m); g(); }\n", "void f(void) { pthread_mutex_lock(&a); pthread_mutex_unlock(&b); }\n"],
    ),
    b::LKN.with(
        &[(
            "void f(void) {\n    mtx_lock(&m);\n    a();\n    b();\n    mtx_unlock(&m);\n}\n",
            "void f(void) {\n    a();\n    mtx_lock(&m);\n    b();\n    mtx_unlock(&m);\n}\n",
        )],
        &["void f(void) { mtx_lock(&m); mtx_unlock(&m); }\n"],
    ),
    b::LKO.with(
        &[(
            "void f(void) {\n    mtx_lock(&a);\n    mtx_lock(&b);\n}\nvoid g(void) {\n    mtx_lock(&a);\n    mtx_lock(&b);\n}\n",
            "void f(void) {\n    mtx_lock(&b);\n    mtx_lock(&a);\n}\nvoid g(void) {\n    mtx_lock(&a);\n    mtx_lock(&b);\n}\n",
        )],
        &["void f(void) {\n    mtx_lock(&a);\n    mtx_lock(&b);\n}\n"],
    ),
    b::LKR.with(
        &[
            ("void f(void) {\n    mtx_lock(&m);\n    g();\n}\n", "void f(void) {\n    mtx_lock(&m);\n    mtx_lock(&m);\n    g();\n}\n"),
            ("void f(void) { g(PTHREAD_MUTEX_RECURSIVE); }\n", "void f(void) { g(PTHREAD_MUTEX_NORMAL); }\n"),
        ],
        &["void f(void) { mtx_unlock(&m); }\n"],
    ),
    b::CVN.with(
        &[
            ("void f(void) { while (!ready) { cnd_wait(&c, &m); } }\n", "void f(void) { if (!ready) { cnd_wait(&c, &m); } }\n"),
            ("void f(void) { pthread_cond_broadcast(&c); }\n", "void f(void) { pthread_cond_signal(&c); }\n"),
        ],
        &["void f(void) { while (a) { b(); } }\n"],
    ),
    b::JND.described("Do not wait for other threads: delete `pthread_join`").with(
        &[("void f(void) {\n    pthread_join(t, NULL);\n    g();\n}\n", "void f(void) {\n    g();\n}\n")],
        &["void f(void) { x = pthread_join(t, NULL); }\n", "void f(void) { g(t); }\n"],
    ),
    b::FNS.with(
        &[("void f(void) { x = fmin(a, b); }\n", "void f(void) { x = fmax(a, b); }\n"), ("void f(void) { x = MAX(a, b); }\n", "void f(void) { x = MIN(a, b); }\n")],
        &["void f(void) { x = g(a); }\n"],
    ),
    b::MSW.with(
        &[("void f(void) { x = strchr(s, c); }\n", "void f(void) { x = strrchr(s, c); }\n")],
        &["void f(void) { x = strstr(s, t); }\n"],
    ),
    b::CIV.with(
        &[("void f(void) {\n    cache_clear(c);\n    g();\n}\n", "void f(void) {\n    g();\n}\n")],
        &["void f(void) { list_clear(c); }\n", "void f(void) { cache_get(c); }\n"],
    ),
];
