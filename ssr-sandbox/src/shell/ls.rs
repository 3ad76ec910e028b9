//! The command `ls`, as coreutils does it when its output is no terminal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, Metadata, async_trait};

use super::glob::{self, Slash};
use super::session::EPOCH;
use super::text::utc;

/// The size of a directory and the unit of space, as on most disks.
const BLOCK: u64 = 4096;
/// Files that are older than half a year are listed with their year.
const HALF_A_YEAR: i64 = 31_556_952 / 2;
/// How `--full-time` shows times.
const FULL_TIME: &str = "%F %T.%N %z";
/// How deep `-R` goes.
const MAX_DEPTH: usize = 100;

/// `ls` as in coreutils, with one name a line, as it is when its output is no terminal.
pub(super) struct Ls;

#[async_trait]
impl Builtin for Ls {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let (options, names) = match Options::parse(ctx.args) {
            Ok(parsed) => parsed,
            Err(problem) => return Ok(ExecResult::err(format!("ls: {problem}\n"), 2)),
        };
        let mut listing = Listing {
            options,
            fs: ctx.fs.clone(),
            cwd: ctx.cwd.clone(),
            out: String::new(),
            err: String::new(),
            code: 0,
        };
        listing.all(names).await;
        let mut result = ExecResult::err(listing.err, listing.code);
        result.stdout = listing.out.into();
        Ok(result)
    }
}

#[derive(Debug, Clone, Default)]
struct Options {
    hidden: bool,
    dots: bool,
    long: bool,
    human: bool,
    recursive: bool,
    directories: bool,
    by_time: bool,
    by_size: bool,
    unsorted: bool,
    reverse: bool,
    slash: bool,
    classify: bool,
    no_owner: bool,
    no_group: bool,
    folders_first: bool,
    commas: bool,
    quotes: bool,
    inodes: bool,
    numbers: bool,
    /// How times are shown, as `--time-style=+FORMAT` says.
    times: Option<String>,
    /// Patterns of names that are not listed, and of those that only `-a` lists.
    ignored: Vec<String>,
    hidden_too: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<(Self, Vec<String>), String> {
        let mut options = Self::default();
        let mut names = Vec::new();
        let mut only_names = false;
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.strip_prefix('-').filter(|rest| !rest.is_empty() && !only_names) {
                None => names.push(arg.clone()),
                Some("-") => only_names = true,
                Some(long) if long.starts_with('-') => options.long_option(&long[1..])?,
                Some(letters) => {
                    let (flags, pattern) = match letters.split_once('I') {
                        Some((flags, "")) => (flags, args.next().cloned()),
                        Some((flags, pattern)) => (flags, Some(pattern.to_owned())),
                        None => (letters, None),
                    };
                    if letters.contains('I') && pattern.is_none() {
                        return Err("option requires an argument -- 'I'".to_owned());
                    }
                    options.ignored.extend(pattern);
                    flags.chars().try_for_each(|letter| options.letter(letter))?;
                }
            }
        }
        Ok((options, names))
    }

    fn long_option(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "group-directories-first" => self.folders_first = true,
            "ignore" => self.ignored.push(value.to_owned()),
            "hide" => self.hidden_too.push(value.to_owned()),
            "full-time" => {
                self.long = true;
                self.times = Some(FULL_TIME.to_owned());
            }
            "time-style" => {
                self.times = match value {
                    "full-iso" => Some(FULL_TIME.to_owned()),
                    "long-iso" => Some("%Y-%m-%d %H:%M".to_owned()),
                    "locale" | "iso" => None,
                    format => match format.strip_prefix('+') {
                        Some(format) => Some(format.to_owned()),
                        None => {
                            return Err(format!("invalid argument '{format}' for 'time style'"));
                        }
                    },
                };
            }
            "sort" => match value {
                "size" => self.by_size = true,
                "time" => self.by_time = true,
                "none" => self.unsorted = true,
                "name" | "version" => {}
                other => return Err(format!("--sort={other} does not exist in this sandbox")),
            },
            _ => return self.long_letter(name, option),
        }
        Ok(())
    }

    fn long_letter(&mut self, name: &str, option: &str) -> Result<(), String> {
        let letter = match name {
            "all" => 'a',
            "almost-all" => 'A',
            "human-readable" => 'h',
            "recursive" => 'R',
            "directory" => 'd',
            "reverse" => 'r',
            "classify" => 'F',
            "no-group" => 'G',
            "inode" => 'i',
            "numeric-uid-gid" => 'n',
            "quote-name" => 'Q',
            "color" | "hide-control-chars" => '1',
            _ => return Err(format!("unrecognized option '--{option}'")),
        };
        self.letter(letter)
    }

    fn letter(&mut self, letter: char) -> Result<(), String> {
        match letter {
            'a' => (self.hidden, self.dots) = (true, true),
            'A' => self.hidden = true,
            'l' => self.long = true,
            'h' => self.human = true,
            'R' => self.recursive = true,
            'd' => self.directories = true,
            't' => self.by_time = true,
            'S' => self.by_size = true,
            'U' | 'f' => self.unsorted = true,
            'r' => self.reverse = true,
            'p' => self.slash = true,
            'F' => self.classify = true,
            'g' => (self.long, self.no_owner) = (true, true),
            'o' => (self.long, self.no_group) = (true, true),
            'G' => self.no_group = true,
            'm' => self.commas = true,
            'Q' => self.quotes = true,
            'i' => self.inodes = true,
            'n' => (self.long, self.numbers) = (true, true),
            '1' | 'C' | 'x' | 'v' | 'k' | 'q' | 'b' | 'N' | 'L' | 'H' => {}
            other => return Err(format!("option -{other} does not exist in this sandbox")),
        }
        Ok(())
    }
}

