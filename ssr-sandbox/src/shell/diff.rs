//! The command `diff`, as GNU diffutils does it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, async_trait};

use super::glob::{self, Slash};
use super::text::{Change, Matching, Section, Style, changes, is_binary, lines, unified, utc};

/// The exit status for "something is wrong".
const TROUBLE: i32 = 2;
/// How deep `-r` goes.
const MAX_DEPTH: usize = 100;

/// `diff` as in GNU diffutils: normal and unified output, directories.
pub(super) struct Diff;

#[async_trait]
impl Builtin for Diff {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let options = match Options::parse(ctx.args) {
            Ok(options) => options,
            Err(problem) => return Ok(ExecResult::err(format!("diff: {problem}\n"), TROUBLE)),
        };
        let mut run = Run {
            options,
            fs: ctx.fs.clone(),
            cwd: ctx.cwd.clone(),
            stdin: ctx.stdin.map(|data| data.as_bytes().to_vec()).unwrap_or_default(),
            out: Vec::new(),
            err: String::new(),
        };
        let [left, right] = run.options.files.clone();
        let code = run.top(&left, &right).await;
        let mut result = ExecResult::err(run.err, code);
        result.stdout = run.out.into();
        Ok(result)
    }
}

#[derive(Clone)]
struct Options {
    /// Lines of context, `None` for the normal format.
    unified: Option<usize>,
    recursive: bool,
    brief: bool,
    new_file: bool,
    report_same: bool,
    text: bool,
    function: bool,
    strip_cr: bool,
    matching: Matching,
    labels: Vec<String>,
    excluded: Vec<String>,
    files: [String; 2],
    /// The options as given, for the lines before the files of a directory.
    given: String,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            unified: None,
            recursive: false,
            brief: false,
            new_file: false,
            report_same: false,
            text: false,
            function: false,
            strip_cr: false,
            matching: Matching::default(),
            labels: Vec::new(),
            excluded: Vec::new(),
            files: [String::new(), String::new()],
            given: String::new(),
        };
        let mut files = Vec::new();
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            let before = rest.len();
            rest = after;
            if arg == "--" {
                files.extend_from_slice(rest);
                break;
            }
            if arg == "-" || !arg.starts_with('-') {
                files.push(arg.clone());
                continue;
            }
            match arg.strip_prefix("--") {
                Some(long) => options.long(long, &mut rest)?,
                None => options.short(&arg[1..], &mut rest)?,
            }
            for word in &args[args.len() - before..args.len() - rest.len()] {
                options.given += " ";
                options.given += word;
            }
        }
        options.files = <[String; 2]>::try_from(files).map_err(|files| match files.as_slice() {
            [] => "missing operand after 'diff'".to_owned(),
            [one] => format!("missing operand after '{one}'"),
            [.., last] => format!("extra operand '{last}'"),
        })?;
        Ok(options)
    }

    fn long(&mut self, option: &str, rest: &mut &[String]) -> Result<(), String> {
        let (name, attached) = option.split_once('=').map_or((option, None), |(n, v)| (n, Some(v)));
        let mut value = || match attached {
            Some(value) => Ok(value.to_owned()),
            None => take(rest).ok_or_else(|| format!("option '--{name}' requires an argument")),
        };
        match name {
            "unified" => self.unified = Some(number(attached.unwrap_or("3"))?),
            "recursive" => self.recursive = true,
            "brief" => self.brief = true,
            "new-file" => self.new_file = true,
            "report-identical-files" => self.report_same = true,
            "text" => self.text = true,
            "show-c-function" => (self.function, self.unified) = (true, self.unified.or(Some(3))),
            "strip-trailing-cr" => self.strip_cr = true,
            "ignore-all-space" => self.matching.ignore_space = true,
            "ignore-space-change" | "ignore-trailing-space" => {
                self.matching.ignore_space_change = true
            }
            "ignore-blank-lines" => self.matching.ignore_blank_lines = true,
            "ignore-case" => self.matching.ignore_case = true,
            "label" => self.labels.push(value()?),
            "exclude" => self.excluded.push(value()?),
            "color" | "minimal" | "normal" | "speed-large-files" | "no-dereference" => {}
            _ => return Err(format!("unrecognized option '--{option}'")),
        }
        Ok(())
    }

    fn short(&mut self, letters: &str, rest: &mut &[String]) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let attached = &letters[at + letter.len_utf8()..];
            let mut value = || match attached {
                "" => {
                    take(rest).ok_or_else(|| format!("option requires an argument -- '{letter}'"))
                }
                attached => Ok(attached.to_owned()),
            };
            match letter {
                'u' => self.unified = self.unified.or(Some(3)),
                'r' => self.recursive = true,
                'q' => self.brief = true,
                'N' => self.new_file = true,
                's' => self.report_same = true,
                'a' => self.text = true,
                'p' => (self.function, self.unified) = (true, self.unified.or(Some(3))),
                'w' => self.matching.ignore_space = true,
                'b' | 'Z' => self.matching.ignore_space_change = true,
                'B' => self.matching.ignore_blank_lines = true,
                'i' => self.matching.ignore_case = true,
                'd' | 'H' => {}
                '0'..='9' => self.unified = Some(number(&letters[at..])?),
                'U' => self.unified = Some(number(&value()?)?),
                'L' => self.labels.push(value()?),
                'x' => self.excluded.push(value()?),
                'c' | 'C' | 'e' | 'y' | 'n' | 'W' => {
                    return Err(format!("-{letter} does not exist in this sandbox; use -u"));
                }
                _ => return Err(format!("invalid option -- '{letter}'")),
            }
            if matches!(letter, 'U' | 'L' | 'x' | '0'..='9') {
                break;
            }
        }
        Ok(())
    }
}

