//! Lines, newlines and bytes.

use super::Expect::{Applies, Refused, Stricter};
use super::{A_TO_B, Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("change one line", &[("f", "a\n")], A_TO_B, Applies),
        case(
            "no newline before",
            &[("f", "a")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n",
            Applies,
        ),
        case(
            "no newline after",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n",
            Applies,
        ),
        case(
            "no newline on both sides",
            &[("f", "a")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
            Applies,
        ),
        case(
            "no newline in the last line of context",
            &[("f", "a\nz")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n z\n\\ No newline at end of file\n",
            Applies,
        ),
        case(
            "marker in another language",
            &[("f", "a")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ Kein Zeilenumbruch am Dateiende.\n+b\n",
            Applies,
        ),
        case(
            "marker at the end without its own newline",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file",
            Applies,
        ),
        case(
            "newline expected, file has none",
            &[("f", "a")],
            A_TO_B,
            Refused("line 1 should be \"a\\n\" but is \"a\""),
        ),
        case(
            "no newline expected in context, file has one",
            &[("f", "a\nz\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n z\n\\ No newline at end of file\n",
            Stricter("line 2 should be \"z\" but is \"z\\n\""),
        ),
        case(
            "no newline expected in context, file goes on",
            &[("f", "a\nz\ny\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n z\n\\ No newline at end of file\n",
            Stricter("line 2 should be"),
        ),
        case(
            "no newline expected in removed line, file has one",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n",
            Refused("line 1"),
        ),
        case(
            "CRLF is kept",
            &[("f", "a\r\nb\r\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\r\n+c\r\n b\r\n",
            Applies,
        ),
        case(
            "CRLF expected, file has LF",
            &[("f", "a\nb\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\r\n+c\r\n b\r\n",
            Refused("line 1"),
        ),
        case("LF expected, file has CRLF", &[("f", "a\r\n")], A_TO_B, Refused("line 1")),
        case(
            "a lone CR is no line end",
            &[("f", "a\rb\rc\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\rb\rc\n+a\rB\rc\n",
            Applies,
        ),
        case(
            "LF becomes CRLF",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+a\r\n",
            Applies,
        ),
        case(
            "NUL in text",
            &[("f", "a\0\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\0\n+b\0\n",
            Applies,
        ),
        case(
            "white space differs in context",
            &[("f", "a\n  x\n")],
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n x\n",
            Refused("line 2"),
        ),
        case(
            "trailing white space is kept",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b  \t\n",
            Applies,
        ),
        case(
            "empty context line without its space",
            &[("f", "a\n\nc\n")],
            "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n-a\n+b\n\n c\n",
            Applies,
        ),
        case(
            "lines that look like headers",
            &[("f", "-- x\n++ y\n@@ -1 +1 @@\n")],
            "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n--- x\n+-- z\n ++ y\n @@ -1 +1 @@\n",
            Applies,
        ),
        case(
            "all lines removed, file stays",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +0,0 @@\n-a\n",
            Applies,
        ),
        case(
            "lines for an empty file",
            &[("f", "")],
            "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n",
            Applies,
        ),
        case(
            "blank lines at the end",
            &[("f", "a\n")],
            "--- a/f\n+++ b/f\n@@ -1 +1,3 @@\n a\n+\n+\n",
            Applies,
        ),
    ]
}
