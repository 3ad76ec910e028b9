//! `git log` and `git rev-list`: which commits, in which order.

use std::sync::Arc;

use super::date::{DateStyle, Moment};
use super::delta::Delta;
use super::diff::DiffOptions;
use super::object::{Commit, Oid};
use super::pathspec::{Pathspec, locate};
use super::pretty::{Pretty, Printer};
use super::revision::unknown;
use super::{Call, Fatal, Result};

/// Which commits, and what of them.
pub(super) struct LogOptions {
    pub printer: Printer,
    pub diff: DiffOptions,
    pub no_patch: bool,
    pub graph: bool,
    pub names: Vec<String>,
    pub paths: Vec<String>,
    limit: usize,
    skip: usize,
    reverse: bool,
    all: bool,
    authors: Vec<String>,
    greps: Vec<String>,
    ignore_case: bool,
    pickaxe: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
    no_merges: bool,
    follow: bool,
}

impl LogOptions {
    pub fn parse(command: &str, args: &[String]) -> Result<Self> {
        let printer = Printer {
            pretty: Pretty::Medium,
            date: DateStyle::Default,
            decorate: false,
            abbreviate: false,
        };
        let mut options = Self {
            printer,
            diff: DiffOptions::default(),
            no_patch: false,
            graph: false,
            names: Vec::new(),
            paths: Vec::new(),
            limit: usize::MAX,
            skip: 0,
            reverse: false,
            all: false,
            authors: Vec::new(),
            greps: Vec::new(),
            ignore_case: false,
            pickaxe: None,
            since: None,
            until: None,
            no_merges: false,
            follow: false,
        };
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            if arg == "--" {
                options.paths.extend_from_slice(rest);
                break;
            }
            if !arg.starts_with('-') || arg == "-" {
                options.names.push(arg.clone());
                continue;
            }
            if options.flag(arg) {
                continue;
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) if arg.starts_with("--") => (name, Some(value.to_owned())),
                _ if takes_value(arg) => (&arg[..2.min(arg.len())], attached(arg)),
                _ => (arg.as_str(), None),
            };
            let needs = takes_value(name);
            let value = match (needs, value) {
                (true, None) => {
                    let (value, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage(format!("{arg} requires a value")))?;
                    rest = after;
                    Some(value.clone())
                }
                (_, value) => value,
            };
            if needs && options.valued(name, &value.unwrap_or_default())? {
                continue;
            }
            let digits = arg[1..].parse::<usize>();
            if let Ok(count) = digits {
                options.limit = count;
            } else if let Some(used) = options.diff.take(arg, rest)? {
                rest = &rest[used..];
            } else {
                return Err(Fatal::option(command, arg));
            }
        }
        Ok(options)
    }

    fn flag(&mut self, arg: &str) -> bool {
        match arg {
            "--oneline" => (self.printer.pretty, self.printer.abbreviate) = (Pretty::Oneline, true),
            "--decorate" | "--decorate=short" => self.printer.decorate = true,
            "--abbrev-commit" => self.printer.abbreviate = true,
            "--no-abbrev-commit" => self.printer.abbreviate = false,
            "--reverse" => self.reverse = true,
            "--all" | "--branches" => self.all = true,
            "--graph" => self.graph = true,
            "-s" | "--no-patch" => self.no_patch = true,
            "--no-merges" => self.no_merges = true,
            "-i" | "--regexp-ignore-case" => self.ignore_case = true,
            "--follow" => self.follow = true,
            "--first-parent"
            | "--no-decorate"
            | "--date-order"
            | "--topo-order"
            | "--no-notes"
            | "-m"
            | "-c"
            | "--cc"
            | "--full-history"
            | "--decorate=no"
            | "-E"
            | "-F"
            | "--tags"
            | "--simplify-merges"
            | "--no-show-signature" => {}
            _ => return false,
        }
        true
    }

    fn valued(&mut self, name: &str, value: &str) -> Result<bool> {
        let number = || value.parse().map_err(|_| Fatal::new(format!("'{value}': not an integer")));
        let moment = || {
            Moment::parse(value).map(Moment::seconds).ok_or_else(|| {
                Fatal::new(format!("'{value}': give dates as 2025-01-31 or 2025-01-31T12:00:00Z"))
            })
        };
        match name {
            "-n" | "--max-count" => self.limit = number()?,
            "--skip" => self.skip = number()?,
            "--pretty" | "--format" => {
                self.printer.pretty = Pretty::parse(value)?;
            }
            "--date" => self.printer.date = DateStyle::parse(value)?,
            "--author" => self.authors.push(value.to_owned()),
            "--grep" => self.greps.push(value.to_owned()),
            "-S" => self.pickaxe = Some(value.to_owned()),
            "-G" => return Err(Fatal::no_option("log", name, "-S<text>")),
            "--since" | "--after" => self.since = Some(moment()?),
            "--until" | "--before" => self.until = Some(moment()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn wants(&self, commit: &Commit) -> bool {
        let contains = |text: &str, part: &str| match self.ignore_case {
            true => text.to_lowercase().contains(&part.to_lowercase()),
            false => text.contains(part),
        };
        let author = format!("{} <{}>", commit.author.name, commit.author.email);
        let any = |parts: &[String], text: &str| {
            parts.is_empty() || parts.iter().any(|part| contains(text, part))
        };
        any(&self.authors, &author)
            && any(&self.greps, &commit.message)
            && self.since.is_none_or(|since| commit.committer.when.seconds() >= since)
            && self.until.is_none_or(|until| commit.committer.when.seconds() <= until)
            && !(self.no_merges && commit.parents.len() > 1)
    }
}

fn takes_value(arg: &str) -> bool {
    const LONG: [&str; 11] = [
        "--max-count",
        "--skip",
        "--pretty",
        "--format",
        "--date",
        "--author",
        "--grep",
        "--since",
        "--after",
        "--until",
        "--before",
    ];
    LONG.contains(&arg) || ["-n", "-S", "-G"].iter().any(|short| arg.starts_with(short))
}

fn attached(arg: &str) -> Option<String> {
    (!arg.starts_with("--") && arg.len() > 2).then(|| arg[2..].to_owned())
}

impl Call<'_> {
    pub fn log(&mut self, args: &[String]) -> Result<i32> {
        let mut options = LogOptions::parse("log", args)?;
        let commits = self.walk(&mut options)?;
        self.print_commits(&options, &commits)?;
        self.warn_about_renames();
        Ok(0)
    }

    pub fn rev_list(&mut self, args: &[String]) -> Result<i32> {
        let count = args.iter().any(|arg| arg == "--count");
        let rest: Vec<_> = args.iter().filter(|arg| *arg != "--count").cloned().collect();
        let mut options = LogOptions::parse("rev-list", &rest)?;
        let commits = self.walk(&mut options)?;
        if count {
            self.say(commits.len().to_string());
            return Ok(0);
        }
        for (id, commit) in commits {
            let subject = match options.printer.pretty {
                Pretty::Oneline => format!("{} {}", id.short(), commit.subject()),
                _ => id.to_string(),
            };
            self.say(subject);
        }
        Ok(0)
    }

    /// The commits that the options name; names that are none become paths.
    fn walk(&mut self, options: &mut LogOptions) -> Result<Vec<(Oid, Arc<Commit>)>> {
        let (mut from, mut without) = (Vec::new(), Vec::new());
        let names = std::mem::take(&mut options.names);
        let mut paths = Vec::new();
        for name in names {
            if let Some((old, new)) = name.split_once("..") {
                let new = new.trim_start_matches('.');
                let side =
                    |text: &str| if text.is_empty() { "HEAD".to_owned() } else { text.to_owned() };
                without.push(self.repo.revision(&side(old))?.0);
                from.push(self.repo.revision(&side(new))?.0);
            } else if let Some(old) = name.strip_prefix('^') {
                without.push(self.repo.revision(old)?.0);
            } else if let Some((id, _)) = self.repo.try_revision(&name).filter(|_| paths.is_empty())
            {
                from.push(id);
            } else if self.is_path(&name) {
                paths.push(name);
            } else {
                return Err(unknown(&name));
            }
        }
        paths.append(&mut options.paths);
        options.paths = paths;
        if options.all {
            from.extend(self.repo.branches.values().chain(self.repo.tags.values()));
            from.extend(self.repo.stash.last());
        }
        if from.is_empty() {
            from.push(self.repo.head_id());
        }
        let hidden: Vec<Oid> =
            self.repo.ancestors(&without).into_iter().map(|(id, _)| id).collect();
        let mut spec = Pathspec::new(&options.paths, &self.prefix)?;
        let mut followed = match options.paths.as_slice() {
            [path] if options.follow => locate(path, &self.prefix),
            _ => None,
        };
        let mut commits = Vec::new();
        let mut skip = options.skip;
        for (id, commit) in self.repo.ancestors(&from) {
            if commits.len() == options.limit {
                break;
            }
            let before = match &followed {
                Some(name) => self.name_before(&commit, name)?,
                None => None,
            };
            let wanted = !hidden.contains(&id)
                && options.wants(&commit)
                && (spec.is_empty() || !self.introduced(&commit, &spec, false)?.is_empty())
                && self.changes_count(&commit, &spec, options.pickaxe.as_deref())?;
            if wanted && skip == 0 {
                commits.push((id, commit));
            } else if wanted {
                skip -= 1;
            }
            if let Some(name) = before {
                options.paths.push(format!(":/{name}"));
                spec = Pathspec::new(options.paths.last(), &self.prefix)?;
                followed = Some(name);
            }
        }
        if options.reverse {
            commits.reverse();
        }
        Ok(commits)
    }

    /// What a file was called before a commit that renamed it.
    fn name_before(&self, commit: &Commit, name: &str) -> Result<Option<String>> {
        let all = self.introduced(commit, &Pathspec::default(), true)?;
        let renamed = all.into_iter().find(|delta| delta.path() == name);
        Ok(renamed.filter(|delta| delta.letter() == 'R').map(|delta| delta.old_path().to_owned()))
    }

    /// Whether a commit changes how often a file has `text`, as `-S` asks.
    fn changes_count(&self, commit: &Commit, spec: &Pathspec, text: Option<&str>) -> Result<bool> {
        let Some(text) = text else { return Ok(true) };
        let count = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches(text).count();
        for delta in self.introduced(commit, spec, true)? {
            self.deadline.check()?;
            if count(delta.old_bytes()) != count(delta.new_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a name on a command line can be meant as a path.
    pub fn is_path(&self, name: &str) -> bool {
        let tracked = |path: &str| {
            self.repo.index.contains(path)
                || self.repo.index.files().any(|(file, _)| super::stage::below(file.as_str(), path))
        };
        name.contains('*')
            || locate(name, &self.prefix)
                .is_some_and(|path| path.is_empty() || self.work.exists(&path) || tracked(&path))
    }

    /// What a commit changed compared with its first parent.
    pub fn introduced(
        &self,
        commit: &Commit,
        spec: &Pathspec,
        renames: bool,
    ) -> Result<Vec<Delta>> {
        let parent = commit.parents.first();
        let before = parent.map(|id| self.repo.tree(*id)).unwrap_or_default();
        self.deltas(&before, &commit.tree, spec, renames)
    }

    pub fn print_commits(
        &mut self,
        options: &LogOptions,
        commits: &[(Oid, Arc<Commit>)],
    ) -> Result<()> {
        let spec = Pathspec::new(&options.paths, &self.prefix)?;
        let pretty = &options.printer.pretty;
        for (at, (id, commit)) in commits.iter().enumerate() {
            if at > 0 && pretty.separates() {
                self.out.push(b'\n');
            }
            let start = self.out.len();
            let header = options.printer.commit(self.repo, *id, commit);
            self.out.extend_from_slice(header.as_bytes());
            if options.diff.is_chosen() && !options.no_patch && commit.parents.len() < 3 {
                let all = self.introduced(commit, &spec, options.diff.renames)?;
                let mut text = Vec::new();
                if options.diff.print(&mut text, all, self.deadline)? {
                    if *pretty != Pretty::Oneline && !pretty.is_empty() {
                        if !header.ends_with('\n') {
                            self.out.push(b'\n');
                        }
                        if options.diff.patch && options.diff.stat {
                            self.out.extend_from_slice(b"---");
                        }
                        self.out.push(b'\n');
                    }
                    self.out.append(&mut text);
                }
            }
            if options.graph {
                draw(&mut self.out, start, at + 1 == commits.len());
            }
        }
        Ok(())
    }
}

/// Puts the line of `--graph` before what was printed since `start`.
fn draw(out: &mut Vec<u8>, start: usize, last: bool) {
    let text = out.split_off(start);
    for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let lead: &[u8] = if at == 0 {
            b"* "
        } else if last {
            b"  "
        } else {
            b"| "
        };
        out.extend_from_slice(lead);
        out.extend_from_slice(line);
    }
}
