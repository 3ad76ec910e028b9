//! Reads what a patch says about each file: names, modes, renames and hunks.

use ssr_core::{Error, Hunk, HunkSyntax};

use crate::shell::text::lines;

/// What a patch says about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDiff {
    /// The lines with `---` and `+++`.
    pub labels: Vec<Vec<u8>>,
    old: String,
    new: String,
    /// From and to, as git says it.
    pub renamed: Option<(String, String)>,
    /// The mode afterwards, where the patch says it.
    pub executable: Option<bool>,
    pub hunks: Vec<Hunk>,
    /// The lines before the first hunk, and the number of the first line after them.
    pub lead: Vec<u8>,
    pub line: usize,
}

const NULL: &str = "/dev/null";

impl FileDiff {
    pub fn old_name(&self) -> Option<&str> {
        (self.old != NULL).then_some(&self.old)
    }

    pub fn new_name(&self) -> Option<&str> {
        (self.new != NULL).then_some(&self.new)
    }

    /// Whether the file must not be there yet.
    pub fn creates(&self) -> bool {
        self.old == NULL
            || self.hunks.first().is_some_and(|hunk| hunk.old_start() == 0 && hunk.old_lines() == 0)
    }

    pub fn deletes(&self) -> bool {
        self.new == NULL
    }

    pub fn reverse(&self) -> Self {
        let turn =
            |label: &Vec<u8>, marker: &[u8]| [marker, label.get(4..).unwrap_or_default()].concat();
        let labels = match self.labels.as_slice() {
            [old, new] => vec![turn(new, b"--- "), turn(old, b"+++ ")],
            labels => labels.to_vec(),
        };
        Self {
            labels,
            old: self.new.clone(),
            new: self.old.clone(),
            renamed: self.renamed.clone().map(|(from, to)| (to, from)),
            executable: None,
            hunks: self.hunks.iter().map(Hunk::reverse).collect(),
            lead: self.lead.clone(),
            line: self.line,
        }
    }
}

/// Reads the unified diffs in `text`; what stands between them is passed over.
pub(super) fn read(text: &[u8]) -> Result<Vec<FileDiff>, String> {
    let all = lines(text);
    let mut files: Vec<FileDiff> = Vec::new();
    // The line, from 0, and the bytes before it.
    let (mut at, mut done) = (0, 0);
    let mut lead_start = 0;
    let mut git = Git::default();
    while at < all.len() {
        let line = all[at];
        if line.starts_with(b"diff --git ") {
            git.finish(&mut files, lead_start, at, &all);
            (git, lead_start) = (Git::default(), at);
            git.line(line);
            (at, done) = (at + 1, done + line.len());
        } else if line.starts_with(b"--- ")
            && all.get(at + 1).is_some_and(|next| next.starts_with(b"+++ "))
        {
            let mut file = FileDiff {
                labels: vec![all[at].to_vec(), all[at + 1].to_vec()],
                old: name(&all[at][4..]),
                new: name(&all[at + 1][4..]),
                renamed: git.renamed(),
                executable: git.executable,
                hunks: Vec::new(),
                lead: all[lead_start..at + 2].concat(),
                line: at + 3,
            };
            git = Git::default();
            (at, done) = (at + 2, done + line.len() + all[at + 1].len());
            while Hunk::is_header(&text[done..]) {
                let (hunk, length) =
                    read_hunk(&text[done..]).map_err(|error| malformed(&all, at, &error))?;
                file.hunks.push(hunk);
                at += lines(&text[done..done + length]).len();
                done += length;
            }
            files.push(file);
            lead_start = at;
        } else {
            git.line(line);
            (at, done) = (at + 1, done + line.len());
        }
    }
    git.finish(&mut files, lead_start, at, &all);
    Ok(files)
}

/// What git writes before the labels.
#[derive(Default)]
struct Git {
    from: Option<String>,
    to: Option<String>,
    executable: Option<bool>,
}

impl Git {
    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let value = |prefix: &str| text.strip_prefix(prefix).map(|rest| unquoted(rest.trim()));
        if let Some(from) = value("rename from ") {
            self.from = Some(format!("a/{from}"));
        } else if let Some(to) = value("rename to ") {
            self.to = Some(format!("b/{to}"));
        } else if let Some(mode) = value("new mode ").or(value("new file mode ")) {
            self.executable = Some(mode.ends_with("755"));
        }
    }

    fn renamed(&self) -> Option<(String, String)> {
        Some((self.from.clone()?, self.to.clone()?))
    }

    /// A rename without changes has no labels.
    fn finish(&self, files: &mut Vec<FileDiff>, start: usize, end: usize, all: &[&[u8]]) {
        if let Some((from, to)) = self.renamed() {
            files.push(FileDiff {
                labels: Vec::new(),
                old: from.clone(),
                new: to.clone(),
                renamed: Some((from, to)),
                executable: self.executable,
                hunks: Vec::new(),
                lead: all[start..end].concat(),
                line: end + 1,
            });
        }
    }
}

/// Lines that GNU patch takes to be blank ones that a mailer cut off the end of the patch.
const CHOPPED: usize = 3;

