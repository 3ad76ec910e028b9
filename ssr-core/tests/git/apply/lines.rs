//! Bytes and line ends that tools like to mend.

use super::Expect::{Applies, Refused, Stricter};
use super::{Case, raw_case};

pub fn cases() -> Vec<Case> {
    let change = |from: &[u8], to: &[u8]| {
        [b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-", from, b"\n+", to, b"\n"].concat()
    };
    let whole = |name, bytes: &[u8], changed: &[u8], expect| {
        let file = [bytes, b"\n"].concat();
        raw_case(name, &[("f", &file)], &change(bytes, changed), expect)
    };
    vec![
        whole("bytes that are not UTF-8", b"caf\xe9", b"caf\xe8", Applies),
        whole("byte order mark", b"\xef\xbb\xbfa", b"\xef\xbb\xbfb", Applies),
        whole("byte order mark goes", b"\xef\xbb\xbfa", b"a", Applies),
        whole("bytes of UTF-16", b"\xff\xfea\0b\0", b"\xff\xfea\0c\0", Applies),
        whole("separators of Unicode end no line", "a\u{2028}b\u{85}c".as_bytes(), b"d", Applies),
        whole("form feed and vertical tab end no line", b"a\x0cb\x0bc", b"d", Applies),
        whole("a lone CR at the end of a line", b"a\r\r", b"a\r", Applies),
        whole("escape sequences", b"\x1b[31ma\x1b[0m", b"\x08\x7fb", Applies),
        raw_case(
            "a lone CR at the end of the file",
            &[("f", b"a\nb\r")],
            b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+c\n b\r\n\\ No newline at end of file\n",
            Applies,
        ),
        raw_case(
            "a lone CR is added",
            &[("f", b"a\nb\n")],
            b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+a\rb\rc\n b\n",
            Applies,
        ),
        raw_case(
            "a file of lone CRs",
            &[("f", b"a\rb\r")],
            b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\rb\r\n\\ No newline at end of file\n+a\rc\r\n\\ No newline at end of file\n",
            Applies,
        ),
        raw_case(
            "a lone CR differs",
            &[("f", b"a\nb\n")],
            b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\rb\n+c\n",
            Refused("line 1 should be"),
        ),
        raw_case(
            "CRLF without its newline at the end",
            &[("f", b"a\r\nb\r")],
            b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n\\ No newline at end of file\n+b\r\n",
            Applies,
        ),
        raw_case(
            "CRLF becomes LF",
            &[("f", b"a\r\nb\r\n")],
            b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\r\n-b\r\n+a\n+b\n",
            Applies,
        ),
        raw_case(
            "mixed line ends",
            &[("f", b"a\r\nb\nc\r\nd\re\n")],
            b"--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n a\r\n-b\n+b\r\n c\r\n d\re\n",
            Applies,
        ),
        raw_case(
            "CRLF throughout the patch",
            &[("f", b"a\r\nb\r\n")],
            b"diff --git a/f b/f\r\n--- a/f\r\n+++ b/f\r\n@@ -1,2 +1,2 @@\r\n-a\r\n+c\r\n b\r\n",
            Applies,
        ),
        raw_case(
            "CRLF throughout the patch, LF in the file",
            &[("f", b"a\nb\n")],
            b"--- a/f\r\n+++ b/f\r\n@@ -1,2 +1,2 @@\r\n-a\r\n+c\r\n b\r\n",
            Refused("line 1"),
        ),
        raw_case(
            "marker with CRLF",
            &[("f", b"a\r")],
            b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\r\n\\ No newline at end of file\r\n+b\r\n",
            Applies,
        ),
        raw_case(
            "text that looks like the marker",
            &[("f", b"\\ No newline at end of file\n")],
            b"--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n \\ No newline at end of file\n+\\ No newline at end of file\n",
            Applies,
        ),
        raw_case(
            "only blank lines",
            &[("f", b"\n\n\n")],
            b"--- a/f\n+++ b/f\n@@ -1,3 +1,2 @@\n \n-\n \n",
            Applies,
        ),
        raw_case(
            "a line of a hundred thousand bytes",
            &[("f", &[[b'x'; 100_000].as_slice(), b"\na\n"].concat())],
            &[b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n ", [b'x'; 100_000].as_slice(), b"\n-a\n+b\n"]
                .concat(),
            Applies,
        ),
        raw_case(
            "the last newline goes, above context",
            &[("f", b"a\nb\nc\n")],
            b"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n b\n-c\n+c\n\\ No newline at end of file\n",
            Applies,
        ),
        raw_case(
            "the last newline comes, with more lines",
            &[("f", b"a\nb")],
            b"--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n a\n-b\n\\ No newline at end of file\n+b\n+c\n",
            Applies,
        ),
        raw_case(
            "lines before an unfinished one",
            &[("f", b"a")],
            b"--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n+b\n a\n\\ No newline at end of file\n",
            Applies,
        ),
        raw_case(
            "an addition after the end that is not finished",
            &[("f", b"a")],
            b"--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n a\n+b\n",
            Refused("line 1"),
        ),
        raw_case(
            "an added line without newline in front of the context",
            &[("f", b"a\n")],
            b"--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n+b\n\\ No newline at end of file\n a\n",
            Stricter("before the end"),
        ),
    ]
}