fn take(rest: &mut &[String]) -> Option<String> {
    let (value, after) = rest.split_first()?;
    *rest = after;
    Some(value.clone())
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("invalid context length '{text}'"))
}

/// What a name stands for.
enum Entry {
    Missing,
    Directory,
    File { bytes: Vec<u8>, modified: SystemTime },
}

struct Run {
    options: Options,
    fs: Arc<dyn FileSystem>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    out: Vec<u8>,
    err: String,
}

impl Run {
    async fn read(&self, name: &str) -> Entry {
        if name == "-" {
            return Entry::File { bytes: self.stdin.clone(), modified: UNIX_EPOCH };
        }
        let path = self.cwd.join(name);
        match self.fs.stat(&path).await {
            Ok(metadata) if metadata.file_type.is_dir() => Entry::Directory,
            Ok(metadata) => match self.fs.read_file(&path).await {
                Ok(bytes) => Entry::File { bytes, modified: metadata.modified },
                Err(_) => Entry::Missing,
            },
            // What a process substitution names can be read and has no metadata.
            Err(_) => match self.fs.read_file(&path).await {
                Ok(bytes) => Entry::File { bytes, modified: UNIX_EPOCH },
                Err(_) => Entry::Missing,
            },
        }
    }

    async fn top(&mut self, left: &str, right: &str) -> i32 {
        let (mut left, mut right) = (left.to_owned(), right.to_owned());
        let mut sides = (self.read(&left).await, self.read(&right).await);
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        if matches!(sides, (Entry::Directory, Entry::File { .. })) {
            left = format!("{}/{}", left.trim_end_matches('/'), last(&right));
            sides.0 = self.read(&left).await;
        } else if matches!(sides, (Entry::File { .. }, Entry::Directory)) {
            right = format!("{}/{}", right.trim_end_matches('/'), last(&left));
            sides.1 = self.read(&right).await;
        }
        let both_missing = matches!(sides, (Entry::Missing, Entry::Missing));
        for (name, side) in [(&left, &sides.0), (&right, &sides.1)] {
            if matches!(side, Entry::Missing) && (!self.options.new_file || both_missing) {
                self.err += &format!("diff: {name}: No such file or directory\n");
            }
        }
        if !self.err.is_empty() {
            return TROUBLE;
        }
        match sides {
            (Entry::Directory, _) | (_, Entry::Directory) => {
                self.directories(&left, &right, 0).await
            }
            (a, b) => self.files((&left, a), (&right, b), false),
        }
    }

    async fn directories(&mut self, left: &str, right: &str, depth: usize) -> i32 {
        if depth > MAX_DEPTH {
            self.err += &format!("diff: {left}: more than {MAX_DEPTH} directories deep\n");
            return TROUBLE;
        }
        let (a, b) = (self.list(left).await, self.list(right).await);
        let mut names: Vec<_> = a.iter().chain(&b).cloned().collect();
        names.sort();
        names.dedup();
        let mut code = 0;
        for name in names {
            if self.options.excluded.iter().any(|glob| glob::matches(glob, &name, Slash::Plain)) {
                continue;
            }
            // Nothing here waits, and the script has to notice the end of its time.
            tokio::task::yield_now().await;
            let join = |directory: &str| format!("{}/{name}", directory.trim_end_matches('/'));
            let (one, two) = (join(left), join(right));
            let status = match (self.read(&one).await, self.read(&two).await) {
                (Entry::Directory, Entry::Directory) if !self.options.recursive => {
                    self.say(format!("Common subdirectories: {one} and {two}"));
                    0
                }
                (Entry::Missing, _) | (_, Entry::Missing) if !self.options.new_file => {
                    let place = if a.contains(&name) { left } else { right };
                    self.say(format!("Only in {}: {name}", place.trim_end_matches('/')));
                    1
                }
                (Entry::Directory, Entry::Directory | Entry::Missing)
                | (Entry::Missing, Entry::Directory)
                    if self.options.recursive =>
                {
                    Box::pin(self.directories(&one, &two, depth + 1)).await
                }
                (Entry::Directory, _) => {
                    self.say(format!(
                        "File {one} is a directory while file {two} is a regular file"
                    ));
                    1
                }
                (_, Entry::Directory) => {
                    self.say(format!(
                        "File {one} is a regular file while file {two} is a directory"
                    ));
                    1
                }
                (a, b) => self.files((&one, a), (&two, b), true),
            };
            code = code.max(status);
        }
        code
    }