impl Options {
    /// Whether a name in a directory is listed.
    fn shows(&self, name: &str) -> bool {
        let fits = |patterns: &[String]| {
            patterns.iter().any(|pattern| glob::matches(pattern, name, Slash::Plain))
        };
        let shown = self.hidden || (!name.starts_with('.') && !fits(&self.hidden_too));
        shown && !fits(&self.ignored)
    }
}

struct Entry {
    name: String,
    metadata: Metadata,
    target: Option<PathBuf>,
    links: usize,
}

impl Entry {
    fn is_directory(&self) -> bool {
        self.metadata.file_type.is_dir()
    }

    fn size(&self) -> u64 {
        match &self.target {
            Some(target) => target.as_os_str().len() as u64,
            None if self.is_directory() => BLOCK,
            None => self.metadata.size,
        }
    }

    fn blocks(&self) -> u64 {
        match self.target {
            Some(_) => 0,
            None => self.size().div_ceil(BLOCK) * (BLOCK / 1024),
        }
    }
}

struct Listing {
    options: Options,
    fs: Arc<dyn FileSystem>,
    cwd: PathBuf,
    out: String,
    err: String,
    code: i32,
}

impl Listing {
    async fn all(&mut self, names: Vec<String>) {
        let given = !names.is_empty();
        let names = if given { names } else { vec![".".to_owned()] };
        let many = names.len() > 1 || self.options.recursive;
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for name in names {
            let path = self.cwd.join(&name);
            // A link that is named is followed, unless the link itself is asked for.
            let follow = !self.options.long && !self.options.directories;
            match self.entry(name.clone(), &path, follow).await {
                Some(entry) if entry.is_directory() && !self.options.directories => {
                    directories.push(entry);
                }
                Some(entry) => files.push(entry),
                None => {
                    self.err += &format!("ls: cannot access '{name}': No such file or directory\n");
                    self.code = 2;
                }
            }
        }
        self.sort(&mut files);
        self.sort(&mut directories);
        self.print(&files);
        let mut first = files.is_empty();
        for directory in directories {
            self.directory(&directory.name, many || self.code != 0, &mut first, 0).await;
        }
    }

