//! `git show` and `git diff`.

use ssr_core::{File, RepoPath, Tree};

use super::delta::Delta;
use super::diff::DiffOptions;
use super::log::LogOptions;
use super::pathspec::Pathspec;
use super::pretty::Pretty;
use super::revision::{Object, unknown};
use super::{Call, Fatal, Result};

impl Call<'_> {
    pub fn show(&mut self, args: &[String]) -> Result<i32> {
        let mut options = LogOptions::parse("show", args)?;
        let mut names: Vec<String> = Vec::new();
        for name in std::mem::take(&mut options.names) {
            let known = name.contains(':')
                || self.repo.try_revision(name.trim_end_matches("^{tree}")).is_some();
            match known {
                true => names.push(name),
                false if self.is_path(&name) => options.paths.push(name),
                false => return Err(unknown(&name)),
            }
        }
        if names.is_empty() {
            names.push("HEAD".to_owned());
        }
        options.diff.patch |= !options.diff.is_chosen();
        for (at, name) in names.iter().enumerate() {
            match self.repo.object(name, &self.prefix)? {
                Object::Blob(_, file) => self.out.extend_from_slice(file.bytes()),
                Object::Tree(_, tree) => {
                    self.say(format!("tree {name}\n"));
                    entries(&tree).iter().for_each(|entry| self.say(entry));
                }
                Object::Commit(id, commit) => {
                    if at > 0 && options.printer.pretty != Pretty::Oneline {
                        self.out.push(b'\n');
                    }
                    self.print_commits(&options, &[(id, commit)])?;
                }
            }
        }
        self.warn_about_renames();
        Ok(0)
    }

    pub fn diff(&mut self, args: &[String]) -> Result<i32> {
        let mut options = DiffOptions::default();
        let (mut cached, mut names, mut paths, mut no_index) = (false, Vec::new(), None, false);
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "--" => {
                    paths = Some(rest.to_vec());
                    break;
                }
                "--cached" | "--staged" => cached = true,
                "--no-index" => (no_index, options.exit_code) = (true, true),
                "--relative" => options.relative = Some(self.prefix.clone()),
                "--merge-base" => {}
                option if option.starts_with('-') && option.len() > 1 => {
                    let used =
                        options.take(option, rest)?.ok_or_else(|| Fatal::option("diff", option))?;
                    rest = &rest[used..];
                }
                _ => names.push(arg.clone()),
            }
        }
        options.patch |= !options.is_chosen();
        if no_index {
            names.extend(paths.unwrap_or_default());
            return self.diff_files(&options, &names);
        }
        let mut trees: Vec<Tree> = Vec::new();
        let mut blobs: Vec<(RepoPath, File)> = Vec::new();
        let mut specs: Vec<String> = Vec::new();
        for name in names {
            if let Some((old, new)) = name.split_once("..").filter(|_| specs.is_empty()) {
                let symmetric = new.starts_with('.');
                let side =
                    |text: &str| if text.is_empty() { "HEAD".to_owned() } else { text.to_owned() };
                let (old, new) = (side(old), side(new.trim_start_matches('.')));
                let (old, new) = (self.repo.revision(&old)?, self.repo.revision(&new)?);
                let base = match symmetric {
                    true => {
                        self.base_of_both(old.0, new.0).map_or(Tree::new(), |id| self.repo.tree(id))
                    }
                    false => old.1.tree.clone(),
                };
                trees.extend([base, new.1.tree.clone()]);
            } else if let Some((_, commit)) =
                self.repo.try_revision(&name).filter(|_| specs.is_empty())
            {
                trees.push(commit.tree.clone());
            } else if self.is_path(&name) {
                specs.push(name);
            } else if name.contains(':')
                && let Object::Blob(_, file) = self.repo.object(&name, &self.prefix)?
            {
                let path = name.split_once(':').map_or("", |(_, path)| path);
                blobs.push((RepoPath::new(path).map_err(Fatal::new)?, file));
            } else {
                return Err(unknown(&name));
            }
        }
        specs.extend(paths.unwrap_or_default());
        let spec = Pathspec::new(&specs, &self.prefix)?;
        let all = match (blobs.as_slice(), trees.as_slice()) {
            ([old, new], _) => {
                vec![Delta { old: Some(old.clone()), new: Some(new.clone()), similarity: None }]
            }
            (_, [old, new, ..]) => self.deltas(old, new, &spec, options.renames)?,
            (_, [old]) if cached => self.deltas(old, &self.repo.index, &spec, options.renames)?,
            (_, []) if cached => {
                self.deltas(&self.repo.head_tree(), &self.repo.index, &spec, options.renames)?
            }
            (_, [old]) => self.deltas(old, &self.tracked(), &spec, options.renames)?,
            (_, []) => self.deltas(&self.repo.index, &self.tracked(), &spec, options.renames)?,
        };
        let code = self.finish_diff(&options, all)?;
        self.warn_about_renames();
        Ok(code)
    }

    fn finish_diff(&mut self, options: &DiffOptions, all: Vec<Delta>) -> Result<i32> {
        if options.check {
            return Ok(self.check_whitespace(&all));
        }
        let mut text = Vec::new();
        let differs = options.print(&mut text, all, self.deadline)?;
        if !options.quiet {
            self.out.append(&mut text);
        }
        Ok(i32::from(differs && (options.exit_code || options.quiet)))
    }

    /// `git diff --check`: white space at the end of added lines.
    fn check_whitespace(&mut self, all: &[Delta]) -> i32 {
        use crate::shell::text::{Matching, Style, changes, lines};
        let mut code = 0;
        for delta in all {
            let (old, new) = (lines(delta.old_bytes()), lines(delta.new_bytes()));
            for change in changes(&old, &new, Matching::default(), Style::Git) {
                for at in change.new {
                    let line = new[at].strip_suffix(b"\n").unwrap_or(new[at]);
                    if line.last().is_some_and(u8::is_ascii_whitespace) {
                        code = 2;
                        let text = String::from_utf8_lossy(line).into_owned();
                        self.say(format!(
                            "{}:{}: trailing whitespace.\n+{text}",
                            delta.path(),
                            at + 1
                        ));
                    }
                }
            }
        }
        code
    }

    fn diff_files(&mut self, options: &DiffOptions, names: &[String]) -> Result<i32> {
        let [old, new] = names else {
            return Err(Fatal::usage("usage: git diff --no-index [<options>] <path> <path>"));
        };
        let side = |name: &String| -> Result<Option<(RepoPath, File)>> {
            if name == "/dev/null" {
                return Ok(None);
            }
            let path = RepoPath::new(name.trim_start_matches('/')).map_err(Fatal::new)?;
            Ok(Some((path, File::new(self.work.read(name, &self.prefix)?))))
        };
        let delta = Delta { old: side(old)?, new: side(new)?, similarity: None };
        let same =
            delta.old.as_ref().map(|(_, file)| file) == delta.new.as_ref().map(|(_, file)| file);
        self.finish_diff(options, if same { Vec::new() } else { vec![delta] })
    }
}

/// The names in the top directory of a tree, directories with a slash.
fn entries(tree: &Tree) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (path, _) in tree.files() {
        let name = match path.as_str().split_once('/') {
            Some((directory, _)) => format!("{directory}/"),
            None => path.to_string(),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}
