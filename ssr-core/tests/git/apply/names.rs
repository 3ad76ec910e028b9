//! Names that are easily misread.

use super::Expect::{Applies, Refused, Stricter};
use super::{Case, case, raw_case};

/// A change of mode: the name stands only in the first line.
fn mode(first: &str, second: &str) -> String {
    format!("diff --git {first} {second}\nold mode 100644\nnew mode 100755\n")
}

fn new(label: &str) -> String {
    format!(
        "diff --git a/{label} b/{label}\nnew file mode 100644\n--- /dev/null\n+++ b/{label}\n@@ -0,0 +1 @@\n+x\n"
    )
}

/// A one-line change of a file, spelled as git does for names without special bytes.
fn change(label: &str) -> String {
    format!("diff --git a/{label} b/{label}\n--- a/{label}\n+++ b/{label}\n@@ -1 +1 @@\n-a\n+b\n")
}

pub fn cases() -> Vec<Case> {
    vec![
        case("name that repeats a prefix", &[("b/f", "a\n")], &change("b/f"), Applies),
        case(
            "name that holds the separator",
            &[("x b/x", "a\n")],
            &mode("a/x b/x", "b/x b/x"),
            Applies,
        ),
        case(
            "name that could be two names",
            &[("x b", "a\n"), ("x", "a\n")],
            &mode("a/x b", "b/x b"),
            Applies,
        ),
        case("name with a leading space", &[(" f", "a\n")], &mode("a/ f", "b/ f"), Applies),
        case("name with a trailing space", &[("f ", "a\n")], &mode("a/f ", "b/f "), Applies),
        case("name with a leading dash", &[("-f", "a\n")], &change("-f"), Applies),
        case("name of wildcards", &[("d/[f]?", "a\n")], &change("d/[f]?"), Applies),
        case("name called dev/null", &[("dev/null", "a\n")], &change("dev/null"), Applies),
        case("name of dots", &[("...", "a\n")], &change("..."), Applies),
        case("name that starts with two dots", &[("..f", "a\n")], &change("..f"), Applies),
        case("dot files", &[(".gitignore", "a\n")], &change(".gitignore"), Applies),
        case("folder of dot files", &[(".github/f", "a\n")], &change(".github/f"), Applies),
        case("attributes of git", &[(".gitattributes", "a\n")], &change(".gitattributes"), Applies),
        case("modules of git", &[], &new(".gitmodules"), Applies),
        case("second short name", &[], &new("git~2"), Applies),
        case(
            "name with a newline",
            &[("a\nb", "a\n")],
            &mode("\"a/a\\nb\"", "\"b/a\\nb\""),
            Applies,
        ),
        case(
            "name with a carriage return",
            &[("a\r", "a\n")],
            "diff --git \"a/a\\r\" \"b/a\\r\"\n--- \"a/a\\r\"\n+++ \"b/a\\r\"\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "every escape in a name",
            &[("\x07\x08\t\n\x0b\x0c\r\"\x01", "a\n")],
            &mode("\"a/\\a\\b\\t\\n\\v\\f\\r\\\"\\001\"", "\"b/\\a\\b\\t\\n\\v\\f\\r\\\"\\001\""),
            Applies,
        ),
        case(
            "unknown escape in a name",
            &[("f", "a\n")],
            &mode("\"a/\\f\\q\"", "b/f"),
            Refused(""),
        ),
        case("only one name is quoted", &[("f", "a\n")], &mode("a/f", "\"b/f\""), Applies),
        case("quoted without need", &[("f", "a\n")], &mode("\"a/f\"", "\"b/f\""), Applies),
        case(
            "quoted label with a date",
            &[("ü", "a\n")],
            "--- \"a/\\303\\274\"\t2024-01-01 10:00:00 +0100\n+++ \"b/\\303\\274\"\t2024-01-01 10:00:01 +0100\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "quoted rename",
            &[("ü", "a\n")],
            "diff --git \"a/\\303\\274\" \"b/\\303\\266\"\nrename from \"\\303\\274\"\nrename to \"\\303\\266\"\n",
            Applies,
        ),
        case(
            "composed and decomposed letters are two names",
            &[("\u{fc}", "a\n"), ("u\u{308}", "b\n")],
            "diff --git a/\u{fc} b/\u{fc}\n--- a/\u{fc}\n+++ b/\u{fc}\n@@ -1 +1 @@\n-a\n+c\n",
            Applies,
        ),
        case("letters beyond 16 bits", &[("🦀.py", "a\n")], &change("🦀.py"), Applies),
        case(
            "rename of case only",
            &[("Readme", "a\n")],
            "diff --git a/Readme b/README\nsimilarity index 100%\nrename from Readme\nrename to README\n",
            Applies,
        ),
        case("a longer common name", &[("f", "a\n"), ("ff", "a\n")], &change("ff"), Applies),
        case(
            "no prefix in a git header",
            &[("d/f", "a\n"), ("f", "a\n")],
            "diff --git d/f d/f\n--- d/f\n+++ d/f\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "no prefix and no folder in a git header",
            &[("f", "a\n")],
            "diff --git f f\n--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n",
            Refused(""),
        ),
        raw_case(
            "octal name that is not UTF-8",
            &[],
            b"diff --git \"a/\\377\" \"b/\\377\"\nnew file mode 100644\n",
            Stricter("not UTF-8"),
        ),
        raw_case(
            "raw name that is not UTF-8",
            &[],
            b"--- /dev/null\n+++ b/\xe9.py\n@@ -0,0 +1 @@\n+x\n",
            Stricter("not UTF-8"),
        ),
        raw_case(
            "rename to a name that is not UTF-8",
            &[("f", b"a\n")],
            b"diff --git a/f \"b/\\351\"\nrename from f\nrename to \"\\351\"\n",
            Stricter("not UTF-8"),
        ),
        case("name of NUL", &[], &mode("\"a/f\\000g\"", "\"b/f\\000g\""), Refused("")),
    ]
}
