//! Commands that look into the repository: `rev-parse`, `ls-files`, `ls-tree`, `cat-file`,
//! `hash-object`, `write-tree`, `update-index`, `config` and `merge-base`.

use std::collections::BTreeMap;

use super::diff::quote;
use super::history::Head;
use super::object::{Oid, SHORT, mode, tree_id};
use super::pathspec::{Pathspec, relative};
use super::revision::{Object, subtree, unknown};
use super::{Call, Fatal, Result};
use crate::harness::TESTBED;

impl Call<'_> {
    pub fn rev_parse(&mut self, args: &[String]) -> Result<i32> {
        let (mut short, mut names_only, mut verify, mut quiet) = (None, false, false, false);
        for arg in args {
            match arg.as_str() {
                "--show-toplevel" => self.say(TESTBED),
                "--show-prefix" => {
                    let prefix = self.prefix.clone();
                    self.say(prefix);
                }
                "--show-cdup" => {
                    let up = "../".repeat(self.prefix.matches('/').count());
                    self.say(up);
                }
                "--git-dir" | "--absolute-git-dir" | "--git-common-dir" => {
                    let top = self.prefix.is_empty() && arg != "--absolute-git-dir";
                    self.say(if top { ".git".to_owned() } else { format!("{TESTBED}/.git") });
                }
                "--is-inside-work-tree" => self.say("true"),
                "--is-inside-git-dir" | "--is-bare-repository" | "--is-shallow-repository" => {
                    self.say("false")
                }
                "--show-object-format" => self.say("sha1"),
                "--short" => short = Some(SHORT),
                "--abbrev-ref" | "--symbolic-full-name" => names_only = true,
                "--verify" => verify = true,
                "-q" | "--quiet" => quiet = true,
                "--" | "--revs-only" | "--no-flags" => {}
                option if option.starts_with("--short=") => {
                    short = Some(option[8..].parse().unwrap_or(SHORT).clamp(4, 40));
                }
                option if option.starts_with('-') => {
                    return Err(Fatal::option("rev-parse", option));
                }
                name if names_only => {
                    let line = match (&self.repo.head, name) {
                        (Head::Branch(branch), "HEAD" | "@") => branch.clone(),
                        (Head::Detached(_), "HEAD" | "@") => "HEAD".to_owned(),
                        (_, name) if self.repo.branches.contains_key(name) => name.to_owned(),
                        (_, name) => return Err(unknown(name)),
                    };
                    self.say(line);
                }
                name => {
                    let object = self.repo.object(name, &self.prefix);
                    let id = match object {
                        Ok(object) => object.id().to_string(),
                        Err(_) if quiet => return Ok(1),
                        Err(_) if verify => return Err(Fatal::new("Needed a single revision")),
                        Err(fatal) => {
                            // Git repeats what it does not know.
                            self.say(name);
                            return Err(fatal);
                        }
                    };
                    self.say(short.map_or(id.as_str(), |length| &id[..length]));
                }
            }
        }
        Ok(0)
    }

    pub fn ls_files(&mut self, args: &[String]) -> Result<i32> {
        let (mut stage, mut zero, mut error_unmatch, mut paths) = (false, false, false, Vec::new());
        let (mut cached, mut others, mut modified, mut deleted, mut standard, mut ignored) =
            (false, false, false, false, false, false);
        let mut only_paths = false;
        for arg in args {
            match arg.as_str() {
                _ if only_paths => paths.push(arg.clone()),
                "--" => only_paths = true,
                "-c" | "--cached" => cached = true,
                "-o" | "--others" => others = true,
                "-m" | "--modified" => modified = true,
                "-d" | "--deleted" => deleted = true,
                "-i" | "--ignored" => ignored = true,
                "-s" | "--stage" => stage = true,
                "-z" => zero = true,
                "--exclude-standard" => standard = true,
                "--error-unmatch" => error_unmatch = true,
                "--full-name" => {}
                option if option.starts_with('-') => return Err(Fatal::option("ls-files", option)),
                _ => paths.push(arg.clone()),
            }
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        if let Some(text) = spec.unmatched(&[&self.repo.index])
            && error_unmatch
        {
            return Err(Fatal::error(format!(
                "pathspec '{text}' did not match any file(s) known to git\nDid you forget to 'git add'?"
            )));
        }
        let (index, work, prefix) =
            (self.repo.index.clone(), self.work.tree().clone(), self.prefix.clone());
        let end = if zero { '\0' } else { '\n' };
        let shown = |path: &str| {
            let path = relative(path, &prefix);
            if zero { path } else { quote("", &path) }
        };
        let here = |path: &&ssr_core::RepoPath| path.as_str().starts_with(&prefix);
        let mut out = String::new();
        if others {
            let mut files = self.untracked(&spec, ignored)?;
            if !standard && !ignored {
                files.extend(self.untracked(&spec, true)?);
                files.sort();
            }
            for path in files.iter().filter(here) {
                out += &format!("{}{end}", shown(path.as_str()));
            }
        }
        let all = cached || !(others || modified || deleted);
        for path in spec.of(&index).filter(here) {
            let (file, now) = (index.get(path.as_str()), work.get(path.as_str()));
            let Some(file) = file else { continue };
            let name = shown(path.as_str());
            if all && stage {
                let id = Oid::of_blob(file.bytes());
                out += &format!("{} {id} 0\t{name}{end}", mode(file));
            } else if all || (modified && now != Some(file)) {
                out += &format!("{name}{end}");
            }
            if deleted && now.is_none() {
                out += &format!("{name}{end}");
            }
        }
        self.out.extend_from_slice(out.as_bytes());
        Ok(0)
    }

    pub fn ls_tree(&mut self, args: &[String]) -> Result<i32> {
        let (mut recursive, mut name_only, mut directories, mut names) =
            (false, false, false, Vec::new());
        for arg in args {
            match arg.as_str() {
                "-r" => recursive = true,
                "-d" => directories = true,
                "--name-only" | "--name-status" => name_only = true,
                "--" | "--full-tree" | "--full-name" | "-t" => {}
                option if option.starts_with('-') => return Err(Fatal::option("ls-tree", option)),
                _ => names.push(arg.clone()),
            }
        }
        let (revision, paths) = names
            .split_first()
            .ok_or_else(|| Fatal::usage("usage: git ls-tree [<options>] <tree-ish> [<path>...]"))?;
        let tree = match self.repo.object(revision, &self.prefix)? {
            Object::Commit(_, commit) => commit.tree.clone(),
            Object::Tree(_, tree) => tree,
            Object::Blob(..) => return Err(Fatal::new("not a tree object")),
        };
        let spec = Pathspec::new(paths, "")?;
        let mut rows: BTreeMap<String, String> = BTreeMap::new();
        let open = |directory: &str| {
            recursive
                || paths.iter().any(|path| {
                    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
                })
        };
        for (path, file) in tree.files().filter(|(path, _)| spec.matches(path.as_str())) {
            let path = path.as_str();
            let closed = path
                .match_indices('/')
                .map(|(at, _)| &path[..at])
                .find(|directory| !open(directory));
            match closed {
                Some(directory) => {
                    rows.entry(directory.to_owned()).or_insert_with(|| {
                        format!("040000 tree {}", tree_id(&subtree(&tree, directory)))
                    });
                }
                None if directories => {}
                None => {
                    let id = Oid::of_blob(file.bytes());
                    rows.insert(path.to_owned(), format!("{} blob {id}", mode(file)));
                }
            }
        }
        for (path, object) in rows {
            let name = quote("", &path);
            self.say(if name_only { name } else { format!("{object}\t{name}") });
        }
        Ok(0)
    }

    pub fn cat_file(&mut self, args: &[String]) -> Result<i32> {
        let [action, name] = args else {
            return Err(Fatal::usage("usage: git cat-file (-t | -s | -e | -p | <type>) <object>"));
        };
        let object = self.repo.object(name, &self.prefix)?;
        match (action.as_str(), &object) {
            ("-e", _) => {}
            ("-t", Object::Commit(..)) => self.say("commit"),
            ("-t", Object::Tree(..)) => self.say("tree"),
            ("-t", Object::Blob(..)) => self.say("blob"),
            ("-s", Object::Blob(_, file)) => self.say(file.bytes().len().to_string()),
            ("-p" | "blob", Object::Blob(_, file)) => self.out.extend_from_slice(file.bytes()),
            ("-p" | "commit", Object::Commit(_, commit)) => {
                let parents: String =
                    commit.parents.iter().map(|id| format!("parent {id}\n")).collect();
                let text = format!(
                    "tree {}\n{parents}author {}\ncommitter {}\n\n{}",
                    commit.tree_id(),
                    commit.author,
                    commit.committer,
                    commit.message
                );
                self.out.extend_from_slice(text.as_bytes());
            }
            ("-p", Object::Tree(..)) => {
                return self.ls_tree(std::slice::from_ref(name));
            }
            (action, _) => return Err(Fatal::option("cat-file", action)),
        }
        Ok(0)
    }

    pub fn hash_object(&mut self, args: &[String]) -> Result<i32> {
        for arg in args {
            let bytes = match arg.as_str() {
                "-w" => continue,
                "--stdin" => self.stdin.to_vec(),
                option if option.starts_with('-') => {
                    return Err(Fatal::option("hash-object", option));
                }
                path => self.work.read(path, &self.prefix)?,
            };
            self.say(Oid::of_blob(&bytes).to_string());
        }
        Ok(0)
    }

    pub fn write_tree(&mut self) -> Result<i32> {
        let id = tree_id(&self.repo.index);
        self.say(id.to_string());
        Ok(0)
    }

    /// There is nothing to refresh: files are compared by what they hold.
    pub fn update_index(&mut self, args: &[String]) -> Result<i32> {
        let known = ["--refresh", "--really-refresh", "-q", "--ignore-missing"];
        if let Some(odd) = args.iter().find(|arg| !known.contains(&arg.as_str())) {
            return Err(Fatal::no_option("update-index", odd, "git add or git rm --cached"));
        }
        let (index, work) = (self.repo.index.clone(), self.work.tree().clone());
        let changed = index.files().filter(|(path, file)| work.get(path.as_str()) != Some(*file));
        let lines: Vec<_> = changed.map(|(path, _)| format!("{path}: needs update")).collect();
        lines.iter().for_each(|line| self.say(line));
        Ok(i32::from(!lines.is_empty()))
    }

    pub fn config(&mut self, args: &[String]) -> Result<i32> {
        let (mut action, mut words) = ("", Vec::new());
        for arg in args {
            match arg.as_str() {
                "--global" | "--local" | "--system" | "--add" | "--replace-all" | "--bool"
                | "--type=bool" => {}
                "--get" | "--get-all" | "get" if words.is_empty() => action = "get",
                "--unset" | "--unset-all" | "unset" if words.is_empty() => action = "unset",
                "--list" | "-l" | "list" if words.is_empty() => action = "list",
                "set" if words.is_empty() => action = "set",
                option if option.starts_with('-') => return Err(Fatal::option("config", option)),
                _ => words.push(arg.clone()),
            }
        }
        let key = words.first().map(|name| name.to_lowercase());
        match (action, key, words.get(1)) {
            ("list", ..) => {
                let all: Vec<_> =
                    self.repo.config.iter().map(|(key, value)| format!("{key}={value}")).collect();
                all.iter().for_each(|line| self.say(line));
            }
            ("unset", Some(key), _) => {
                return Ok(if self.repo.config.remove(&key).is_some() { 0 } else { 5 });
            }
            ("" | "set", Some(key), Some(value)) => {
                if !key.contains('.') {
                    return Err(Fatal::error(format!("key does not contain a section: {key}")));
                }
                self.repo.config.insert(key, value.clone());
            }
            (_, Some(key), _) => match self.repo.config.get(&key).cloned() {
                Some(value) => self.say(value),
                None => return Ok(1),
            },
            (_, None, _) => return Err(Fatal::usage("usage: git config [<options>]")),
        }
        Ok(0)
    }

    pub fn merge_base(&mut self, args: &[String]) -> Result<i32> {
        let names: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
        let [a, b] = names.as_slice() else {
            return Err(Fatal::usage("usage: git merge-base <commit> <commit>"));
        };
        let (a, b) = (self.repo.revision(a)?.0, self.repo.revision(b)?.0);
        if args.iter().any(|arg| arg == "--is-ancestor") {
            let known = self.repo.ancestors(&[b]).iter().any(|(id, _)| *id == a);
            return Ok(i32::from(!known));
        }
        match self.base_of_both(a, b) {
            Some(id) => {
                self.say(id.to_string());
                Ok(0)
            }
            None => Ok(1),
        }
    }

    /// The latest commit that is before both.
    pub fn base_of_both(&self, a: Oid, b: Oid) -> Option<Oid> {
        let of_a: Vec<_> = self.repo.ancestors(&[a]).into_iter().map(|(id, _)| id).collect();
        self.repo.ancestors(&[b]).into_iter().map(|(id, _)| id).find(|id| of_a.contains(id))
    }
}
