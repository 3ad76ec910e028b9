//! `git commit`, and who commits.

use ssr_core::RepoPath;

use super::date::{DateStyle, Moment};
use super::diff::DiffOptions;
use super::history::Head;
use super::object::{Commit, Oid, Signature};
use super::pathspec::Pathspec;
use super::stage::overlay;
use super::stat::{push_summary, push_totals};
use super::{Call, Fatal, Result};

impl Call<'_> {
    /// Who commits or wrote it: the environment, then the configuration.
    pub fn signature(&self, role: &str) -> Signature {
        let variable = |what: &str| self.env.get(&format!("GIT_{role}_{what}")).cloned();
        let config = |name: &str| self.repo.config.get(name).cloned().unwrap_or_default();
        let when = variable("DATE").and_then(|text| Moment::parse(&text));
        Signature {
            name: variable("NAME").unwrap_or_else(|| config("user.name")),
            email: variable("EMAIL").unwrap_or_else(|| config("user.email")),
            when: when.unwrap_or_else(Moment::now),
        }
    }

    /// Stores a commit.
    pub fn store(
        &mut self,
        tree: ssr_core::Tree,
        parents: Vec<Oid>,
        author: Signature,
        message: String,
    ) -> Result<Oid> {
        let committer = self.signature("COMMITTER");
        let commit = Commit::new(tree, parents, author, committer, message);
        self.repo.add(commit).ok_or_else(|| {
            Fatal::new("the history of this sandbox is full (512 MiB of changed files)")
        })
    }

    pub fn commit(&mut self, args: &[String]) -> Result<i32> {
        let options = Options::parse(self, args)?;
        if options.all {
            let tracked: Vec<RepoPath> =
                self.repo.index.files().map(|(path, _)| path.clone()).collect();
            self.stage(tracked)?;
        }
        let head = self.repo.head_tree();
        let mut tree = self.repo.index.clone();
        if !options.paths.is_empty() {
            let spec = Pathspec::new(&options.paths, &self.prefix)?;
            if let Some(text) = spec.unmatched(&[&self.repo.index]) {
                return Err(Fatal::error(format!(
                    "pathspec '{text}' did not match any file(s) known to git"
                )));
            }
            self.stage(spec.of(&self.repo.index.clone()).cloned())?;
            tree = overlay(&head, &self.repo.index, &spec)?;
        }
        let last = self.repo.commits.get(&self.repo.head_id()).cloned();
        let amended = last.clone().filter(|_| options.amend);
        let (parents, before) = match &amended {
            Some(commit) => {
                let parent = commit.parents.first().map(|id| self.repo.tree(*id));
                (commit.parents.clone(), parent.unwrap_or_default())
            }
            None => (last.iter().map(|_| self.repo.head_id()).collect(), head.clone()),
        };
        if tree == before && !options.allow_empty && (amended.is_none()) {
            self.print_status()?;
            return Ok(1);
        }
        let message =
            options.message.or_else(|| amended.as_ref().map(|commit| commit.message.clone()));
        let message = cleaned(&message.ok_or_else(|| {
            Fatal::error("there is no editor in this sandbox: give the message with -m or -F")
        })?);
        if message.is_empty() && !options.allow_empty_message {
            self.note("Aborting commit due to empty commit message.");
            return Ok(1);
        }
        let mut author = match &amended {
            Some(commit) => commit.author.clone(),
            None => self.signature("AUTHOR"),
        };
        if let Some(name) = &options.author {
            let parts = name
                .split_once('<')
                .map(|(name, email)| (name.trim(), email.trim_end_matches('>')));
            let (name, email) = parts
                .ok_or_else(|| Fatal::new(format!("--author '{name}' is not 'Name <email>'")))?;
            (author.name, author.email) = (name.to_owned(), email.to_owned());
        }
        if let Some(text) = &options.date {
            author.when = Moment::parse(text)
                .ok_or_else(|| Fatal::new(format!("invalid date format: {text}")))?;
        }
        let dated = amended.is_some() || options.date.is_some() || options.picked;
        let root = parents.is_empty();
        let id = self.store(tree.clone(), parents, author.clone(), message)?;
        self.repo.move_head(id);
        if !options.quiet {
            let branch = match &self.repo.head {
                Head::Branch(name) => name.clone(),
                Head::Detached(_) => "detached HEAD".to_owned(),
            };
            let subject = self.repo.commits[&id].subject();
            let root = if root { " (root-commit)" } else { "" };
            self.say(format!("[{branch}{root} {}] {subject}", id.short()));
            let committer = self.signature("COMMITTER");
            if (&author.name, &author.email) != (&committer.name, &committer.email) {
                self.say(format!(" Author: {} <{}>", author.name, author.email));
            }
            if dated {
                self.say(format!(" Date: {}", author.when.show(DateStyle::Default)));
            }
            let all = self.deltas(&before, &tree, &Pathspec::default(), true)?;
            let counts: Vec<_> =
                all.iter().map(|delta| DiffOptions::default().count(delta)).collect();
            if !all.is_empty() {
                push_totals(&mut self.out, &counts);
            }
            push_summary(&mut self.out, &all);
        }
        Ok(0)
    }
}

