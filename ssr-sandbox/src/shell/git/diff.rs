//! What `git diff`, `log` and `show` print of changes: patches, names, statistics.

use super::deadline::Deadline;
use super::delta::Delta;
use super::object::{Oid, SHORT, mode};
use super::{Fatal, Result};
use crate::shell::text::{Change, Matching, Section, Style, changes, is_binary, lines, unified};

/// What is printed of a difference, and how.
#[derive(Clone)]
pub(super) struct DiffOptions {
    pub patch: bool,
    pub stat: bool,
    pub short_stat: bool,
    pub num_stat: bool,
    pub name_only: bool,
    pub name_status: bool,
    pub summary: bool,
    pub renames: bool,
    pub reverse: bool,
    pub context: usize,
    pub matching: Matching,
    pub text: bool,
    pub full_index: bool,
    pub zero: bool,
    pub quiet: bool,
    pub exit_code: bool,
    pub check: bool,
    /// Letters of `--diff-filter`.
    pub filter: String,
    pub prefixes: [String; 2],
    /// Paths are printed as seen from this directory, others not at all.
    pub relative: Option<String>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            patch: false,
            stat: false,
            short_stat: false,
            num_stat: false,
            name_only: false,
            name_status: false,
            summary: false,
            renames: true,
            reverse: false,
            context: 3,
            matching: Matching::default(),
            text: false,
            full_index: false,
            zero: false,
            quiet: false,
            exit_code: false,
            check: false,
            filter: String::new(),
            prefixes: ["a/".to_owned(), "b/".to_owned()],
            relative: None,
        }
    }
}

impl DiffOptions {
    /// Takes `arg` when it is an option of diff; `rest` are the arguments after it, of which the
    /// number returned is used up.
    pub fn take(&mut self, arg: &str, rest: &[String]) -> Result<Option<usize>> {
        let number = |text: &str| {
            text.parse().map_err(|_| Fatal::usage(format!("{arg} expects a numerical value")))
        };
        match arg {
            "-p" | "-u" | "--patch" => self.patch = true,
            "--stat" => self.stat = true,
            "--patch-with-stat" => (self.patch, self.stat) = (true, true),
            "--shortstat" => self.short_stat = true,
            "--numstat" => self.num_stat = true,
            "--name-only" => self.name_only = true,
            "--name-status" => self.name_status = true,
            "--summary" => self.summary = true,
            "--raw" | "--compact-summary" => {
                let instead = "--stat, --numstat, --name-only, --name-status, --summary or -p";
                return Err(Fatal::no_option("diff", arg, instead));
            }
            "-M" | "--find-renames" => self.renames = true,
            "--no-renames" => self.renames = false,
            "-R" => self.reverse = true,
            "-w" | "--ignore-all-space" => self.matching.ignore_space = true,
            "-b" | "--ignore-space-change" => self.matching.ignore_space_change = true,
            "--ignore-blank-lines" => self.matching.ignore_blank_lines = true,
            "-a" | "--text" => self.text = true,
            "--full-index" => self.full_index = true,
            "-z" => self.zero = true,
            "--quiet" => self.quiet = true,
            "--exit-code" => self.exit_code = true,
            "--check" => self.check = true,
            "--no-prefix" => self.prefixes = [String::new(), String::new()],
            "--no-color"
            | "--no-ext-diff"
            | "--no-textconv"
            | "--minimal"
            | "--histogram"
            | "--patience"
            | "--indent-heuristic"
            | "--color=never"
            | "--color=auto"
            | "--ita-invisible-in-index"
            | "--no-relative"
            | "--binary" => {}
            "-U" | "--unified" => {
                let value =
                    rest.first().ok_or_else(|| Fatal::usage(format!("{arg} expects a value")))?;
                (self.context, self.patch) = (number(value)?, true);
                return Ok(Some(1));
            }
            _ => {
                let value = |name: &str| arg.strip_prefix(name);
                if let Some(lines) = value("-U").or(value("--unified=")) {
                    (self.context, self.patch) = (number(lines)?, true);
                } else if let Some(letters) = value("--diff-filter=") {
                    letters.clone_into(&mut self.filter);
                } else if let Some(prefix) = value("--src-prefix=") {
                    prefix.clone_into(&mut self.prefixes[0]);
                } else if let Some(prefix) = value("--dst-prefix=") {
                    prefix.clone_into(&mut self.prefixes[1]);
                } else if value("--stat=").is_some() {
                    self.stat = true;
                } else if !["-M", "--find-renames=", "--diff-algorithm="]
                    .iter()
                    .any(|name| value(name).is_some())
                {
                    return Ok(None);
                }
            }
        }
        Ok(Some(0))
    }

