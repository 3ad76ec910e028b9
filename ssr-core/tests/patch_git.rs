//! A table of patches, each applied by this crate and by a real `git apply`: the outcome and every
//! byte have to agree, except where the table says that this crate is stricter.
#![cfg(unix)]
#![allow(dead_code, reason = "the oracle is shared between tests")]

mod git;

use git::Git;
use ssr_core::{File, Patch, RepoPath, Tree};

/// What this crate and git should make of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    /// Both apply it, with the same result.
    Applies,
    /// Both refuse it; our message contains the words.
    Refused(&'static str),
    /// Git accepts it and this crate does not; our message contains the words.
    Stricter(&'static str),
    /// Git refuses it and this crate does not.
    Looser,
}
use Expect::{Applies, Looser, Refused, Stricter};

struct Case {
    name: &'static str,
    before: Tree,
    patch: Vec<u8>,
    expect: Expect,
}

fn case(name: &'static str, before: &[(&str, &str)], patch: &str, expect: Expect) -> Case {
    let files = before.iter().map(|(path, text)| {
        let (path, executable) = match path.strip_prefix('*') {
            Some(path) => (path, true),
            None => (*path, false),
        };
        let file = File::new(text.as_bytes()).with_executable(executable);
        (RepoPath::new(path).unwrap(), file)
    });
    let before = Tree::from_files(files).unwrap();
    Case { name, before, patch: patch.as_bytes().to_vec(), expect }
}

fn ours(case: &Case) -> Result<Tree, String> {
    let patch = Patch::parse(&case.patch).map_err(|error| error.to_string())?;
    case.before.apply(&patch).map_err(|error| error.to_string())
}

/// What is wrong with a case, if anything.
fn check(case: &Case) -> Option<String> {
    let git = Git::new(&case.before).apply(&case.patch, &[]);
    let ours = ours(case);
    let words = match case.expect {
        Applies | Looser => "",
        Refused(words) | Stricter(words) => words,
    };
    match (&ours, &git, case.expect) {
        (Ok(ours), Ok(git), Applies) => difference(ours, git),
        (Err(message), Err(_), Refused(_)) | (Err(message), Ok(_), Stricter(_)) => {
            (!message.contains(words)).then(|| format!("{message:?} does not contain {words:?}"))
        }
        (Ok(_), Err(_), Looser) => None,
        _ => Some(format!("expected {:?}; ours: {ours:?}; git: {git:?}", case.expect)),
    }
}

fn difference(ours: &Tree, git: &Tree) -> Option<String> {
    let show = |tree: &Tree, path: &RepoPath| {
        let file = tree.get(path.as_str())?;
        Some((String::from_utf8_lossy(file.bytes()).into_owned(), file.executable()))
    };
    let path = ours.changed_paths(git).pop_first()?;
    Some(format!("{path}: ours {:?}, git {:?}", show(ours, &path), show(git, &path)))
}

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

/// A one-line change of `f`, whose only line is `a`.
const A_TO_B: &str = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n";

fn cases() -> Vec<Case> {
    [content(), headers(), files(), positions(), damage(), safety(), sequences()]
        .into_iter()
        .flatten()
        .collect()
}

fn content() -> Vec<Case> {
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

fn headers() -> Vec<Case> {
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
            "only the new mode",
            &[("f", "a\n")],
            "diff --git a/f b/f\nnew mode 100755\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            Stricter("come together"),
        ),
    ]
}

fn files() -> Vec<Case> {
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

fn positions() -> Vec<Case> {
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

fn damage() -> Vec<Case> {
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

fn safety() -> Vec<Case> {
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

fn sequences() -> Vec<Case> {
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

#[test]
fn every_case_ends_as_in_git_apply() {
    let cases = cases();
    assert!(cases.len() >= 60);
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    let failed: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, check(case)?))).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn names_that_are_not_utf8_are_refused() {
    let patch = b"diff --git \"a/\\377\" \"b/\\377\"\nold mode 100644\nnew mode 100755\n";
    assert!(Patch::parse(patch).unwrap_err().to_string().contains("not UTF-8"));
    let patch = b"--- a/\xff\n+++ b/\xff\n@@ -1 +1 @@\n-a\n+b\n";
    assert!(Patch::parse(patch).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn applied_patches_reverse_like_git_apply_reverse() {
    let mut reversed = 0;
    for case in cases().iter().filter(|case| case.expect == Applies) {
        let patch = Patch::parse(&case.patch).unwrap();
        let after = case.before.apply(&patch).unwrap();
        let ours = after.apply(&patch.reverse());
        // Git reverses file by file in the order of the patch; ours starts from the end.
        if patch.files().len() == 1 {
            let git = Git::new(&after).apply(&case.patch, &["-R"]);
            match (&ours, &git) {
                (Ok(ours), Ok(git)) => assert_eq!(difference(ours, git), None, "{}", case.name),
                (Err(_), Err(_)) => {}
                _ => panic!("{}: ours {ours:?}, git {git:?}", case.name),
            }
        }
        reversed += usize::from(ours.is_ok_and(|tree| tree == case.before));
    }
    assert!(reversed > 60, "only {reversed} cases came back to where they were");
}

#[test]
fn printing_a_parsed_patch_parses_to_the_same_patch() {
    for case in cases() {
        let Ok(patch) = Patch::parse(&case.patch) else { continue };
        assert_eq!(Patch::parse(&patch.to_bytes()).as_ref(), Ok(&patch), "{}", case.name);
        assert_eq!(patch.reverse().reverse(), patch, "{}", case.name);
    }
}
