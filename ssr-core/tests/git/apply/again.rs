//! Patches that were applied before, and files without content.

use super::Expect::{Applies, Refused};
use super::{A_TO_B, Case, TEN, case};

pub fn cases() -> Vec<Case> {
    [already_applied(), empty_files()].into_iter().flatten().collect()
}

fn already_applied() -> Vec<Case> {
    let insertion = "--- a/f\n+++ b/f\n@@ -4,6 +4,7 @@\n 4\n 5\n 6\n+x\n 7\n 8\n 9\n";
    let with_x = TEN.replace("6\n7", "6\nx\n7");
    let header = |rest: &str| format!("diff --git a/f b/g\nsimilarity index 100%\n{rest}");
    vec![
        case("one line, already applied", &[("f", "b\n")], A_TO_B, Refused("already applied")),
        case("insertion", &[("f", TEN)], insertion, Applies),
        case(
            "insertion, already applied",
            &[("f", &with_x)],
            insertion,
            Refused("already applied"),
        ),
        case(
            "insertion at the end, already applied",
            &[("f", "1\n2\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n 1\n+2\n",
            Refused("already applied"),
        ),
        case(
            "deletion of lines, already applied",
            &[("f", "1\n2\n3\n5\n6\n7\n8\n")],
            "--- a/f\n+++ b/f\n@@ -1,7 +1,6 @@\n 1\n 2\n 3\n-4\n 5\n 6\n 7\n",
            Refused("already applied"),
        ),
        case(
            "two hunks, the first already applied",
            &[("f", &TEN.replace("2\n", "x\n"))],
            "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n 1\n-2\n+x\n 3\n@@ -8,3 +8,3 @@\n 8\n-9\n+y\n 10\n",
            Refused("hunk 1"),
        ),
        case(
            "two files, one already applied",
            &[("f", "b\n"), ("g", "a\n")],
            &format!("{A_TO_B}--- a/g\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n"),
            Refused("patch of f"),
        ),
        case(
            "rename, already done",
            &[("g", "a\n")],
            &header("rename from f\nrename to g\n"),
            Refused("no such file"),
        ),
        case(
            "copy, already done",
            &[("f", "a\n"), ("g", "a\n")],
            &header("copy from f\ncopy to g\n"),
            Refused("already exists"),
        ),
        case(
            "new file in a plain diff, already there",
            &[("f", "b\n")],
            "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n",
            Refused("already exists with this very content"),
        ),
        case(
            "new file exists as a folder",
            &[("f/g/h", "b\n")],
            "--- /dev/null\n+++ b/f/g\n@@ -0,0 +1 @@\n+b\n",
            Refused("file and a directory"),
        ),
        case(
            "a patch that undoes itself",
            &[("f", "a\n")],
            &format!("{A_TO_B}--- a/f\n+++ b/f\n@@ -1 +1 @@\n-b\n+a\n"),
            Applies,
        ),
        case("a patch twice", &[("f", "a\n")], &A_TO_B.repeat(2), Refused("already applied")),
    ]
}

fn empty_files() -> Vec<Case> {
    vec![
        case(
            "new empty executable",
            &[],
            "diff --git a/f b/f\nnew file mode 100755\nindex 0000000..e69de29\n",
            Applies,
        ),
        case(
            "new empty file deep down",
            &[("d/x", "a\n")],
            "diff --git a/d/e/g/__init__.py b/d/e/g/__init__.py\nnew file mode 100644\n",
            Applies,
        ),
        case(
            "new empty file that exists empty",
            &[("f", "")],
            "diff --git a/f b/f\nnew file mode 100644\n",
            Refused("already exists"),
        ),
        case(
            "mode of an empty file",
            &[("f", "")],
            "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n",
            Applies,
        ),
        case(
            "empty file moves",
            &[("d/f", "")],
            "diff --git a/d/f b/g\nsimilarity index 100%\nrename from d/f\nrename to g\n",
            Applies,
        ),
        case(
            "empty file is copied",
            &[("f", "")],
            "diff --git a/f b/g\nsimilarity index 100%\ncopy from f\ncopy to g\n",
            Applies,
        ),
        case(
            "empty file moves and is filled",
            &[("f", "")],
            "diff --git a/f b/g\nrename from f\nrename to g\n--- a/f\n+++ b/g\n@@ -0,0 +1 @@\n+a\n",
            Applies,
        ),
        case(
            "empty file gets an unfinished line",
            &[("f", "")],
            "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n",
            Applies,
        ),
        case(
            "an unfinished file becomes empty",
            &[("f", "a")],
            "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n",
            Applies,
        ),
        case(
            "empty file, but the patch expects a line",
            &[("f", "")],
            A_TO_B,
            Refused("but is the end of the file"),
        ),
        case(
            "lines for an empty file that is none",
            &[("f", "z\n")],
            "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n",
            Refused("start or the end"),
        ),
        case(
            "the last file of a folder is deleted",
            &[("d/e/f", ""), ("x", "")],
            "diff --git a/d/e/f b/d/e/f\ndeleted file mode 100644\n",
            Applies,
        ),
        case(
            "mode of a missing file",
            &[],
            "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n",
            Refused("no such file"),
        ),
        case(
            "deleted with another mode than it has",
            &[("*f", "a\n")],
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            Applies,
        ),
        case(
            "rename to itself",
            &[("f", "a\n")],
            "diff --git a/f b/f\nrename from f\nrename to f\n",
            Applies,
        ),
        case(
            "copy to itself",
            &[("f", "a\n")],
            "diff --git a/f b/f\ncopy from f\ncopy to f\n",
            Refused(""),
        ),
    ]
}
