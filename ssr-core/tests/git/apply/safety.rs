//! Paths and modes that could leave the tree.

use super::Expect::{Applies, Refused, Stricter};
use super::{A_TO_B, Case, case};

pub fn cases() -> Vec<Case> {
    let new = |name: &str| {
        format!(
            "diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n"
        )
    };
    let plain = |name: &str| format!("--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n");
    vec![
        case("parent folder", &[], &new("../evil"), Refused("`..`")),
        case("parent folder inside", &[("d/f", "a\n")], &new("d/../../evil"), Refused("`..`")),
        case("parent folder, harmless", &[("d/f", "a\n")], &new("d/../g"), Refused("`..`")),
        case("parent folder in a plain diff", &[], &plain("b/../evil"), Refused("`..`")),
        case("dot folder", &[], &new("./f"), Refused("`.` component")),
        case("the repository of git", &[], &new(".git/hooks/pre-commit"), Refused(".git")),
        case("the repository of git, below", &[], &new("d/.git/config"), Refused(".git")),
        case("the repository of git, other case", &[], &new(".GIT/config"), Refused(".git")),
        case("the repository of git, short name", &[], &new("git~1/config"), Refused(".git")),
        case("git's folder itself", &[], &new(".git"), Refused(".git")),
        case("git's folder with a dot", &[], &new(".git./x"), Refused(".git")),
        case("git's folder with a space", &[], &new(".git /x"), Refused(".git")),
        case("git's folder as a stream", &[], &new(".git::$INDEX_ALLOCATION/x"), Refused(".git")),
        case(
            "git's folder with a letter that is not seen",
            &[],
            &new(".g\u{200c}it/config"),
            Stricter(".git"),
        ),
        case(
            "git's folder is deleted",
            &[],
            "diff --git a/.git/HEAD b/.git/HEAD\ndeleted file mode 100644\n",
            Refused(".git"),
        ),
        case("absolute path", &[], &new("/etc/passwd"), Refused("absolute")),
        case("absolute path in a plain diff", &[], &plain("b//etc/passwd"), Refused("absolute")),
        case("one slash is a component", &[], &plain("/f"), Applies),
        case("parent folder at the end", &[], &new("d/.."), Refused("`..`")),
        case("parent folder quoted", &[], &plain("\"b/\\056./evil\""), Refused("`..`")),
        case(
            "parent folder of another system",
            &[],
            &plain("\"b/..\\\\evil\""),
            Stricter("backslash"),
        ),
        case(
            "copy into the parent folder",
            &[("f", "a\n")],
            "diff --git a/f b/f\ncopy from f\ncopy to ../f\n",
            Refused("`..`"),
        ),
        case(
            "deletion above the tree",
            &[],
            "diff --git a/../f b/../f\ndeleted file mode 100644\n",
            Refused("`..`"),
        ),
        case(
            "mode above the tree",
            &[],
            "diff --git a/../f b/../f\nold mode 100644\nnew mode 100755\n",
            Refused("`..`"),
        ),
        case("doubled slash", &[], &plain("b/d//f"), Stricter("empty component")),
        case(
            "backslash",
            &[],
            "diff --git \"a/d\\\\f\" \"b/d\\\\f\"\nnew file mode 100644\n",
            Stricter("backslash"),
        ),
        case(
            "symbolic link",
            &[],
            "diff --git a/f b/f\nnew file mode 120000\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n",
            Stricter("symbolic links"),
        ),
        case(
            "file becomes a symbolic link",
            &[("f", "a\n")],
            "diff --git a/f b/f\nold mode 100644\nnew mode 120000\n",
            Refused("symbolic links"),
        ),
        case(
            "symbolic link is changed",
            &[("f", "a\n")],
            &format!("diff --git a/f b/f\nindex 7898192..6178079 120000\n{A_TO_B}"),
            Refused("symbolic links"),
        ),
        case(
            "symbolic link, then a file behind it",
            &[],
            &format!(
                "diff --git a/d b/d\nnew file mode 120000\n--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+/tmp\n\\ No newline at end of file\n{}",
                new("d/f")
            ),
            Refused("symbolic links"),
        ),
        case(
            "symbolic link is deleted",
            &[("f", "a")],
            "diff --git a/f b/f\ndeleted file mode 120000\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n",
            Refused("symbolic links"),
        ),
        case(
            "symbolic link moves",
            &[("f", "a")],
            "diff --git a/f b/g\nindex 7898192..7898192 120000\nrename from f\nrename to g\n",
            Refused("symbolic links"),
        ),
        case(
            "submodule",
            &[],
            "diff --git a/f b/f\nnew file mode 160000\nindex 0000000..1234567\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+Subproject commit 1234567890123456789012345678901234567890\n",
            Stricter("submodules"),
        ),
        case(
            "rename out of the tree",
            &[("f", "a\n")],
            "diff --git a/f b/f\nrename from f\nrename to ../f\n",
            Refused("`..`"),
        ),
        case(
            "copy from git's folder",
            &[("f", "a\n")],
            "diff --git a/f b/f\ncopy from .git/config\ncopy to g\n",
            Refused(".git"),
        ),
    ]
}
