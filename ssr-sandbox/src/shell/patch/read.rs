use super::hunk::Hunk;
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
            || self.hunks.first().is_some_and(|hunk| hunk.old_start == 0 && hunk.old().is_empty())
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
    let mut at = 0;
    let mut lead_start = 0;
    let mut git = Git::default();
    while at < all.len() {
        let line = all[at];
        if line.starts_with(b"diff --git ") {
            git.finish(&mut files, lead_start, at, &all);
            (git, lead_start) = (Git::default(), at);
            git.line(line);
            at += 1;
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
            at += 2;
            while let Some(header) = all.get(at).and_then(|line| parse_header(line)) {
                at += 1;
                file.hunks.push(read_hunk(&all, &mut at, header)?);
            }
            files.push(file);
            lead_start = at;
        } else {
            git.line(line);
            at += 1;
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

/// The numbers of a line with `@@` and what follows them.
struct Header {
    old: (usize, usize),
    new: (usize, usize),
    section: Vec<u8>,
}

fn parse_header(line: &[u8]) -> Option<Header> {
    let text = std::str::from_utf8(line.get(..line.len().min(80))?)
        .map_or_else(|error| std::str::from_utf8(&line[..error.valid_up_to()]).ok(), Some)?;
    let rest = text.strip_prefix("@@ -")?;
    let (old, rest) = rest.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let pair = |text: &str| -> Option<(usize, usize)> {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        let small = |text: &str| text.parse::<u32>().ok().map(|number| number as usize);
        Some((small(start)?, small(count)?))
    };
    let section = line.get(4 + old.len() + 2 + new.len() + 3..)?.trim_ascii_end().to_vec();
    Some(Header { old: pair(old)?, new: pair(new)?, section })
}

fn read_hunk(all: &[&[u8]], at: &mut usize, header: Header) -> Result<Hunk, String> {
    let (mut old, mut new) = (header.old.1, header.new.1);
    let mut out: Vec<(u8, Vec<u8>)> = Vec::new();
    while old > 0 || new > 0 || all.get(*at).is_some_and(|line| line.starts_with(b"\\")) {
        let malformed = || {
            format!(
                "malformed patch at line {}: {}",
                *at + 1,
                all.get(*at).map_or(String::new(), |line| String::from_utf8_lossy(line)
                    .trim_end()
                    .to_owned())
            )
        };
        let Some((&marker, body)) = all.get(*at).and_then(|line| line.split_first()) else {
            return Err(format!("unexpected end of file in patch at line {}", *at));
        };
        match marker {
            b'\\' => {
                if let Some((_, line)) = out.last_mut() {
                    line.pop_if(|byte| *byte == b'\n');
                }
                *at += 1;
                continue;
            }
            // Mailers cut the space of an empty line off.
            b'\n' if old > 0 && new > 0 => out.push((b' ', b"\n".to_vec())),
            b' ' | b'-' | b'+' => {
                let mut line = body.to_vec();
                if !line.ends_with(b"\n") {
                    line.push(b'\n');
                }
                out.push((marker, line));
            }
            _ => return Err(malformed()),
        }
        let (less_old, less_new) = match marker {
            b'-' => (1, 0),
            b'+' => (0, 1),
            _ => (1, 1),
        };
        old = old.checked_sub(less_old).ok_or_else(malformed)?;
        new = new.checked_sub(less_new).ok_or_else(malformed)?;
        *at += 1;
    }
    Ok(Hunk {
        old_start: header.old.0,
        new_start: header.new.0,
        lines: out,
        section: header.section,
    })
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
    let mut in_hunk = (0usize, 0usize);
    for line in lines(text) {
        let label = |side: &str| renamed(&name(&line[4..]), side);
        if in_hunk.0 > 0 || in_hunk.1 > 0 {
            let (old, new) = match line.first() {
                Some(b'-') => (1, 0),
                Some(b'+') => (0, 1),
                Some(b'\\') => (0, 0),
                _ => (1, 1),
            };
            in_hunk = (in_hunk.0.saturating_sub(old), in_hunk.1.saturating_sub(new));
            out.extend_from_slice(line);
        } else if line.starts_with(b"--- ") {
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
            if let Some(header) = parse_header(line) {
                in_hunk = (header.old.1, header.new.1);
            }
            out.extend_from_slice(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_hunks_are_read() {
        let text = b"junk\n--- a/x\t2025\n+++ b/x\n@@ -1,2 +1 @@ def f():\n a\n-b\n\\ No newline at end of file\n";
        let files = read(text).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!((file.old_name(), file.new_name()), (Some("a/x"), Some("b/x")));
        assert_eq!(file.hunks[0].lines, [(b' ', b"a\n".to_vec()), (b'-', b"b".to_vec())]);
        assert_eq!(file.hunks[0].section, b" def f():");
        assert!(read(b"--- a\n+++ b\n@@ -1,2 +1 @@\n a\n?\n").is_err());
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
