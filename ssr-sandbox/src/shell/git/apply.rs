//! `git apply`.

use ssr_core::{File, FileChange, FilePatch, Patch, Tree};

use super::diff::DiffOptions;
use super::pathspec::Pathspec;
use super::stat::push_apply_stat;
use super::{Call, Fatal, Result};
use crate::shell::patch::Application;
use crate::shell::text::lines;

impl Call<'_> {
    pub fn apply(&mut self, args: &[String]) -> Result<i32> {
        let (mut check, mut reverse, mut index, mut cached, mut verbose, mut zero) =
            (false, false, false, false, false, false);
        let (mut strip, mut files) = (1, Vec::new());
        let mut only_show = DiffOptions::default();
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "--check" => check = true,
                "-R" | "--reverse" => reverse = true,
                "--index" => index = true,
                "--cached" => cached = true,
                "-v" | "--verbose" => verbose = true,
                "--stat" | "--numstat" | "--summary" => {
                    only_show.take(arg, &[])?;
                }
                "--unidiff-zero" => zero = true,
                "--whitespace=nowarn"
                | "--whitespace=fix"
                | "--whitespace=warn"
                | "-q"
                | "--quiet"
                | "--recount"
                | "--allow-empty"
                | "--apply"
                | "--" => {}
                "-" => files.push(arg.clone()),
                "-p" => {
                    let (value, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage("option `p' expects a numerical value"))?;
                    (strip, rest) = (number(value)?, after);
                }
                option => match option.strip_prefix("-p") {
                    Some(value) => strip = number(value)?,
                    None if option.starts_with('-') => return Err(Fatal::option("apply", option)),
                    None => files.push(option.to_owned()),
                },
            }
        }
        let mut bytes = Vec::new();
        if files.is_empty() {
            bytes.extend_from_slice(self.stdin);
        }
        for file in &files {
            match file.as_str() {
                "-" => bytes.extend_from_slice(self.stdin),
                file => bytes.extend(self.work.read(file, &self.prefix)?),
            }
        }
        let bytes = crate::shell::patch::strip_names(&bytes, strip);
        let patch = match Patch::parse(&bytes) {
            Ok(patch) if patch.is_empty() => {
                return Err(Fatal {
                    message: "error: No valid patches in input (allow with \"--allow-empty\")\n"
                        .to_owned(),
                    code: 128,
                });
            }
            Ok(patch) if reverse => patch.reverse(),
            Ok(patch) => patch,
            Err(error) => return Err(Fatal { message: format!("error: {error}\n"), code: 128 }),
        };
        let base = if cached { self.repo.index.clone() } else { self.work.tree().clone() };
        let patch = if zero { with_context(&patch, &base) } else { patch };
        let result: Tree = base.apply(&patch).map_err(Fatal::error)?;
        if only_show.is_chosen() {
            let all = self.deltas(&base, &result, &Pathspec::default(), true)?;
            if std::mem::take(&mut only_show.stat) {
                push_apply_stat(&mut self.out, &all, &only_show);
            }
            only_show.print(&mut self.out, all, self.deadline)?;
            return Ok(0);
        }
        if verbose {
            for path in patch.touched_paths() {
                self.note(format!("Applied patch {path} cleanly."));
            }
        }
        if check {
            return Ok(0);
        }
        let changed = base.changed_paths(&result);
        let changes: Vec<_> = changed
            .into_iter()
            .map(|path| {
                let file = result.get(path.as_str()).cloned();
                (path, file)
            })
            .collect();
        if !cached {
            self.work.change(changes.clone())?;
        }
        if cached || index {
            self.index_changes(changes)?;
        }
        Ok(0)
    }
}

fn number(text: &str) -> Result<usize> {
    text.parse().map_err(|_| Fatal::usage("option `p' expects a numerical value"))
}

/// The patch as `--unidiff-zero` reads it. Otherwise a hunk without context stands at the start or
/// the end of its file; here it stands at the lines that it names, so it is given the context that
/// the file has there. A hunk that fits nowhere stays as it is and is refused later.
fn with_context(patch: &Patch, base: &Tree) -> Patch {
    let whole = |file: &FilePatch| {
        let FileChange::Modify { path } = file.change() else { return None };
        let old = base.get(path.as_str()).filter(|_| file.new_mode().is_none())?;
        let input = lines(old.bytes());
        let application = Application::new(&input, file.hunks(), 0);
        if application.failures() > 0 {
            return None;
        }
        let new = File::new(application.result()).with_executable(old.executable());
        let only = |file: File| Tree::from_files([(path.clone(), file)]).ok();
        only(old.clone())?.diff(&only(new)?).into_iter().next()
    };
    patch.files().iter().map(|file| whole(file).unwrap_or_else(|| file.clone())).collect()
}
