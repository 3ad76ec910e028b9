//! `mkdir`.

use std::path::{Path, PathBuf};

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, async_trait};

use super::Words;

/// `mkdir` in the shell.
pub(in crate::shell) struct Mkdir;

#[async_trait]
impl Builtin for Mkdir {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "parents" => Some('p'),
            "verbose" => Some('v'),
            "mode" => Some('m'),
            _ => None,
        };
        let fail = |problem: String| Ok(ExecResult::err(format!("mkdir: {problem}\n"), 1));
        let words = match Words::parse(ctx.args, "m", long) {
            Ok(words) => words,
            Err(problem) => return fail(problem),
        };
        let (mut parents, mut verbose) = (false, false);
        for (letter, mode) in &words.options {
            match letter.as_str() {
                "p" => parents = true,
                "v" => verbose = true,
                // What every directory has here.
                "m" if matches!(mode.as_str(), "755" | "0755" | "u=rwx,go=rx" | "a+rx") => {}
                "m" => {
                    return fail(format!(
                        "the mode {mode} does not exist in this sandbox, in which directories have 755"
                    ));
                }
                other => return fail(format!("invalid option -- '{other}'")),
            }
        }
        if words.names.is_empty() {
            return fail("missing operand".to_owned());
        }
        let (mut out, mut err) = (String::new(), String::new());
        for name in &words.names {
            if let Err(problem) = make(&*ctx.fs, ctx.cwd, name, parents, |made| {
                if verbose {
                    out += &format!("mkdir: created directory '{made}'\n");
                }
            })
            .await
            {
                err += &format!("mkdir: cannot create directory '{name}': {problem}\n");
            }
        }
        let mut result = ExecResult::err(err.clone(), i32::from(!err.is_empty()));
        result.stdout = out.into();
        Ok(result)
    }
}

async fn make(
    fs: &dyn FileSystem,
    cwd: &Path,
    name: &str,
    parents: bool,
    mut made: impl FnMut(&str) + Send,
) -> Result<(), String> {
    let shown = Path::new(name);
    let mut wanted: Vec<PathBuf> = vec![shown.to_owned()];
    if parents {
        let above = shown.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        wanted.extend(above.map(Path::to_owned));
    }
    for path in wanted.iter().rev() {
        let at = cwd.join(path);
        match fs.stat(&at).await {
            Ok(found) if parents && found.file_type.is_dir() => continue,
            Ok(_) => return Err("File exists".to_owned()),
            // A link that leads nowhere is in the way, too.
            Err(_) if fs.lstat(&at).await.is_ok() => return Err("File exists".to_owned()),
            Err(_) => {}
        }
        let parent = at.parent().unwrap_or(&at).to_owned();
        match fs.stat(&parent).await {
            Ok(found) if !found.file_type.is_dir() => return Err("Not a directory".to_owned()),
            Ok(_) => {}
            Err(_) => return Err("No such file or directory".to_owned()),
        }
        fs.mkdir(&at, false).await.map_err(|error| error.to_string())?;
        made(&path.display().to_string());
    }
    Ok(())
}