    async fn list(&self, directory: &str) -> Vec<String> {
        let entries = self.fs.read_dir(&self.cwd.join(directory)).await.unwrap_or_default();
        entries
            .into_iter()
            .map(|entry| entry.name)
            .filter(|name| name != "." && name != "..")
            .collect()
    }

    fn say(&mut self, line: String) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.push(b'\n');
    }

    fn files(&mut self, left: (&str, Entry), right: (&str, Entry), in_directory: bool) -> i32 {
        let options = self.options.clone();
        let absent = |entry: &Entry| matches!(entry, Entry::Missing);
        let missing = [absent(&left.1), absent(&right.1)];
        let content = |entry: Entry| match entry {
            Entry::File { bytes, modified } => (bytes, modified),
            _ => (Vec::new(), UNIX_EPOCH),
        };
        let ((a, a_time), (b, b_time)) = (content(left.1), content(right.1));
        let strip = |bytes: Vec<u8>| match options.strip_cr {
            true => without_cr(&bytes),
            false => bytes,
        };
        let (a, b) = (strip(a), strip(b));
        let same = a == b && missing[0] == missing[1];
        if same || (!missing[0] && !missing[1] && self.equal(&a, &b)) {
            if options.report_same {
                self.say(format!("Files {} and {} are identical", left.0, right.0));
            }
            return 0;
        }
        if options.brief {
            self.say(format!("Files {} and {} differ", left.0, right.0));
            return 1;
        }
        if !options.text && (is_binary(&a) || is_binary(&b)) {
            self.say(format!("Binary files {} and {} differ", left.0, right.0));
            return 1;
        }
        if in_directory {
            self.say(format!("diff{} {} {}", options.given, left.0, right.0));
        }
        let (old, new) = (lines(&a), lines(&b));
        let all = changes(&old, &new, options.matching, Style::Diff);
        match options.unified {
            None => push_normal(&mut self.out, &old, &new, &all),
            Some(context) => {
                let label = |at: usize, name: &str, time: SystemTime| {
                    options.labels.get(at).cloned().unwrap_or_else(|| {
                        let time = if missing[at] { UNIX_EPOCH } else { time };
                        format!("{name}\t{}", stamp(time))
                    })
                };
                let (old_label, new_label) = (label(0, left.0, a_time), label(1, right.0, b_time));
                self.say(format!("--- {old_label}\n+++ {new_label}"));
                let section = if options.function { Section::Function } else { Section::None };
                self.out.extend(unified(&old, &new, &all, context, section));
            }
        }
        1
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        changes(&lines(a), &lines(b), self.options.matching, Style::Diff).is_empty()
    }
}

/// The same text with `\n` for `\r\n`.
fn without_cr(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for line in lines(text) {
        match line.strip_suffix(b"\r\n") {
            Some(start) => {
                out.extend_from_slice(start);
                out.push(b'\n');
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// `2025-01-01 00:00:00.000000000 +0000`
fn stamp(time: SystemTime) -> String {
    utc(time, "%Y-%m-%d %H:%M:%S.%N %z")
}

fn push_normal(out: &mut Vec<u8>, old: &[&[u8]], new: &[&[u8]], all: &[Change]) {
    let range = |start: usize, end: usize| match end - start {
        1 => format!("{}", start + 1),
        _ => format!("{},{end}", start + 1),
    };
    let push = |out: &mut Vec<u8>, marker: &[u8], lines: &[&[u8]]| {
        for line in lines {
            out.extend_from_slice(marker);
            out.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                out.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    };
    for Change { old: a, new: b } in all {
        let header = match (a.is_empty(), b.is_empty()) {
            (true, _) => format!("{}a{}\n", a.start, range(b.start, b.end)),
            (_, true) => format!("{}d{}\n", range(a.start, a.end), b.start),
            _ => format!("{}c{}\n", range(a.start, a.end), range(b.start, b.end)),
        };
        out.extend_from_slice(header.as_bytes());
        push(out, b"< ", &old[a.clone()]);
        if !a.is_empty() && !b.is_empty() {
            out.extend_from_slice(b"---\n");
        }
        push(out, b"> ", &new[b.clone()]);
    }
}
