//! `rm`.

use std::path::Path;

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, async_trait};

use super::Words;

/// `rm` in the shell.
pub(in crate::shell) struct Rm;

#[derive(Default)]
struct Options {
    recursive: bool,
    folders: bool,
    force: bool,
    ask: bool,
    verbose: bool,
}

#[async_trait]
impl Builtin for Rm {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "recursive" => Some('r'),
            "dir" => Some('d'),
            "force" => Some('f'),
            "interactive" => Some('i'),
            "verbose" => Some('v'),
            "preserve-root" | "one-file-system" | "no-preserve-root" => Some('N'),
            _ => None,
        };
        let words = match Words::parse(ctx.args, "", long) {
            Ok(words) => words,
            Err(problem) => return Ok(ExecResult::err(format!("rm: {problem}\n"), 1)),
        };
        let mut options = Options::default();
        for (letter, value) in &words.options {
            match letter.as_str() {
                "r" | "R" => options.recursive = true,
                "d" => options.folders = true,
                "f" => (options.force, options.ask) = (true, false),
                "i" | "I" => options.ask = value != "never",
                "v" => options.verbose = true,
                "N" => {}
                other => {
                    return Ok(ExecResult::err(format!("rm: invalid option -- '{other}'\n"), 1));
                }
            }
        }
        if words.names.is_empty() && !options.force {
            return Ok(ExecResult::err("rm: missing operand\n", 1));
        }
        let (mut out, mut err) = (String::new(), String::new());
        for name in &words.names {
            // Nothing here waits, and the script has to notice the end of its time.
            tokio::task::yield_now().await;
            let path = ctx.cwd.join(name);
            if let Err(problem) = remove(&*ctx.fs, &path, name, &options, &mut out).await {
                err += &format!("rm: {problem}\n");
            }
        }
        let mut result = ExecResult::err(err.clone(), i32::from(!err.is_empty()));
        result.stdout = out.into();
        Ok(result)
    }
}

/// Removes one name, and says what it removed when that is asked for.
async fn remove(
    fs: &dyn FileSystem,
    path: &Path,
    name: &str,
    options: &Options,
    out: &mut String,
) -> Result<(), String> {
    let refused = |why: &str| Err(format!("cannot remove '{name}': {why}"));
    let Ok(metadata) = fs.lstat(path).await else {
        return if options.force { Ok(()) } else { refused("No such file or directory") };
    };
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if matches!(last, "." | "..") && options.recursive {
        return Err(format!("refusing to remove '.' or '..' directory: skipping '{name}'"));
    }
    // Nobody is there to say yes.
    if options.ask {
        return Ok(());
    }
    if !metadata.file_type.is_dir() {
        return match fs.remove(path, false).await {
            Ok(()) => {
                if options.verbose {
                    *out += &format!("removed '{name}'\n");
                }
                Ok(())
            }
            Err(error) => refused(&error.to_string()),
        };
    }
    if !options.recursive {
        if !options.folders {
            return refused("Is a directory");
        }
        if fs.read_dir(path).await.is_ok_and(|entries| !entries.is_empty()) {
            return refused("Directory not empty");
        }
    }
    if options.verbose && options.recursive {
        let entries = fs.read_dir(path).await.unwrap_or_default();
        for entry in entries {
            let below = format!("{}/{}", name.trim_end_matches('/'), entry.name);
            let path = path.join(&entry.name);
            Box::pin(remove(fs, &path, &below, options, out)).await?;
        }
    }
    match fs.remove(path, options.recursive).await {
        Ok(()) => {
            if options.verbose {
                *out += &format!("removed directory '{name}'\n");
            }
            Ok(())
        }
        Err(error) => refused(&error.to_string()),
    }
}
