//! Commands about names: `symbolic-ref`, `show-ref`, `for-each-ref`, `merge` of what is ahead,
//! `shortlog` and `check-ignore`.

use std::collections::BTreeMap;

use super::diff::DiffOptions;
use super::history::Head;
use super::ignored::Ignored;
use super::object::Oid;
use super::pathspec::{Pathspec, locate};
use super::{Call, Fatal, Result};
use crate::shell::glob::{self, Slash};

impl Call<'_> {
    pub fn symbolic_ref(&mut self, args: &[String]) -> Result<i32> {
        let (mut short, mut quiet, mut names) = (false, false, Vec::new());
        for arg in args {
            match arg.as_str() {
                "--short" => short = true,
                "-q" | "--quiet" => quiet = true,
                option if option.starts_with('-') => {
                    return Err(Fatal::option("symbolic-ref", option));
                }
                name => names.push(name),
            }
        }
        if names != ["HEAD"] {
            return Err(Fatal::usage(
                "git symbolic-ref reads HEAD only in this sandbox; use switch",
            ));
        }
        match &self.repo.head {
            Head::Branch(name) => {
                let line = if short { name.clone() } else { format!("refs/heads/{name}") };
                self.say(line);
                Ok(0)
            }
            Head::Detached(_) if quiet => Ok(1),
            Head::Detached(_) => Err(Fatal::new("ref HEAD is not a symbolic ref")),
        }
    }

    /// Every name with what it stands for: branches, the stash, tags.
    fn references(&self) -> Vec<(String, Oid, &'static str)> {
        let branches = self.repo.branches.iter();
        let mut all: Vec<_> =
            branches.map(|(name, id)| (format!("refs/heads/{name}"), *id, "commit")).collect();
        all.extend(self.repo.stash.last().map(|id| ("refs/stash".to_owned(), *id, "commit")));
        all.extend(self.repo.tags.iter().map(|(name, id)| match self.repo.annotations.get(name) {
            Some(annotation) => (format!("refs/tags/{name}"), annotation.id, "tag"),
            None => (format!("refs/tags/{name}"), *id, "commit"),
        }));
        all
    }

    pub fn show_ref(&mut self, args: &[String]) -> Result<i32> {
        let (mut heads, mut tags, mut quiet, mut hash, mut verify) =
            (false, false, false, false, false);
        let mut names = Vec::new();
        for arg in args {
            match arg.as_str() {
                "--heads" | "--branches" => heads = true,
                "--tags" => tags = true,
                "-q" | "--quiet" => quiet = true,
                "-s" | "--hash" => hash = true,
                "--verify" => verify = true,
                option if option.starts_with('-') => return Err(Fatal::option("show-ref", option)),
                name => names.push(name),
            }
        }
        let fits = |name: &str| {
            let kind = (!heads && !tags)
                || (heads && name.starts_with("refs/heads/"))
                || (tags && name.starts_with("refs/tags/"));
            let end = |wanted: &&str| {
                name == *wanted || (!verify && name.ends_with(&format!("/{wanted}")))
            };
            kind && (names.is_empty() || names.iter().any(end))
        };
        let found: Vec<_> = self.references().into_iter().filter(|(name, ..)| fits(name)).collect();
        if found.is_empty() && verify && !quiet {
            let name = names.first().copied().unwrap_or_default();
            return Err(Fatal::new(format!("'{name}' - not a valid ref")));
        }
        for (name, id, _) in found.iter().filter(|_| !quiet) {
            self.say(if hash { id.to_string() } else { format!("{id} {name}") });
        }
        Ok(i32::from(found.is_empty()))
    }

    pub fn for_each_ref(&mut self, args: &[String]) -> Result<i32> {
        let mut format = "%(objectname) %(objecttype)\t%(refname)".to_owned();
        let (mut patterns, mut count) = (Vec::new(), usize::MAX);
        for arg in args {
            if let Some(value) = arg.strip_prefix("--format=") {
                value.clone_into(&mut format);
            } else if let Some(value) = arg.strip_prefix("--count=") {
                count = value.parse().map_err(|_| Fatal::usage("--count expects a number"))?;
            } else if arg.starts_with('-') && arg != "--sort=refname" {
                return Err(Fatal::option("for-each-ref", arg));
            } else if !arg.starts_with('-') {
                patterns.push(arg.as_str());
            }
        }
        let fits = |name: &str| {
            patterns.is_empty()
                || patterns.iter().any(|pattern| {
                    let below = format!("{}/", pattern.trim_end_matches('/'));
                    name == *pattern
                        || name.starts_with(&below)
                        || glob::matches(pattern, name, Slash::Separator)
                })
        };
        let all = self.references();
        for (name, id, kind) in all.into_iter().filter(|(name, ..)| fits(name)).take(count) {
            let short = ["refs/heads/", "refs/tags/", "refs/"]
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix))
                .unwrap_or(&name)
                .to_owned();
            let full = id.to_string();
            let mut line = format.clone();
            for (field, value) in [
                ("%(refname)", name.as_str()),
                ("%(refname:short)", &short),
                ("%(objectname)", &full),
                ("%(objectname:short)", &id.short()),
                ("%(objecttype)", kind),
            ] {
                line = line.replace(field, value);
            }
            if line.contains("%(") {
                return Err(Fatal::new(
                    "for-each-ref has %(refname), %(refname:short), %(objectname), \
                     %(objectname:short) and %(objecttype) in this sandbox",
                ));
            }
            self.say(line);
        }
        Ok(0)
    }

    /// Moves the branch to a commit that is ahead of it; there are no commits with two parents.
    pub fn merge_ahead(&mut self, args: &[String]) -> Result<i32> {
        let (mut quiet, mut names) = (false, Vec::new());
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "-q" | "--quiet" => quiet = true,
                "-m" => rest = rest.get(1..).unwrap_or_default(),
                "--ff" | "--ff-only" | "--no-edit" | "--stat" => {}
                "--abort" | "--continue" | "--quit" => {
                    return Err(Fatal::new("There is no merge to abort (MERGE_HEAD missing)."));
                }
                option if option.starts_with('-') => {
                    return Err(Fatal::no_option("merge", option, "cherry-pick"));
                }
                _ => names.push(arg.clone()),
            }
        }
        let [name] = names.as_slice() else {
            return Err(Fatal::usage("git merge takes one commit in this sandbox"));
        };
        let unknown =
            || Fatal { message: format!("merge: {name} - not something we can merge\n"), code: 1 };
        let (id, commit) = self.repo.try_revision(name).ok_or_else(unknown)?;
        let head = self.repo.head_id();
        if self.repo.ancestors(&[head]).iter().any(|(known, _)| *known == id) {
            if !quiet {
                self.say("Already up to date.");
            }
            return Ok(0);
        }
        if !self.repo.ancestors(&[id]).iter().any(|(known, _)| *known == head) {
            return Err(Fatal::new(format!(
                "{name} and HEAD have both moved on, and there are no commits with two parents in \
                 this sandbox; use git cherry-pick"
            )));
        }
        let before = self.repo.head_tree();
        self.carry_over(&commit.tree)?;
        self.repo.move_head(id);
        if !quiet {
            self.say(format!("Updating {}..{}\nFast-forward", head.short(), id.short()));
            let all = self.deltas(&before, &commit.tree, &Pathspec::default(), true)?;
            let mut options = DiffOptions::default();
            for option in ["--stat", "--summary"] {
                options.take(option, &[])?;
            }
            options.print(&mut self.out, all, self.deadline)?;
        }
        Ok(0)
    }

    pub fn shortlog(&mut self, args: &[String]) -> Result<i32> {
        let (mut summary, mut numbered, mut email, mut names) = (false, false, false, Vec::new());
        for arg in args {
            match arg.as_str() {
                option if option.starts_with("--") && option.len() > 2 => match option {
                    "--summary" => summary = true,
                    "--numbered" => numbered = true,
                    "--email" => email = true,
                    "--all" => names.extend(self.repo.branches.keys().cloned()),
                    _ => return Err(Fatal::option("shortlog", option)),
                },
                option if option.starts_with('-') && option != "-" && option != "--" => {
                    for letter in option[1..].chars() {
                        match letter {
                            's' => summary = true,
                            'n' => numbered = true,
                            'e' => email = true,
                            other => return Err(Fatal::option("shortlog", &format!("-{other}"))),
                        }
                    }
                }
                "--" => {}
                name => names.push(name.to_owned()),
            }
        }
        if names.is_empty() {
            // Real git reads standard input, when that is no terminal: nothing is there.
            return Ok(0);
        }
        let mut from = Vec::new();
        for name in &names {
            from.push(self.repo.revision(name)?.0);
        }
        let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, commit) in self.repo.ancestors(&from).into_iter().rev() {
            let author = match email {
                true => format!("{} <{}>", commit.author.name, commit.author.email),
                false => commit.author.name.clone(),
            };
            by.entry(author).or_default().push(commit.subject());
        }
        let mut rows: Vec<_> = by.into_iter().collect();
        if numbered {
            rows.sort_by_key(|(_, subjects)| std::cmp::Reverse(subjects.len()));
        }
        for (author, subjects) in rows {
            if summary {
                self.say(format!("{:6}\t{author}", subjects.len()));
                continue;
            }
            self.say(format!("{author} ({}):", subjects.len()));
            for subject in subjects {
                self.say(format!("      {subject}"));
            }
            self.say("");
        }
        Ok(0)
    }

    pub fn check_ignore(&mut self, args: &[String]) -> Result<i32> {
        let (mut verbose, mut quiet, mut names) = (false, false, Vec::new());
        for arg in args {
            match arg.as_str() {
                "-v" | "--verbose" => verbose = true,
                "-q" | "--quiet" => quiet = true,
                "--" | "--no-index" => {}
                "--stdin" => {
                    names.extend(String::from_utf8_lossy(self.stdin).lines().map(str::to_owned));
                }
                option if option.starts_with('-') => {
                    return Err(Fatal::option("check-ignore", option));
                }
                name => names.push(name.to_owned()),
            }
        }
        let ignored = Ignored::new(self.work.tree());
        let mut found = false;
        for name in names {
            let Some(path) = locate(&name, &self.prefix) else {
                return Err(Fatal::new(format!("{name}: '{name}' is outside repository")));
            };
            if self.repo.index.contains(&path) {
                continue;
            }
            let is_directory = name.ends_with('/') || self.work.is_directory(&path);
            let Some(place) = ignored.decided_by(&path, is_directory) else { continue };
            if !place.ignores && !verbose {
                continue;
            }
            found = true;
            if !quiet {
                self.say(if verbose { format!("{place}\t{name}") } else { name });
            }
        }
        Ok(i32::from(!found))
    }
}