    /// Whether the form of the output was chosen.
    pub fn is_chosen(&self) -> bool {
        self.patch
            || self.stat
            || self.short_stat
            || self.num_stat
            || self.name_only
            || self.name_status
            || self.summary
            || self.check
            || self.quiet
    }

    /// Prints `all`; returns whether there was something.
    pub fn print(&self, out: &mut Vec<u8>, all: Vec<Delta>, deadline: Deadline) -> Result<bool> {
        let mut wanted = Vec::new();
        for delta in all {
            deadline.check()?;
            let delta = if self.reverse { delta.reverse() } else { delta };
            if self.is_wanted(&delta) {
                wanted.push(delta);
            }
        }
        let all = wanted;
        let end = if self.zero { "\0" } else { "\n" };
        let mut parts = 0;
        if self.name_status || self.name_only {
            for delta in &all {
                let score = delta.similarity.map(|score| format!("{score:03}"));
                let letter = format!("{}{}", delta.letter(), score.unwrap_or_default());
                let new = self.quoted(delta.path());
                let line = match (self.name_status, delta.similarity) {
                    (false, _) => new,
                    (true, Some(_)) => {
                        format!("{letter}\t{}\t{new}", self.quoted(delta.old_path()))
                    }
                    (true, None) => format!("{letter}\t{new}"),
                };
                let line = if self.zero { line.replace('\t', "\0") } else { line };
                out.extend_from_slice((line + end).as_bytes());
            }
            parts += 1;
        }
        let mut counts = Vec::new();
        if self.num_stat || self.stat || self.short_stat {
            for delta in &all {
                deadline.check()?;
                counts.push(self.count(delta));
            }
        }
        if self.num_stat {
            for (delta, count) in all.iter().zip(&counts) {
                let numbers = count.map_or("-\t-".to_owned(), |(add, del)| format!("{add}\t{del}"));
                let line = format!("{numbers}\t{}{end}", super::stat::renamed(delta));
                out.extend_from_slice(line.as_bytes());
            }
            parts += 1;
        }
        if self.stat {
            super::stat::push_stat(out, &all, &counts);
        }
        if (self.stat || self.short_stat) && !all.is_empty() {
            super::stat::push_totals(out, &counts);
            parts += 1;
        }
        if self.summary {
            super::stat::push_summary(out, &all);
            parts += 1;
        }
        if self.patch {
            if parts > 0 && !all.is_empty() {
                out.push(b'\n');
            }
            for delta in &all {
                deadline.check()?;
                self.push_patch(out, delta);
            }
        }
        Ok(!all.is_empty())
    }

    fn is_wanted(&self, delta: &Delta) -> bool {
        let letter = delta.letter();
        let (upper, lower): (Vec<char>, Vec<char>) =
            self.filter.chars().partition(char::is_ascii_uppercase);
        let chosen = upper.is_empty() || upper.contains(&letter);
        let inside = self.relative.as_ref().is_none_or(|prefix| delta.path().starts_with(prefix));
        let same = |delta: &Delta| {
            delta.old.is_some() && delta.new.is_some() && self.hides(delta) && !mode_differs(delta)
        };
        chosen && inside && !lower.contains(&letter.to_ascii_lowercase()) && !same(delta)
    }

    /// Whether the options on white space hide the whole difference.
    fn hides(&self, delta: &Delta) -> bool {
        let Matching { ignore_space, ignore_space_change, ignore_blank_lines, .. } = self.matching;
        (ignore_space || ignore_space_change || ignore_blank_lines)
            && self.changes(&lines(delta.old_bytes()), &lines(delta.new_bytes())).is_empty()
    }

    fn changes(&self, old: &[&[u8]], new: &[&[u8]]) -> Vec<Change> {
        changes(old, new, self.matching, Style::Git)
    }