/// Reads the hunk at the start of `text`, and says how much of it the hunk takes.
fn read_hunk(text: &[u8]) -> Result<(Hunk, usize), Error> {
    let found = Hunk::parse(text, HunkSyntax::Gnu);
    let Err(Error::PatchSyntax { line, .. }) = &found else { return found };
    if *line <= lines(text).len() {
        return found;
    }
    let unfinished = if text.ends_with(b"\n") { "" } else { "\n" };
    for blank in 1..=CHOPPED {
        let longer = [text, unfinished.as_bytes(), "\n".repeat(blank).as_bytes()].concat();
        if let Ok((hunk, _)) = Hunk::parse(&longer, HunkSyntax::Gnu) {
            return Ok((hunk, text.len()));
        }
    }
    found
}

/// What GNU patch says when the hunk at the line `start` of `all`, from 0, cannot be read.
fn malformed(all: &[&[u8]], start: usize, error: &Error) -> String {
    let within = if let Error::PatchSyntax { line, .. } = error { *line } else { 1 };
    let at = start + within - 1;
    match all.get(at) {
        Some(line) => {
            let text = String::from_utf8_lossy(line);
            format!("malformed patch at line {}: {}", at + 1, text.trim_end())
        }
        None => format!("unexpected end of file in patch at line {at}"),
    }
}

/// The name in a label: up to a tab, without quotes.
fn name(label: &[u8]) -> String {
    let text = String::from_utf8_lossy(label);
    let text = text.split('\t').next().unwrap_or_default().trim_end_matches(['\n', '\r']);
    unquoted(text.trim_end())
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.map_or(text.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// `text` with names as `git apply -p1` expects them, given names for `-p` with another number.
pub(in crate::shell) fn strip_names(text: &[u8], strip: usize) -> Vec<u8> {
    if strip == 1 {
        return text.to_vec();
    }
    let renamed = |name: &str, side: &str| {
        if name == NULL {
            return name.to_owned();
        }
        let rest = name.splitn(strip + 1, '/').nth(strip).unwrap_or(name);
        format!("{side}/{rest}")
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(line) = rest.split_inclusive(|byte| *byte == b'\n').next() {
        let label = |side: &str| renamed(&name(&line[4..]), side);
        // What a hunk holds can look like a name and is none.
        if let Some((_, length)) =
            Hunk::is_header(rest).then(|| Hunk::parse(rest, HunkSyntax::Gnu).ok()).flatten()
        {
            out.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if line.starts_with(b"--- ") {
            out.extend_from_slice(format!("--- {}\n", label("a")).as_bytes());
        } else if line.starts_with(b"+++ ") {
            out.extend_from_slice(format!("+++ {}\n", label("b")).as_bytes());
        } else if let Some(names) = line.strip_prefix(b"diff --git ") {
            let text = String::from_utf8_lossy(names);
            let text = text.trim_end();
            let half = text.len() / 2;
            let (old, new) =
                match text.is_char_boundary(half) && text.as_bytes().get(half) == Some(&b' ') {
                    true => (&text[..half], &text[half + 1..]),
                    false => text.split_once(' ').unwrap_or((text, text)),
                };
            let line = format!("diff --git {} {}\n", renamed(old, "a"), renamed(new, "b"));
            out.extend_from_slice(line.as_bytes());
        } else {
            out.extend_from_slice(line);
        }
        rest = &rest[line.len()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ssr_core::LineKind;

    #[test]
    fn names_and_hunks_are_read() {
        let text = b"junk\n--- a/x\t2025\n+++ b/x\n@@ -1,2 +1 @@ def f():\n a\n-b\n\\ No newline at end of file\n";
        let files = read(text).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!((file.old_name(), file.new_name()), (Some("a/x"), Some("b/x")));
        let lines: Vec<_> = file.hunks[0].lines().map(|line| (line.kind, line.bytes)).collect();
        assert_eq!(lines, [(LineKind::Context, &b"a\n"[..]), (LineKind::Removed, b"b")]);
        assert_eq!(file.hunks[0].section(), b"def f():");
        let refused = read(b"--- a\n+++ b\n@@ -1,2 +1 @@\n a\n?\n").unwrap_err();
        assert_eq!(refused, "malformed patch at line 5: ?");
    }

    /// As GNU patch does: up to three, at the end of the patch, where both sides lack them.
    #[test]
    fn blank_lines_that_were_cut_off_the_end_are_context() {
        let count = |text: &[u8]| {
            read(text).map(|files| files[0].hunks[0].lines().count()).unwrap_or_default()
        };
        assert_eq!(count(b"--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n"), 4);
        assert_eq!(count(b"--- a\n+++ b\n@@ -1,5 +1,5 @@\n a\n-b\n+c\n"), 6);
        assert_eq!(count(b"--- a\n+++ b\n@@ -1,6 +1,6 @@\n a\n-b\n+c\n"), 0);
        assert_eq!(count(b"--- a\n+++ b\n@@ -1,3 +1,4 @@\n a\n-b\n+c\n"), 0);
        assert_eq!(count(b"--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n-b\n+c\ndiff --git a b\n"), 0);
    }

    #[test]
    fn other_depths_of_names_become_one() {
        let text = b"--- x/y\n+++ x/y\n@@ -1 +1 @@\n--- a\n+++ b\n";
        assert_eq!(strip_names(text, 0), b"--- a/x/y\n+++ b/x/y\n@@ -1 +1 @@\n--- a\n+++ b\n");
    }

    proptest! {
        #[test]
        fn any_text_is_a_patch_or_an_error(text in "([-+ @\\\\]{0,4}[ab0-9,/\n]{0,6}){0,20}") {
            let _ = read(text.as_bytes());
            let _ = strip_names(text.as_bytes(), 2);
        }
    }
}
