use ssr_core::{Patch, Tree};

use super::delta::deltas;
use super::diff::DiffOptions;
use super::pathspec::Pathspec;
use super::stat::push_apply_stat;
use super::{Call, Fatal, Result};

impl Call<'_> {
    pub fn apply(&mut self, args: &[String]) -> Result<i32> {
        let (mut check, mut reverse, mut index, mut cached, mut verbose, mut lenient) =
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
                "--ignore-whitespace" | "--ignore-space-change" => lenient = true,
                "--whitespace=nowarn"
                | "--whitespace=fix"
                | "--whitespace=warn"
                | "-q"
                | "--quiet"
                | "--recount"
                | "--unidiff-zero"
                | "--allow-empty"
                | "--apply"
                | "-"
                | "--" => {
                    if arg == "-" {
                        files.push(arg.clone());
                    }
                }
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
        if lenient {
            return Err(Fatal::option("apply", "--ignore-whitespace"));
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
        let result: Tree = base.apply(&patch).map_err(Fatal::error)?;
        if only_show.is_chosen() {
            let all = deltas(&base, &result, &Pathspec::default(), true);
            if std::mem::take(&mut only_show.stat) {
                push_apply_stat(&mut self.out, &all, &only_show);
            }
            only_show.print(&mut self.out, all);
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