    async fn entry(&self, name: String, path: &Path, follow: bool) -> Option<Entry> {
        let metadata = match follow {
            true => self.fs.stat(path).await.or(self.fs.lstat(path).await).ok()?,
            false => self.fs.lstat(path).await.ok()?,
        };
        let is_link = metadata.file_type.is_symlink();
        let target = if is_link { self.fs.read_link(path).await.ok() } else { None };
        let mut links = 1;
        if metadata.file_type.is_dir() && self.options.long {
            let below = self.fs.read_dir(path).await.unwrap_or_default();
            links = 2 + below.iter().filter(|entry| entry.metadata.file_type.is_dir()).count();
        }
        Some(Entry { name, metadata, target, links })
    }

    async fn directory(&mut self, name: &str, heading: bool, first: &mut bool, depth: usize) {
        // Nothing here waits, and the script has to notice the end of its time.
        tokio::task::yield_now().await;
        let path = self.cwd.join(name);
        let Ok(found) = self.fs.read_dir(&path).await else {
            self.err += &format!("ls: cannot open directory '{name}': Permission denied\n");
            self.code = 2;
            return;
        };
        let mut names: Vec<_> = found.into_iter().map(|entry| entry.name).collect();
        names.retain(|name| self.options.shows(name));
        if self.options.dots {
            names.extend([".".to_owned(), "..".to_owned()]);
        }
        let mut entries = Vec::new();
        for name in names {
            let path = match name.as_str() {
                "." => path.clone(),
                ".." => path.parent().unwrap_or(&path).to_owned(),
                name => path.join(name),
            };
            entries.extend(self.entry(name, &path, false).await);
        }
        self.sort(&mut entries);
        if !std::mem::take(first) {
            self.out.push('\n');
        }
        if heading {
            self.out += &format!("{name}:\n");
        }
        if self.options.long {
            let total: u64 = entries.iter().map(Entry::blocks).sum();
            self.out += &match self.options.human {
                true => format!("total {}\n", human(total * 1024)),
                false => format!("total {total}\n"),
            };
        }
        self.print(&entries);
        if self.options.recursive && depth < MAX_DEPTH {
            for entry in entries.iter().filter(|entry| entry.is_directory()) {
                if entry.name != "." && entry.name != ".." {
                    let below = format!("{}/{}", name.trim_end_matches('/'), entry.name);
                    Box::pin(self.directory(&below, true, first, depth + 1)).await;
                }
            }
        }
    }

    fn sort(&self, entries: &mut [Entry]) {
        if self.options.unsorted {
            return;
        }
        entries.sort_by(|a, b| {
            let by_name = a.name.cmp(&b.name);
            if self.options.folders_first && a.is_directory() != b.is_directory() {
                return b.is_directory().cmp(&a.is_directory());
            }
            let order = if self.options.by_size {
                b.size().cmp(&a.size()).then(by_name)
            } else if self.options.by_time {
                b.metadata.modified.cmp(&a.metadata.modified).then(by_name)
            } else {
                by_name
            };
            if self.options.reverse { order.reverse() } else { order }
        });
    }

