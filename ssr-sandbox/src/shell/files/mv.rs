//! `mv`.

use std::path::Path;

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, Metadata, async_trait};

use super::Words;

/// `mv` in the shell.
pub(in crate::shell) struct Mv;

#[derive(Default)]
struct Options {
    keep: bool,
    update: bool,
    backup: bool,
    verbose: bool,
    into: Option<String>,
    no_folder: bool,
}

#[async_trait]
impl Builtin for Mv {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "force" => Some('f'),
            "interactive" => Some('i'),
            "no-clobber" => Some('n'),
            "update" => Some('u'),
            "verbose" => Some('v'),
            "backup" => Some('b'),
            "target-directory" => Some('t'),
            "no-target-directory" => Some('T'),
            "strip-trailing-slashes" => Some('f'),
            _ => None,
        };
        let fail = |problem: String| Ok(ExecResult::err(format!("mv: {problem}\n"), 1));
        let words = match Words::parse(ctx.args, "t", long) {
            Ok(words) => words,
            Err(problem) => return fail(problem),
        };
        let mut options = Options::default();
        for (letter, value) in words.options {
            match letter.as_str() {
                "f" => options.keep = false,
                // Nobody is there to say yes.
                "i" | "n" => options.keep = true,
                "u" => options.update = true,
                "v" => options.verbose = true,
                "b" => options.backup = true,
                "t" => options.into = Some(value),
                "T" => options.no_folder = true,
                other => return fail(format!("invalid option -- '{other}'")),
            }
        }
        let mut names = words.names;
        let target = match options.into.clone().or_else(|| names.pop()) {
            Some(target) if !names.is_empty() => target,
            Some(only) if options.into.is_none() => {
                return fail(format!("missing destination file operand after '{only}'"));
            }
            _ => return fail("missing file operand".to_owned()),
        };
        let is_folder =
            ctx.fs.stat(&ctx.cwd.join(&target)).await.is_ok_and(|found| found.file_type.is_dir());
        let into = is_folder && !options.no_folder;
        if !into && (names.len() > 1 || options.into.is_some()) {
            return fail(format!("target '{target}': Not a directory"));
        }
        if !into && target.ends_with('/') && options.into.is_none() {
            let folder = ctx.fs.lstat(&ctx.cwd.join(&names[0])).await;
            if !folder.is_ok_and(|found| found.file_type.is_dir()) {
                return fail(format!("cannot move '{}' to '{target}': Not a directory", names[0]));
            }
        }
        let (mut out, mut err) = (String::new(), String::new());
        for name in &names {
            // Nothing here waits, and the script has to notice the end of its time.
            tokio::task::yield_now().await;
            let to = if into {
                let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
                format!("{}/{last}", target.trim_end_matches('/'))
            } else {
                target.clone()
            };
            match move_one(&*ctx.fs, ctx.cwd, (name, &to), &options).await {
                Ok(true) if options.verbose => out += &format!("renamed '{name}' -> '{to}'\n"),
                Ok(_) => {}
                Err(problem) => err += &format!("mv: {problem}\n"),
            }
        }
        let mut result = ExecResult::err(err.clone(), i32::from(!err.is_empty()));
        result.stdout = out.into();
        Ok(result)
    }
}

/// Moves one name to another and says whether it did.
async fn move_one(
    fs: &dyn FileSystem,
    cwd: &Path,
    (from, to): (&str, &str),
    options: &Options,
) -> Result<bool, String> {
    let (source, target) =
        (cwd.join(from.trim_end_matches('/')), cwd.join(to.trim_end_matches('/')));
    let is_folder = |found: &Metadata| found.file_type.is_dir();
    let Ok(moved) = fs.lstat(&source).await else {
        return Err(format!("cannot stat '{from}': No such file or directory"));
    };
    let (plain_source, plain_target) =
        (bashkit::normalize_path(&source), bashkit::normalize_path(&target));
    if plain_source == plain_target {
        return Err(format!("'{from}' and '{to}' are the same file"));
    }
    if is_folder(&moved) && plain_target.starts_with(&plain_source) {
        return Err(format!("cannot move '{from}' to a subdirectory of itself, '{to}'"));
    }
    if let Ok(there) = fs.lstat(&target).await {
        if options.keep || (options.update && there.modified >= moved.modified) {
            return Ok(false);
        }
        if options.backup {
            let backup = format!("{}~", target.display());
            let kept = fs.rename(&target, Path::new(&backup)).await;
            kept.map_err(|error| format!("cannot backup '{to}': {error}"))?;
        } else {
            make_room(fs, &target, (from, to), (is_folder(&moved), is_folder(&there))).await?;
        }
    }
    let done = fs.rename(&source, &target).await;
    done.map(|()| true)
        .map_err(|_| format!("cannot move '{from}' to '{to}': No such file or directory"))
}

/// Removes what is in the way and may be.
async fn make_room(
    fs: &dyn FileSystem,
    target: &Path,
    (from, to): (&str, &str),
    folders: (bool, bool),
) -> Result<(), String> {
    match folders {
        (false, false) => {}
        (true, false) => {
            return Err(format!("cannot overwrite non-directory '{to}' with directory '{from}'"));
        }
        (false, true) => {
            return Err(format!("cannot overwrite directory '{to}' with non-directory"));
        }
        (true, true) => {
            if fs.read_dir(target).await.is_ok_and(|entries| !entries.is_empty()) {
                return Err(format!("cannot move '{from}' to '{to}': Directory not empty"));
            }
        }
    }
    let removed = fs.remove(target, false).await;
    removed.map_err(|error| format!("cannot move '{from}' to '{to}': {error}"))
}