    /// Lines added and removed, `None` for binary files.
    pub fn count(&self, delta: &Delta) -> Option<(usize, usize)> {
        if self.is_binary(delta) {
            return None;
        }
        let all = self.changes(&lines(delta.old_bytes()), &lines(delta.new_bytes()));
        Some(
            all.iter().fold((0, 0), |(add, del), change| {
                (add + change.new.len(), del + change.old.len())
            }),
        )
    }

    fn is_binary(&self, delta: &Delta) -> bool {
        !self.text && (is_binary(delta.old_bytes()) || is_binary(delta.new_bytes()))
    }

    fn shown<'p>(&self, path: &'p str) -> &'p str {
        let prefix = self.relative.as_deref().unwrap_or("");
        path.strip_prefix(prefix).unwrap_or(path)
    }

    fn quoted(&self, path: &str) -> String {
        let path = self.shown(path);
        if self.zero { path.to_owned() } else { quote("", path) }
    }

    fn id(&self, bytes: Option<&[u8]>) -> String {
        let id = bytes.map_or(Oid::NULL, Oid::of_blob).to_string();
        let length = if self.full_index { id.len() } else { SHORT };
        id[..length].to_owned()
    }

    fn push_patch(&self, out: &mut Vec<u8>, delta: &Delta) {
        let [a, b] = &self.prefixes;
        let (old_path, new_path) = (self.shown(delta.old_path()), self.shown(delta.path()));
        let mut text = format!("diff --git {} {}\n", quote(a, old_path), quote(b, new_path));
        let mut index_mode = String::new();
        match (&delta.old, &delta.new) {
            (None, Some((_, new))) => text += &format!("new file mode {}\n", mode(new)),
            (Some((_, old)), None) => text += &format!("deleted file mode {}\n", mode(old)),
            (Some((_, old)), Some((_, new))) if mode(old) != mode(new) => {
                text += &format!("old mode {}\nnew mode {}\n", mode(old), mode(new));
            }
            (Some((_, old)), Some(_)) => index_mode = format!(" {}", mode(old)),
            (None, None) => return,
        }
        if let Some(score) = delta.similarity {
            text += &format!(
                "similarity index {score}%\nrename from {}\nrename to {}\n",
                quote("", old_path),
                quote("", new_path)
            );
        }
        let ids = [&delta.old, &delta.new]
            .map(|side| self.id(side.as_ref().map(|(_, file)| file.bytes())));
        if ids[0] != ids[1] {
            text += &format!("index {}..{}{index_mode}\n", ids[0], ids[1]);
        }
        let old_label = delta.old.as_ref().map_or("/dev/null".to_owned(), |_| label(a, old_path));
        let new_label = delta.new.as_ref().map_or("/dev/null".to_owned(), |_| label(b, new_path));
        if self.is_binary(delta) && delta.old_bytes() != delta.new_bytes() {
            let name = |label: &str| label.trim_end_matches('\t').to_owned();
            text += &format!("Binary files {} and {} differ\n", name(&old_label), name(&new_label));
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.extend_from_slice(text.as_bytes());
        let (old, new) = (lines(delta.old_bytes()), lines(delta.new_bytes()));
        let all = self.changes(&old, &new);
        if !all.is_empty() {
            out.extend_from_slice(format!("--- {old_label}\n+++ {new_label}\n").as_bytes());
            out.extend(unified(&old, &new, &all, self.context, Section::Function));
        }
    }
}

fn mode_differs(delta: &Delta) -> bool {
    let modes = [&delta.old, &delta.new].map(|side| side.as_ref().map(|(_, file)| mode(file)));
    modes[0] != modes[1]
}

/// A name with spaces is followed by a tab, so that patch sees where it ends.
fn label(prefix: &str, path: &str) -> String {
    let name = quote(prefix, path);
    if path.contains(' ') && !name.starts_with('"') { name + "\t" } else { name }
}

/// A path as git prints it: in quotes, with escapes, when it has unusual characters.
pub(super) fn quote(prefix: &str, path: &str) -> String {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    if path.bytes().all(plain) {
        return format!("{prefix}{path}");
    }
    let mut out = format!("\"{prefix}");
    for byte in path.bytes() {
        match byte {
            b'"' => out += "\\\"",
            b'\\' => out += "\\\\",
            b'\n' => out += "\\n",
            b'\t' => out += "\\t",
            b'\r' => out += "\\r",
            byte if plain(byte) => out.push(char::from(byte)),
            byte => out += &format!("\\{byte:03o}"),
        }
    }
    out + "\""
}