    fn print(&mut self, entries: &[Entry]) {
        let size = |entry: &Entry| match self.options.human {
            true => human(entry.size()),
            false => entry.size().to_string(),
        };
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let sizes = width(&mut entries.iter().map(|entry| size(entry).len()));
        let links = width(&mut entries.iter().map(|entry| entry.links.to_string().len()));
        for (at, entry) in entries.iter().enumerate() {
            let mark = match entry.metadata.file_type {
                kind if kind.is_dir() && (self.options.slash || self.options.classify) => "/",
                kind if !self.options.classify || kind.is_dir() => "",
                kind if kind.is_symlink() => {
                    if self.options.long {
                        ""
                    } else {
                        "@"
                    }
                }
                _ if entry.metadata.mode & 0o111 != 0 => "*",
                _ => "",
            };
            if self.options.inodes {
                self.out += &format!("{} ", inode(&entry.name));
            }
            if self.options.long {
                let root = if self.options.numbers { "0 " } else { "root " };
                let owner = if self.options.no_owner { "" } else { root };
                let group = if self.options.no_group { "" } else { root };
                let time = entry.metadata.modified;
                let time = match &self.options.times {
                    Some(format) => utc(time, format),
                    None => moment(time),
                };
                self.out += &format!(
                    "{} {:>links$} {owner}{group}{:>sizes$} {} ",
                    permissions(entry),
                    entry.links,
                    size(entry),
                    time
                );
            }
            let quote = if self.options.quotes { "\"" } else { "" };
            self.out += &format!("{quote}{}{quote}{mark}", entry.name);
            if let Some(target) = entry.target.as_ref().filter(|_| self.options.long) {
                self.out += &format!(" -> {}", target.display());
            }
            let more = at + 1 < entries.len();
            self.out += if self.options.commas && !self.options.long && more { ", " } else { "\n" };
        }
        self.out = match self.options.commas && !self.options.long {
            true => wrapped(&self.out),
            false => std::mem::take(&mut self.out),
        };
    }
}

/// Names behind one another with commas, in lines of at most 80 columns.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 80;
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let mut column = 0;
        for part in line.split_inclusive(", ") {
            let length = part.trim_end().chars().count();
            if column > 0 && column + length >= WIDTH {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                column = 0;
            }
            out.push_str(part);
            column += part.chars().count();
        }
    }
    out
}

/// A number that is always the same for a name. There are no disks below.
fn inode(name: &str) -> u32 {
    name.bytes().fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) >> 8
}

fn permissions(entry: &Entry) -> String {
    let kind = match (&entry.target, entry.is_directory()) {
        (Some(_), _) => 'l',
        (None, true) => 'd',
        (None, false) => '-',
    };
    let mode = if entry.target.is_some() { 0o777 } else { entry.metadata.mode };
    let letters = "rwxrwxrwx".chars().enumerate();
    let bits = letters.map(|(at, letter)| if mode & (0o400 >> at) != 0 { letter } else { '-' });
    std::iter::once(kind).chain(bits).collect()
}

/// `Jan  1 00:00`, or `Jan  1  2023` for what is old.
fn moment(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let recent = (0..HALF_A_YEAR).contains(&(EPOCH - seconds)) || seconds > EPOCH;
    utc(time, if recent { "%b %e %H:%M" } else { "%b %e  %Y" })
}

/// `1.2K`, rounded up.
fn human(bytes: u64) -> String {
    let (mut unit, mut size) = (1u64, bytes);
    for letter in ["", "K", "M", "G"] {
        if size < 1024 || letter == "G" {
            if letter.is_empty() {
                return bytes.to_string();
            }
            let tenths = (bytes * 10).div_ceil(unit);
            return match tenths {
                0..100 => format!("{}.{}{letter}", tenths / 10, tenths % 10),
                _ => format!("{}{letter}", bytes.div_ceil(unit)),
            };
        }
        unit *= 1024;
        size = bytes / unit;
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up() {
        let sizes = [0, 1023, 1024, 1025, 10 * 1024, 10 * 1024 + 1, 5 << 20];
        assert_eq!(sizes.map(human), ["0", "1023", "1.0K", "1.1K", "10K", "11K", "5.0M"]);
    }

    #[test]
    fn old_files_show_their_year() {
        let at = |seconds| UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        assert_eq!(moment(at(1_735_689_600)), "Jan  1 00:00");
        assert_eq!(moment(at(1_700_000_000)), "Nov 14  2023");
    }
}
