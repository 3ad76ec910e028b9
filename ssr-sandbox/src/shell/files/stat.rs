//! `stat`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, Metadata, async_trait};

use super::Words;
use crate::shell::text::utc;

/// The size of a directory and the unit of space, as on most disks.
const BLOCK: u64 = 4096;
/// How times are shown.
const TIME: &str = "%F %T.%N %z";

/// `stat` in the shell.
pub(in crate::shell) struct Stat;

#[async_trait]
impl Builtin for Stat {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "format" => Some('c'),
            "printf" => Some('P'),
            "dereference" => Some('L'),
            "terse" => Some('t'),
            "file-system" => Some('f'),
            _ => None,
        };
        let fail = |problem: String| Ok(ExecResult::err(format!("stat: {problem}\n"), 1));
        let words = match Words::parse(ctx.args, "cP", long) {
            Ok(words) => words,
            Err(problem) => return fail(problem),
        };
        let (mut format, mut follow) = (None, false);
        for (letter, value) in words.options {
            match letter.as_str() {
                "c" => format = Some(value + "\n"),
                "P" => format = Some(unescaped(&value)),
                "L" => follow = true,
                "f" => return fail("there are no disks in this sandbox to tell of with -f".into()),
                "t" => return fail("option -t does not exist in this sandbox; use -c".into()),
                other => return fail(format!("invalid option -- '{other}'")),
            }
        }
        if words.names.is_empty() {
            return fail("missing operand".to_owned());
        }
        let (mut out, mut err) = (String::new(), String::new());
        for name in &words.names {
            let path = ctx.cwd.join(name);
            let found = if follow { ctx.fs.stat(&path).await } else { ctx.fs.lstat(&path).await };
            let Ok(metadata) = found else {
                err += &format!("stat: cannot statx '{name}': No such file or directory\n");
                continue;
            };
            let told = Told::new(&*ctx.fs, name, &path, metadata).await;
            out += &match &format {
                Some(format) => told.formatted(format),
                None => told.in_full(),
            };
        }
        let mut result = ExecResult::err(err.clone(), i32::from(!err.is_empty()));
        result.stdout = out.into();
        Ok(result)
    }
}

/// The escapes of `--printf`.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (c, false) => out.push(c),
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('0') => out.push('\0'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
        }
    }
    out
}

/// What is known of one file.
struct Told<'a> {
    name: &'a str,
    metadata: Metadata,
    target: Option<String>,
    links: usize,
}

impl<'a> Told<'a> {
    async fn new(fs: &dyn FileSystem, name: &'a str, path: &Path, metadata: Metadata) -> Self {
        let mut links = 1;
        if metadata.file_type.is_dir() {
            let below = fs.read_dir(path).await.unwrap_or_default();
            links = 2 + below.iter().filter(|entry| entry.metadata.file_type.is_dir()).count();
        }
        let is_link = metadata.file_type.is_symlink();
        let target = if is_link { fs.read_link(path).await.ok() } else { None };
        let target = target.map(|target| target.display().to_string());
        Self { name, metadata, target, links }
    }

    fn size(&self) -> u64 {
        match (&self.target, self.metadata.file_type.is_dir()) {
            (Some(target), _) => target.len() as u64,
            (None, true) => BLOCK,
            (None, false) => self.metadata.size,
        }
    }

