//! Where hunks apply.

use super::Expect::{Applies, Refused, Stricter};
use super::{A_TO_B, Case, TEN, case};

pub fn cases() -> Vec<Case> {
    let middle =
        |header: &str| format!("--- a/f\n+++ b/f\n{header}\n 3\n 4\n 5\n-6\n+x\n 7\n 8\n 9\n");
    let shifted: &str = &format!("new\nnew\n{TEN}");
    let shortened: &str = &TEN[4..];
    let twice: &str = &format!("{TEN}{TEN}");
    vec![
        case("exact position", &[("f", TEN)], &middle("@@ -3,7 +3,7 @@"), Applies),
        case("offset forwards", &[("f", shifted)], &middle("@@ -3,7 +3,7 @@"), Applies),
        case("offset backwards", &[("f", shortened)], &middle("@@ -3,7 +3,7 @@"), Applies),
        case(
            "the nearest place wins, after",
            &[("f", twice)],
            &middle("@@ -12,7 +12,7 @@"),
            Applies,
        ),
        case(
            "the nearest place wins, before",
            &[("f", twice)],
            &middle("@@ -5,7 +5,7 @@"),
            Applies,
        ),
        case("as far after as before", &[("f", twice)], &middle("@@ -8,7 +8,7 @@"), Applies),
        case("beyond the end of the file", &[("f", TEN)], &middle("@@ -300,7 +300,7 @@"), Applies),
        case(
            "old and new position disagree",
            &[("f", twice)],
            &middle("@@ -3,7 +13,7 @@"),
            Applies,
        ),
        case("new position zero", &[("f", TEN)], &middle("@@ -3,7 +0,7 @@"), Applies),
        case(
            "context differs",
            &[("f", "1\n2\n3\n4\n5\n6\n7\n8\nX\n10\n")],
            &middle("@@ -3,7 +3,7 @@"),
            Refused("hunk 1: @@ -3,7 +3,7 @@: line 9 should be \"9\\n\" but is \"X\\n\""),
        ),
        case(
            "already applied",
            &[("f", "1\n2\n3\n4\n5\nx\n7\n8\n9\n10\n")],
            &middle("@@ -3,7 +3,7 @@"),
            Refused("already applied"),
        ),
        case(
            "the first line has to be the first",
            &[("f", "0\na\nz\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n z\n",
            Refused("line 1"),
        ),
        case(
            "the last line has to be the last",
            &[("f", "0\n1\na\nz\n")],
            "--- a/f\n+++ b/f\n@@ -2,2 +2,2 @@\n 1\n-a\n+b\n",
            Refused("patch of f, hunk 1"),
        ),
        case(
            "at the end, at another line",
            &[("f", "x\nx\n0\n1\na\n")],
            "--- a/f\n+++ b/f\n@@ -2,2 +2,2 @@\n 1\n-a\n+b\n",
            Applies,
        ),
        case(
            "insertion at the start",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n",
            Applies,
        ),
        case(
            "insertion at the end",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -8,3 +8,4 @@\n 8\n 9\n 10\n+11\n",
            Applies,
        ),
        case(
            "no context in the middle",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -5 +5 @@\n-5\n+x\n",
            Refused("hunk 1"),
        ),
        case(
            "no context, insertion",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -5,0 +6 @@\n+x\n",
            Applies,
        ),
        case(
            "no context at the end",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -10 +10 @@\n-10\n+x\n",
            Applies,
        ),
        case(
            "no context, insertion after an unfinished line",
            &[("f", "a\nb")],
            "--- a/f\n+++ b/f\n@@ -2,0 +3 @@\n+x\n",
            Stricter("without a newline"),
        ),
        case(
            "two hunks",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n-1\n+a\n+b\n 2\n@@ -9,2 +10,2 @@\n 9\n-10\n+x\n",
            Applies,
        ),
        case(
            "two hunks, both moved",
            &[("f", &format!("{TEN}{TEN}{TEN}"))],
            "--- a/f\n+++ b/f\n@@ -12,3 +12,4 @@\n 3\n+a\n 4\n 5\n@@ -16,3 +17,3 @@\n 7\n-8\n+x\n 9\n",
            Applies,
        ),
        case(
            "hunks in reverse order",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -7,3 +7,3 @@\n 7\n-8\n+x\n 9\n@@ -2,3 +2,3 @@\n 2\n-3\n+y\n 4\n",
            Applies,
        ),
        case(
            "overlapping hunks",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n 2\n-3\n+y\n 4\n@@ -4,3 +4,3 @@\n 4\n-5\n+x\n 6\n",
            Refused("hunk 2"),
        ),
        case(
            "adjacent hunks",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n 2\n-3\n+y\n 4\n@@ -5,3 +5,3 @@\n 5\n-6\n+x\n 7\n",
            Applies,
        ),
        case(
            "the same hunk twice",
            &[("f", twice)],
            "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n 2\n-3\n+3\n 4\n@@ -2,3 +2,3 @@\n 2\n-3\n+3\n 4\n",
            Applies,
        ),
        case(
            "second hunk fails, first is not kept",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-1\n+a\n 2\n@@ -5,3 +5,3 @@\n 5\n-X\n+x\n 7\n",
            Refused("hunk 2"),
        ),
        case(
            "second file fails, first is not kept",
            &[("f", "a\n"), ("g", "x\n")],
            &format!("{A_TO_B}--- a/g\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n"),
            Refused("patch of g"),
        ),
    ]
}
