//! Names, prefixes, dates and prose.

use super::Expect::{Applies, Looser, Refused, Stricter};
use super::{A_TO_B, Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "prose around",
            &[("f", "a\n")],
            &format!("From 12 Mon\nSubject: x\n\n---\n f | 2 +-\n\n{A_TO_B}-- \n2.47.0\n"),
            Applies,
        ),
        case(
            "index line",
            &[("f", "a\n")],
            &format!("diff --git a/f b/f\nindex 7898192..6178079 100644\n{A_TO_B}"),
            Applies,
        ),
        case(
            "other prefixes",
            &[("f", "a\n")],
            "diff --git c/f w/f\n--- c/f\n+++ w/f\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "section heading",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@ def f(): @@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "dates after names",
            &[("f", "a\n")],
            "--- a/f\t2024-01-01 10:00:00.000000000 +0100\n+++ b/f\t2024-01-01 10:00:01 +0100\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "names without slash",
            &[("f", "a\n")],
            "--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "names without slash, new file",
            &[],
            "--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+b\n",
            Applies,
        ),
        case(
            "deleted name without slash",
            &[("f", "a\n")],
            "--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            Refused("no file name"),
        ),
        case(
            "only the new name has no slash",
            &[("f", "a\n")],
            "--- old/f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "only the old name has no slash",
            &[("f", "a\n")],
            "--- f\n+++ new/f\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "names without slash, then with",
            &[("f", "a\n"), ("a/g", "a\n")],
            "--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n--- a/g\n+++ a/g\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "diff -u keeps the .orig name away",
            &[("f", "a\n")],
            "--- a/f.orig\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "diff -u takes the shorter name",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f.new\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "epoch means a new file",
            &[],
            "--- a/f\t1970-01-01 00:00:00.000000000 +0000\n+++ b/f\t2024-01-01 10:00:01 +0100\n@@ -0,0 +1 @@\n+b\n",
            Applies,
        ),
        case(
            "epoch in another zone",
            &[],
            "--- a/f\t1969-12-31 19:00:00.000000000 -0500\n+++ b/f\t2024-01-01 10:00:01 +0100\n@@ -0,0 +1 @@\n+b\n",
            Applies,
        ),
        case(
            "epoch means a deleted file",
            &[("f", "a\n")],
            "--- a/f\t2024-01-01 10:00:01 +0100\n+++ b/f\t1970-01-01 01:00:00.000000000 +0100\n@@ -1 +0,0 @@\n-a\n",
            Applies,
        ),
        case(
            "epoch, but the file exists",
            &[("f", "x\n")],
            "--- a/f\t1970-01-01 00:00:00 +0000\n+++ b/f\t2024-01-01 10:00:01 +0100\n@@ -0,0 +1 @@\n+b\n",
            Refused("already exists"),
        ),
        case("addition to a missing file", &[], "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+b\n", Applies),
        case(
            "quoted name",
            &[("ü", "a\n")],
            "diff --git \"a/\\303\\274\" \"b/\\303\\274\"\n--- \"a/\\303\\274\"\n+++ \"b/\\303\\274\"\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "raw UTF-8 name",
            &[("ü", "a\n")],
            "diff --git a/ü b/ü\n--- a/ü\n+++ b/ü\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "name with tab and quote",
            &[("a\t\"b", "a\n")],
            "diff --git \"a/a\\t\\\"b\" \"b/a\\t\\\"b\"\n--- \"a/a\\t\\\"b\"\n+++ \"b/a\\t\\\"b\"\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "name with spaces",
            &[("a b c", "a\n")],
            "diff --git a/a b c b/a b c\n--- a/a b c\t\n+++ b/a b c\t\n@@ -1 +1 @@\n-a\n+b\n",
            Applies,
        ),
        case(
            "name with spaces, only a mode",
            &[("a b", "a\n")],
            "diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\n",
            Applies,
        ),
        case(
            "broken quotes",
            &[("f", "a\n")],
            "diff --git \"a/f b/f\n--- \"a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            Stricter("name"),
        ),
        case(
            "broken octal escape",
            &[("f", "a\n")],
            "diff --git \"a/\\40\" \"b/\\40\"\nold mode 100644\nnew mode 100755\n",
            Refused("name"),
        ),
        case(
            "inconsistent names",
            &[("f", "a\n"), ("g", "a\n")],
            "diff --git a/f b/f\nrename from f\nrename to h\n--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n",
            Refused("inconsistent"),
        ),
        case(
            "two names without a rename",
            &[("f", "a\n")],
            "diff --git a/f b/g\n--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n",
            Stricter("two names"),
        ),
        case(
            "header with CR",
            &[("f", "a\n")],
            "--- a/f\r\n+++ b/f\r\n@@ -1 +1 @@\r\n-a\n+b\n",
            Applies,
        ),
        case(
            "combined diff",
            &[("f", "a\n")],
            "diff --cc f\nindex 1,2..3\n--- a/f\n+++ b/f\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n",
            Refused("no change found"),
        ),
        case(
            "context diff",
            &[("f", "a\n")],
            "*** a/f\n--- b/f\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n",
            Refused("no change found"),
        ),
        case("prose only", &[], "nothing to see\n", Refused("no change found")),
        case("no bytes", &[("f", "a\n")], "", Looser),
        case(
            "new file that is also deleted",
            &[],
            "diff --git a/f b/f\nnew file mode 100644\ndeleted file mode 100644\n",
            Refused("inconsistent"),
        ),
        case(
            "header alone, then the same file",
            &[("f", "a\n")],
            &format!("diff --git a/f b/f\ndiff --git a/f b/f\n{A_TO_B}"),
            Applies,
        ),
        case(
            "header alone, then a plain diff",
            &[("f", "a\n")],
            &format!("diff --git a/g b/g\n\n{A_TO_B}"),
            Applies,
        ),
        case(
            "header alone, then another file",
            &[("f", "a\n")],
            &format!("diff --git a/g b/g\ndiff --git a/f b/f\n{A_TO_B}"),
            Refused("no change of its own"),
        ),
        case(
            "header alone, then the mode of another file",
            &[("f", "a\n"), ("g", "a\n")],
            "diff --git a/g b/g\ndiff --git a/f b/f\nold mode 100644\nnew mode 100755\n",
            Stricter("no change of its own"),
        ),
        case(
            "header alone, then a new file",
            &[],
            "diff --git a/f b/f\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n",
            Refused(""),
        ),
        case(
            "only the new mode",
            &[("f", "a\n")],
            "diff --git a/f b/f\nnew mode 100755\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            Stricter("come together"),
        ),
    ]
}
