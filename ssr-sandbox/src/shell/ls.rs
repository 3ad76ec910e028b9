//! `ls` as in coreutils.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, Metadata, async_trait};

use super::session::EPOCH;

/// The size of a directory and the unit of space, as on most disks.
const BLOCK: u64 = 4096;
/// Files that are older than half a year are listed with their year.
const HALF_A_YEAR: i64 = 31_556_952 / 2;
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

#[derive(Debug, Clone, Copy, Default)]
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
}

impl Options {
    fn parse(args: &[String]) -> Result<(Self, Vec<String>), String> {
        let mut options = Self::default();
        let mut names = Vec::new();
        let mut only_names = false;
        for arg in args {
            match arg.strip_prefix('-').filter(|rest| !rest.is_empty() && !only_names) {
                None => names.push(arg.clone()),
                Some("-") => only_names = true,
                Some(long) if long.starts_with('-') => options.long_option(&long[1..])?,
                Some(letters) => letters.chars().try_for_each(|letter| options.letter(letter))?,
            }
        }
        Ok((options, names))
    }

    fn long_option(&mut self, option: &str) -> Result<(), String> {
        let letter = match option.split('=').next().unwrap_or_default() {
            "all" => 'a',
            "almost-all" => 'A',
            "human-readable" => 'h',
            "recursive" => 'R',
            "directory" => 'd',
            "reverse" => 'r',
            "classify" => 'F',
            "no-group" => 'G',
            "color" | "time-style" | "group-directories-first" | "hide-control-chars" => '1',
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
            '1' | 'C' | 'x' | 'v' | 'k' | 'q' | 'b' | 'N' | 'L' | 'H' => {}
            other => return Err(format!("option -{other} does not exist in this sandbox")),
        }
        Ok(())
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
        let path = self.cwd.join(name);
        let Ok(found) = self.fs.read_dir(&path).await else {
            self.err += &format!("ls: cannot open directory '{name}': Permission denied\n");
            self.code = 2;
            return;
        };
        let mut names: Vec<_> = found.into_iter().map(|entry| entry.name).collect();
        names.retain(|name| self.options.hidden || !name.starts_with('.'));
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
        for entry in entries {
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
            if self.options.long {
                let owner = if self.options.no_owner { "" } else { "root " };
                let group = if self.options.no_group { "" } else { "root " };
                self.out += &format!(
                    "{} {:>links$} {owner}{group}{:>sizes$} {} ",
                    permissions(entry),
                    entry.links,
                    size(entry),
                    moment(entry.metadata.modified)
                );
            }
            self.out += &entry.name;
            self.out += mark;
            if let Some(target) = entry.target.as_ref().filter(|_| self.options.long) {
                self.out += &format!(" -> {}", target.display());
            }
            self.out.push('\n');
        }
    }
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
    // `Wed Jan 1 00:00:00 2025 +0000`
    let text = super::git::default_date(seconds);
    let parts: Vec<_> = text.split(' ').collect();
    let [_, month, day, clock, year, _] = parts.as_slice() else { return text };
    let recent = (0..HALF_A_YEAR).contains(&(EPOCH - seconds)) || seconds > EPOCH;
    let last = if recent { clock[..5].to_owned() } else { format!(" {year}") };
    format!("{month} {day:>2} {last}")
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
