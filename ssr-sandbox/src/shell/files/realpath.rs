//! `realpath`.

use std::path::{Component, Path, PathBuf};

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, async_trait, normalize_path};

use super::Words;

/// How many links one path may lead through.
const LINKS: usize = 40;

/// `realpath` in the shell.
pub(in crate::shell) struct Realpath;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Only the last part may be missing.
    Last,
    None,
    Any,
}

#[async_trait]
impl Builtin for Realpath {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "canonicalize-existing" => Some('e'),
            "canonicalize-missing" => Some('m'),
            "strip" | "no-symlinks" => Some('s'),
            "logical" => Some('L'),
            "physical" => Some('P'),
            "quiet" => Some('q'),
            "zero" => Some('z'),
            "relative-to" => Some('R'),
            "relative-base" => Some('B'),
            _ => None,
        };
        let fail = |problem: String| Ok(ExecResult::err(format!("realpath: {problem}\n"), 1));
        let words = match Words::parse(ctx.args, "RB", long) {
            Ok(words) => words,
            Err(problem) => return fail(problem),
        };
        let (mut missing, mut plain, mut quiet, mut end) = (Missing::Last, false, false, '\n');
        let (mut to, mut base) = (None, None);
        for (letter, value) in words.options {
            match letter.as_str() {
                "e" => missing = Missing::None,
                "m" => missing = Missing::Any,
                "s" => plain = true,
                "q" => quiet = true,
                "z" => end = '\0',
                "L" | "P" => {}
                "R" => to = Some(value),
                "B" => base = Some(value),
                other => return fail(format!("invalid option -- '{other}'")),
            }
        }
        if words.names.is_empty() {
            return fail("missing operand".to_owned());
        }
        let fs = &*ctx.fs;
        let find = async |name: &str| match plain {
            true => Some(normalize_path(&ctx.cwd.join(name))),
            false => resolve(fs, &ctx.cwd.join(name), missing).await,
        };
        let (mut out, mut err) = (String::new(), String::new());
        let mut places = Vec::new();
        for place in [&to, &base] {
            places.push(match place {
                Some(name) => find(name).await,
                None => None,
            });
        }
        let (to, base) = (&places[0], &places[1]);
        for name in &words.names {
            let Some(path) = find(name).await else {
                if !quiet {
                    err += &format!("realpath: {name}: No such file or directory\n");
                }
                continue;
            };
            let below = base.as_ref().is_none_or(|base| path.starts_with(base));
            let shown = match to.as_ref().or(base.as_ref()).filter(|_| below) {
                Some(from) => relative(&path, from),
                None => path,
            };
            out += &format!("{}{end}", shown.display());
        }
        let failed = out.matches(end).count() < words.names.len();
        let mut result = ExecResult::err(err, i32::from(failed));
        result.stdout = out.into();
        Ok(result)
    }
}

/// The path without links, `.` and `..`; `None` when a part is missing that may not be.
async fn resolve(fs: &dyn FileSystem, path: &Path, missing: Missing) -> Option<PathBuf> {
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    let mut done = PathBuf::from("/");
    let mut links = 0;
    while let Some(next) = waiting.pop() {
        let mut parts = next.components();
        let Some(part) = parts.next() else { continue };
        let rest = parts.as_path().to_owned();
        let is_last = rest.as_os_str().is_empty() && waiting.is_empty();
        if !rest.as_os_str().is_empty() {
            waiting.push(rest);
        }
        match part {
            Component::RootDir => done = PathBuf::from("/"),
            Component::ParentDir => {
                done.pop();
            }
            Component::Normal(name) => {
                let at = done.join(name);
                let Ok(found) = fs.lstat(&at).await else {
                    if missing == Missing::None || (missing == Missing::Last && !is_last) {
                        return None;
                    }
                    done = at;
                    continue;
                };
                if !found.file_type.is_symlink() {
                    done = at;
                    continue;
                }
                links += 1;
                if links > LINKS {
                    return None;
                }
                waiting.push(fs.read_link(&at).await.ok()?);
            }
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(done)
}

/// `path` as seen from `from`.
fn relative(path: &Path, from: &Path) -> PathBuf {
    let common = path.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let found: PathBuf = up.chain(path.components().skip(common)).collect();
    if found.as_os_str().is_empty() { PathBuf::from(".") } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_a_directory() {
        let seen = |path, from| relative(Path::new(path), Path::new(from)).display().to_string();
        assert_eq!(seen("/a/b/c", "/a/d"), "../b/c");
        assert_eq!(seen("/a/b", "/a/b"), ".");
        assert_eq!(seen("/a/b/c", "/a"), "b/c");
        assert_eq!(seen("/a", "/a/b/c"), "../..");
    }
}
