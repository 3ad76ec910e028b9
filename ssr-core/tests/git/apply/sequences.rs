//! Several changes of the same paths.

use super::Expect::{Applies, Refused, Stricter};
use super::{Case, case};

pub fn cases() -> Vec<Case> {
    let rename = |from: &str, to: &str| {
        format!("diff --git a/{from} b/{to}\nrename from {from}\nrename to {to}\n")
    };
    let create = |name: &str, line: &str| {
        format!(
            "diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+{line}\n"
        )
    };
    let delete = |name: &str, line: &str| {
        format!(
            "diff --git a/{name} b/{name}\ndeleted file mode 100644\n--- a/{name}\n+++ /dev/null\n@@ -1 +0,0 @@\n-{line}\n"
        )
    };
    let change = |name: &str, from: &str, to: &str| {
        format!(
            "diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-{from}\n+{to}\n"
        )
    };
    vec![
        case(
            "change twice",
            &[("f", "a\n")],
            &(change("f", "a", "b") + &change("f", "b", "c")),
            Applies,
        ),
        case("create, then change", &[], &(create("f", "a") + &change("f", "a", "b")), Applies),
        case("create twice", &[], &(create("f", "a") + &create("f", "b")), Stricter("twice")),
        case(
            "swap two files",
            &[("f", "a\n"), ("g", "b\n")],
            &(rename("f", "g") + &rename("g", "f")),
            Applies,
        ),
        case(
            "chain of renames",
            &[("f", "a\n"), ("g", "b\n")],
            &(rename("f", "g") + &rename("g", "h")),
            Applies,
        ),
        case(
            "rename, then change the new name",
            &[("f", "a\n")],
            &(rename("f", "g") + &change("g", "a", "b")),
            Applies,
        ),
        case(
            "rename, then change the old name",
            &[("f", "a\n")],
            &(rename("f", "g") + &change("f", "a", "b")),
            Refused("deleted or renamed"),
        ),
        case(
            "rename, then create the old name",
            &[("f", "a\n")],
            &(rename("f", "g") + &create("f", "new")),
            Applies,
        ),
        case(
            "delete, then create",
            &[("f", "a\n")],
            &(delete("f", "a") + &create("f", "b")),
            Applies,
        ),
        case(
            "delete twice",
            &[("f", "a\n")],
            &(delete("f", "a") + &delete("f", "a")),
            Refused("deleted or renamed"),
        ),
        case(
            "delete, then change",
            &[("f", "a\n")],
            &(delete("f", "a") + &change("f", "a", "b")),
            Refused("deleted or renamed"),
        ),
        case(
            "change, then delete",
            &[("f", "a\n")],
            &(change("f", "a", "b") + &delete("f", "b")),
            Stricter("before deleting"),
        ),
        case(
            "change, then rename",
            &[("f", "a\n")],
            &(change("f", "a", "b") + &rename("f", "g")),
            Stricter("before renaming"),
        ),
        case(
            "file becomes a folder",
            &[("f", "a\n")],
            &(delete("f", "a") + &create("f/g", "b")),
            Applies,
        ),
        case(
            "folder becomes a file",
            &[("f/g", "a\n")],
            &(delete("f/g", "a") + &create("f", "b")),
            Applies,
        ),
        case(
            "copy the old content of a changed file",
            &[("f", "a\n")],
            &(change("f", "a", "b") + "diff --git a/f b/g\ncopy from f\ncopy to g\n"),
            Applies,
        ),
    ]
}