    fn kind(&self) -> &'static str {
        match (&self.target, self.metadata.file_type.is_dir()) {
            (Some(_), _) => "symbolic link",
            (None, true) => "directory",
            (None, false) if self.metadata.size == 0 => "regular empty file",
            (None, false) => "regular file",
        }
    }

    fn permissions(&self) -> String {
        let kind = match (&self.target, self.metadata.file_type.is_dir()) {
            (Some(_), _) => 'l',
            (None, true) => 'd',
            (None, false) => '-',
        };
        let mode = self.metadata.mode;
        let letters = "rwxrwxrwx".chars().enumerate();
        let bits = letters.map(|(at, letter)| if mode & (0o400 >> at) != 0 { letter } else { '-' });
        std::iter::once(kind).chain(bits).collect()
    }

    fn quoted_name(&self) -> String {
        match &self.target {
            Some(target) => format!("'{}' -> '{target}'", self.name),
            None => format!("'{}'", self.name),
        }
    }

    /// The text for one letter behind `%`; `None` for one that does not exist here.
    fn field(&self, letter: char) -> Option<String> {
        let kind = match (&self.target, self.metadata.file_type.is_dir()) {
            (Some(_), _) => 0o120_000,
            (None, true) => 0o40_000,
            (None, false) => 0o100_000,
        };
        let seconds = |time: SystemTime| {
            time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string()
        };
        let modified = self.metadata.modified;
        Some(match letter {
            'a' => format!("{:o}", self.metadata.mode & 0o7777),
            'A' => self.permissions(),
            'b' => (self.size().div_ceil(BLOCK) * (BLOCK / 512)).to_string(),
            'B' => "512".to_owned(),
            'f' => format!("{:x}", kind | self.metadata.mode),
            'F' => self.kind().to_owned(),
            'g' | 'u' => "0".to_owned(),
            'G' | 'U' => "root".to_owned(),
            'h' => self.links.to_string(),
            'n' => self.name.to_owned(),
            'N' => self.quoted_name(),
            'o' => BLOCK.to_string(),
            's' => self.size().to_string(),
            'x' | 'y' | 'z' => utc(modified, TIME),
            'X' | 'Y' | 'Z' => seconds(modified),
            'w' => "-".to_owned(),
            'W' => "0".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }

    fn formatted(&self, format: &str) -> String {
        let mut out = String::new();
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            out += before;
            let width =
                after.find(|c: char| !matches!(c, '0'..='9' | '-' | '#')).unwrap_or(after.len());
            let Some(letter) = after[width..].chars().next() else {
                out.push('%');
                rest = after;
                continue;
            };
            let text = self.field(letter).unwrap_or_else(|| "?".to_owned());
            let (left, digits) = match after[..width].strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, &after[..width]),
            };
            let wide: usize = digits.trim_matches('#').parse().unwrap_or(0).min(1000);
            out += &if left { format!("{text:<wide$}") } else { format!("{text:>wide$}") };
            rest = &after[width + letter.len_utf8()..];
        }
        out + rest
    }

    fn in_full(&self) -> String {
        let field = |letter| self.field(letter).unwrap_or_default();
        let name = match &self.target {
            Some(target) => format!("{} -> {target}", self.name),
            None => self.name.to_owned(),
        };
        format!(
            "  File: {name}\n  Size: {:<10}\tBlocks: {:<10} IO Block: {BLOCK:<6} {}\n\
             Device: 0,0\tInode: 0           Links: {}\n\
             Access: ({:04o}/{})  Uid: (    0/    root)   Gid: (    0/    root)\n\
             Access: {time}\nModify: {time}\nChange: {time}\n Birth: -\n",
            field('s'),
            field('b'),
            self.kind(),
            self.links,
            self.metadata.mode & 0o7777,
            self.permissions(),
            time = field('y'),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bashkit::FileType;

    #[test]
    fn formats_have_widths_and_escapes() {
        let metadata = Metadata {
            file_type: FileType::File,
            size: 7,
            mode: 0o755,
            modified: UNIX_EPOCH,
            created: UNIX_EPOCH,
        };
        let told = Told { name: "a", metadata, target: None, links: 1 };
        assert_eq!(told.formatted("%n|%4s|%-3a|%A|%%|%Y|"), "a|   7|755|-rwxr-xr-x|%|0|");
        assert_eq!(told.formatted("%F %Q %"), "regular file ? %");
        assert_eq!(unescaped("a\\nb\\t\\\\"), "a\nb\t\\");
    }
}