#[derive(Default)]
struct Options {
    all: bool,
    amend: bool,
    allow_empty: bool,
    allow_empty_message: bool,
    quiet: bool,
    picked: bool,
    message: Option<String>,
    author: Option<String>,
    date: Option<String>,
    paths: Vec<String>,
}

impl Options {
    fn parse(call: &Call<'_>, args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            let mut value = |attached: Option<&str>| match attached.filter(|text| !text.is_empty())
            {
                Some(text) => Ok(text.to_owned()),
                None => {
                    let (value, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage(format!("option {arg} requires a value")))?;
                    rest = after;
                    Ok(value.clone())
                }
            };
            match arg.as_str() {
                "--" => {
                    options.paths.extend_from_slice(rest);
                    break;
                }
                "--all" => options.all = true,
                "--amend" => options.amend = true,
                "--allow-empty" => options.allow_empty = true,
                "--allow-empty-message" => options.allow_empty_message = true,
                "--quiet" => options.quiet = true,
                "--no-edit" | "--no-verify" | "--no-gpg-sign" | "--cleanup=strip"
                | "--no-signoff" | "--include" | "--only" | "--no-status" => {}
                // Git dates what `revert` and `cherry-pick` make.
                "--picked" => options.picked = true,
                "--message" => options.add_message(value(None)?),
                "--author" => options.author = Some(value(None)?),
                "--date" => options.date = Some(value(None)?),
                "--file" => options.message = Some(call.message_file(&value(None)?)?),
                long if long.starts_with("--") => {
                    let (name, text) = long.split_once('=').unwrap_or((long, ""));
                    match name {
                        "--message" => options.add_message(text.to_owned()),
                        "--author" => options.author = Some(text.to_owned()),
                        "--date" => options.date = Some(text.to_owned()),
                        "--file" => options.message = Some(call.message_file(text)?),
                        _ => return Err(Fatal::option("commit", long)),
                    }
                }
                short if short.len() > 1 && short.starts_with('-') => {
                    let letters = &short[1..];
                    for (at, letter) in letters.char_indices() {
                        let attached = letters.get(at + letter.len_utf8()..);
                        match letter {
                            'a' => options.all = true,
                            'q' => options.quiet = true,
                            'n' | 'o' | 'i' | 'v' => {}
                            'm' => {
                                let text = value(attached)?;
                                options.add_message(text);
                                break;
                            }
                            'F' => {
                                options.message = Some(call.message_file(&value(attached)?)?);
                                break;
                            }
                            _ => return Err(Fatal::option("commit", short)),
                        }
                    }
                }
                path => options.paths.push(path.to_owned()),
            }
        }
        Ok(options)
    }

    /// Every `-m` is a paragraph.
    fn add_message(&mut self, text: String) {
        self.message = Some(match self.message.take() {
            Some(before) => format!("{}\n\n{text}", before.trim_end_matches('\n')),
            None => text,
        });
    }
}

impl Call<'_> {
    fn message_file(&self, path: &str) -> Result<String> {
        let bytes = match path {
            "-" => self.stdin.to_vec(),
            path => self.work.read(path, &self.prefix)?,
        };
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Without blank lines around, and no two in a row; ends in a newline unless it is empty.
pub(super) fn cleaned(message: &str) -> String {
    let mut out = String::new();
    let mut blank = false;
    for line in message.lines().map(str::trim_end) {
        if line.is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push('\n');
        }
        out += line;
        out.push('\n');
    }
    out
}
