//! Patches that are broken.

use super::Expect::{Applies, Refused, Stricter};
use super::{A_TO_B, Case, TEN, case};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "fewer lines than the header says",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n-1\n+a\n 2\n",
            Refused("fewer lines"),
        ),
        case(
            "one side has more lines",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,1 @@\n-1\n+a\n 2\n",
            Refused("more lines"),
        ),
        case(
            "lines after the counted ones are prose",
            &[("f", "a\n")],
            &format!("{A_TO_B}+c\n"),
            Applies,
        ),
        case("last line cut off", &[("f", "a\n")], A_TO_B.trim_end(), Refused("cut off")),
        case(
            "line without a marker",
            &[("f", "a\nc\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\nc\n",
            Refused("must start with"),
        ),
        case(
            "tab instead of a marker",
            &[("f", "a\n\tc\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n\tc\n",
            Refused("must start with"),
        ),
        case(
            "hunk without a header",
            &[("f", "a\n")],
            "@@ -1 +1 @@\n-a\n+b\n",
            Refused("without a file header"),
        ),
        case(
            "hunk header without numbers",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -x +1 @@\n-a\n+b\n",
            Refused("hunk header"),
        ),
        case(
            "negative count",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1,-1 +1 @@\n-a\n+b\n",
            Refused("hunk header"),
        ),
        case(
            "number beyond 64 bits",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1,99999999999999999999 +1 @@\n-a\n+b\n",
            Refused("hunk header"),
        ),
        case(
            "number beyond 31 bits",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -4294967296,3 +4294967296,3 @@\n 4\n-5\n+x\n 6\n",
            Stricter("hunk header"),
        ),
        case(
            "hunk that changes nothing",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n a\n",
            Refused("changes nothing"),
        ),
        case(
            "hunk without lines",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -0,0 +0,0 @@\n \n",
            Refused("changes nothing"),
        ),
        case(
            "short marker",
            &[("f", "a")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No\n+b\n",
            Refused("must start with"),
        ),
        case(
            "marker before the end of the old side",
            &[("f", "a\nb\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1 @@\n-a\n\\ No newline at end of file\n-b\n+c\n",
            Refused("before the end"),
        ),
        case(
            "marker before the end of the new side",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n-a\n+b\n\\ No newline at end of file\n+c\n",
            Stricter("before the end"),
        ),
        case(
            "marker twice",
            &[("f", "a")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n\\ No newline at end of file\n+b\n",
            Stricter("follows no line"),
        ),
        case(
            "added line without newline in the middle",
            &[("f", TEN)],
            "--- a/f\n+++ b/f\n@@ -4,2 +4,3 @@\n 4\n+x\n 5\n\\ No newline at end of file\n",
            Stricter("line 5"),
        ),
    ]
}
