//! Files that come, go, move and change their mode.

use super::Expect::{Applies, Refused, Stricter};
use super::{A_TO_B, Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "new file",
            &[],
            "diff --git a/d/f b/d/f\nnew file mode 100644\n--- /dev/null\n+++ b/d/f\n@@ -0,0 +1 @@\n+b\n",
            Applies,
        ),
        case(
            "new executable",
            &[],
            "diff --git a/f b/f\nnew file mode 100755\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n",
            Applies,
        ),
        case(
            "new empty file",
            &[],
            "diff --git a/f b/f\nnew file mode 100644\nindex 0000000..e69de29\n",
            Applies,
        ),
        case(
            "new file exists",
            &[("f", "b\n")],
            "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n",
            Refused("already exists with this very content"),
        ),
        case(
            "new empty file exists",
            &[("f", "b\n")],
            "diff --git a/f b/f\nnew file mode 100644\n",
            Refused("already exists"),
        ),
        case(
            "new file with old lines",
            &[("f", "a\n")],
            "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            Refused("new file has old lines"),
        ),
        case(
            "new file below a file",
            &[("d", "a\n")],
            "diff --git a/d/f b/d/f\nnew file mode 100644\n--- /dev/null\n+++ b/d/f\n@@ -0,0 +1 @@\n+b\n",
            Refused("file and a directory"),
        ),
        case(
            "new file in place of a folder",
            &[("f/x", "a\n")],
            "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n",
            Refused("file and a directory"),
        ),
        case(
            "deleted file",
            &[("f", "a\n"), ("g", "")],
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            Applies,
        ),
        case(
            "deleted file, plain",
            &[("f", "a\n")],
            "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            Applies,
        ),
        case(
            "deleted empty file",
            &[("f", "")],
            "diff --git a/f b/f\ndeleted file mode 100644\nindex e69de29..0000000\n",
            Applies,
        ),
        case(
            "deleted file has more lines",
            &[("f", "a\nb\n")],
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            Refused("start or the end"),
        ),
        case(
            "deleted file without hunks has content",
            &[("f", "a\nb\n")],
            "diff --git a/f b/f\ndeleted file mode 100644\n",
            Refused("2 more lines"),
        ),
        case(
            "deleted file keeps lines",
            &[("f", "a\nb\n")],
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1,2 +1 @@\n-a\n b\n",
            Refused("deleted file keeps lines"),
        ),
        case(
            "deleted file is absent",
            &[],
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            Refused("no such file"),
        ),
        case("changed file is absent", &[], A_TO_B, Refused("no such file")),
        case(
            "rename",
            &[("*f", "a\n")],
            "diff --git a/f b/d/g\nsimilarity index 100%\nrename from f\nrename to d/g\n",
            Applies,
        ),
        case(
            "rename with change",
            &[("f", "a\nb\n")],
            "diff --git a/f b/g\nsimilarity index 50%\nrename from f\nrename to g\n--- a/f\n+++ b/g\n@@ -1,2 +1,2 @@\n-a\n+c\n b\n",
            Applies,
        ),
        case(
            "rename with mode",
            &[("f", "a\n")],
            "diff --git a/f b/g\nold mode 100644\nnew mode 100755\nsimilarity index 100%\nrename from f\nrename to g\n",
            Applies,
        ),
        case(
            "rename to an existing file",
            &[("f", "a\n"), ("g", "b\n")],
            "diff --git a/f b/g\nrename from f\nrename to g\n",
            Refused("already exists"),
        ),
        case(
            "rename of a missing file",
            &[],
            "diff --git a/f b/g\nrename from f\nrename to g\n",
            Refused("no such file"),
        ),
        case(
            "rename with old words",
            &[("f", "a\n")],
            "diff --git a/f b/g\nrename old f\nrename new g\n",
            Applies,
        ),
        case(
            "rename into its own folder",
            &[("f", "a\n")],
            "diff --git a/f b/f/g\nrename from f\nrename to f/g\n",
            Applies,
        ),
        case(
            "copy",
            &[("f", "a\nb\n")],
            "diff --git a/f b/g\nsimilarity index 50%\ncopy from f\ncopy to g\n--- a/f\n+++ b/g\n@@ -1,2 +1,2 @@\n-a\n+c\n b\n",
            Applies,
        ),
        case(
            "mode change",
            &[("f", "a\n")],
            "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n",
            Applies,
        ),
        case(
            "mode change back, with content",
            &[("*f", "a\n")],
            &format!("diff --git a/f b/f\nold mode 100755\nnew mode 100644\n{A_TO_B}"),
            Applies,
        ),
        case(
            "mode change already done",
            &[("*f", "a\n")],
            "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n",
            Applies,
        ),
        case(
            "the executable bit survives",
            &[("*f", "a\n")],
            &format!("diff --git a/f b/f\nindex 7898192..6178079 100644\n{A_TO_B}"),
            Applies,
        ),
        case(
            "header without a change",
            &[("f", "a\n")],
            "diff --git a/f b/f\nindex 7898192..6178079 100644\nnothing follows\n",
            Refused("without a change"),
        ),
        case(
            "mode with group write",
            &[],
            "diff --git a/f b/f\nnew file mode 100664\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n",
            Stricter("neither 100644 nor 100755"),
        ),
        case(
            "mode that is no number",
            &[],
            "diff --git a/f b/f\nnew file mode rw-r--r--\n",
            Refused("mode"),
        ),
        case(
            "binary files differ",
            &[("f", "a\n")],
            "diff --git a/f b/f\nindex 7898192..6178079 100644\nBinary files a/f and b/f differ\n",
            Refused("f: binary"),
        ),
        case(
            "git binary patch",
            &[("f", "a\n")],
            "diff --git a/f b/f\nindex 7898192..6178079 100644\nGIT binary patch\nliteral 2\nJcmYdf0000100001\n\nliteral 0\nHcmV?d00001\n\n",
            Refused("f: binary"),
        ),
        case(
            "binary files differ, plain diff",
            &[("f", "a\n")],
            &format!("Binary files a/g and b/g differ\n{A_TO_B}"),
            Stricter("a/g and b/g: binary"),
        ),
    ]
}
