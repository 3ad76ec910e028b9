//! The command `patch`, as GNU patch does it: offsets, fuzz, rejects and backups.

mod hunk;
mod read;

use std::path::Path;
use std::sync::Arc;

use bashkit::{Builtin, BuiltinContext, ExecResult, FileSystem, async_trait};
use ssr_core::Hunk;

use super::text::lines;
use read::{FileDiff, read};

pub(super) use hunk::Application;
pub(super) use read::strip_names;

/// The exit status for "something is wrong".
const TROUBLE: i32 = 2;

/// `patch` in the shell.
pub(super) struct Patch;

#[async_trait]
impl Builtin for Patch {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let options = match Options::parse(ctx.args) {
            Ok(options) => options,
            Err(problem) => return Ok(ExecResult::err(format!("patch: {problem}\n"), TROUBLE)),
        };
        let mut run = Run {
            directory: options.directory.as_ref().map_or(ctx.cwd.clone(), |d| ctx.cwd.join(d)),
            fs: ctx.fs.clone(),
            options,
            out: String::new(),
            failed: false,
        };
        let text = match &run.options.input {
            Some(name) if name != "-" => match run.fs.read_file(&ctx.cwd.join(name)).await {
                Ok(bytes) => bytes,
                Err(_) => {
                    let problem = format!(
                        "patch: **** Can't open patch file {name} : No such file or directory\n"
                    );
                    return Ok(ExecResult::err(problem, TROUBLE));
                }
            },
            _ => ctx.stdin.map(|data| data.as_bytes().to_vec()).unwrap_or_default(),
        };
        let files = match read(&text) {
            Ok(files) => files,
            Err(problem) => {
                return Ok(ExecResult::err(format!("patch: **** {problem}\n"), TROUBLE));
            }
        };
        if files.is_empty() && !text.is_empty() {
            let problem = "patch: **** Only garbage was found in the patch input.\n";
            return Ok(ExecResult::err(problem, TROUBLE));
        }
        for file in &files {
            // Nothing here waits, and the script has to notice the end of its time.
            tokio::task::yield_now().await;
            run.file(file).await?;
        }
        let code = i32::from(run.failed);
        Ok(ExecResult::with_code(run.out, code))
    }
}

#[derive(Default)]
struct Options {
    strip: Option<usize>,
    reverse: bool,
    dry_run: bool,
    silent: bool,
    forward: bool,
    force: bool,
    batch: bool,
    backup: bool,
    no_backup_if_mismatch: bool,
    remove_empty: bool,
    fuzz: Option<usize>,
    input: Option<String>,
    output: Option<String>,
    rejects: Option<String>,
    directory: Option<String>,
    file: Option<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut files = Vec::new();
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            let (name, attached) = match arg.strip_prefix("--") {
                Some(long) => match long.split_once('=') {
                    Some((name, value)) => (long_letter(name)?, value),
                    None => (long_letter(long)?, ""),
                },
                None => match arg.strip_prefix('-').and_then(|rest| rest.chars().next()) {
                    Some(letter) => (letter.to_string(), &arg[1 + letter.len_utf8()..]),
                    None => {
                        files.push(arg.clone());
                        continue;
                    }
                },
            };
            let mut letters = name;
            let mut value = attached.to_owned();
            loop {
                let needs = matches!(
                    letters.as_str(),
                    "p" | "i" | "d" | "o" | "r" | "F" | "B" | "z" | "V" | "D"
                );
                if needs && value.is_empty() {
                    let (next, after) = rest
                        .split_first()
                        .ok_or_else(|| format!("option requires an argument -- '{letters}'"))?;
                    (value, rest) = (next.clone(), after);
                }
                options.set(&letters, &value)?;
                if needs || value.is_empty() || arg.starts_with("--") {
                    break;
                }
                let tail = value.split_off(value.chars().next().map_or(0, char::len_utf8));
                letters = std::mem::replace(&mut value, tail);
            }
        }
        let mut files = files.into_iter();
        options.file = files.next();
        options.input = options.input.or(files.next());
        Ok(options)
    }

    fn set(&mut self, letter: &str, value: &str) -> Result<(), String> {
        let number = || value.parse().map_err(|_| format!("strip count {value} is not a number"));
        match letter {
            "p" => self.strip = Some(number()?),
            "i" => self.input = Some(value.to_owned()),
            "d" => self.directory = Some(value.to_owned()),
            "o" => self.output = Some(value.to_owned()),
            "r" => self.rejects = Some(value.to_owned()),
            "F" => self.fuzz = Some(number()?),
            "R" => self.reverse = true,
            "N" => self.forward = true,
            "f" => self.force = true,
            "t" => self.batch = true,
            "s" => self.silent = true,
            "b" => self.backup = true,
            "E" => self.remove_empty = true,
            "dry-run" => self.dry_run = true,
            "no-backup" => self.no_backup_if_mismatch = true,
            "u" | "l" | "n" | "c" | "nothing" => {}
            other => return Err(format!("option -{other} does not exist in this sandbox")),
        }
        Ok(())
    }
}

fn long_letter(name: &str) -> Result<String, String> {
    let letter = match name {
        "strip" => "p",
        "input" => "i",
        "directory" => "d",
        "output" => "o",
        "reject-file" => "r",
        "fuzz" => "F",
        "reverse" => "R",
        "forward" => "N",
        "force" => "f",
        "batch" => "t",
        "silent" | "quiet" => "s",
        "backup" => "b",
        "remove-empty-files" => "E",
        "dry-run" => "dry-run",
        "no-backup-if-mismatch" => "no-backup",
        "unified" | "verbose" | "posix" | "backup-if-mismatch" | "binary" => "nothing",
        _ => return Err(format!("unrecognized option '--{name}'")),
    };
    Ok(letter.to_owned())
}

struct Run {
    options: Options,
    fs: Arc<dyn FileSystem>,
    directory: std::path::PathBuf,
    out: String,
    failed: bool,
}

impl Run {
    fn say(&mut self, text: String) {
        if !self.options.silent {
            self.out += &text;
        }
    }

    async fn file(&mut self, diff: &FileDiff) -> bashkit::Result<()> {
        let diff = if self.options.reverse { diff.reverse() } else { diff.clone() };
        let Some(target) = self.target(&diff).await else {
            self.missing(&diff);
            return Ok(());
        };
        let path = self.directory.join(&target);
        let old = self.fs.read_file(&path).await.ok();
        let bytes = old.clone().unwrap_or_default();
        let verb = if self.options.dry_run { "checking" } else { "patching" };
        let moved = diff.renamed.as_ref().filter(|_| self.options.file.is_none());
        let moved = match moved {
            Some((_, to)) => stripped(to, self.options.strip),
            None => None,
        };
        let note = match (&self.options.output, &moved) {
            (Some(output), _) => format!("{verb} file {output} (read from {target})\n"),
            (None, Some(to)) => format!("{verb} file {to} (renamed from {target})\n"),
            (None, None) => format!("{verb} file {target}\n"),
        };
        self.say(note);
        let input = lines(&bytes);
        let fuzz = self.options.fuzz.unwrap_or(2);
        let application = Application::new(&input, &diff.hunks, fuzz);
        let undone: Vec<Hunk> = diff.hunks.iter().map(Hunk::reverse).collect();
        let applied_before = !self.options.force
            && application.placements.first().is_some_and(|placement| placement.place.is_none())
            && Application::new(&input, &undone, 0).failures() == 0;
        if applied_before || (old.is_some() && diff.creates() && !bytes.is_empty()) {
            return self.skip(&diff, &target, applied_before).await;
        }
        for (at, placement) in application.placements.iter().enumerate() {
            let text = placement.describe(at + 1);
            if !text.is_empty() {
                self.say(text);
            }
        }
        let failures = application.failures();
        let mismatch =
            failures > 0 || application.placements.iter().any(|placement| placement.is_inexact());
        let result = application.result();
        let goes = diff.deletes() || self.options.remove_empty;
        let gone = goes && result.is_empty() && failures == 0;
        if diff.deletes() && !gone && failures == 0 {
            self.say(format!("Not deleting file {target} as content differs from patch\n"));
            self.failed = true;
        }
        if !self.options.dry_run {
            let end = match (&self.options.output, &moved) {
                (Some(output), _) => self.directory.join(output),
                (None, Some(to)) => self.directory.join(to),
                (None, None) => path.clone(),
            };
            let keep = self.options.backup || (mismatch && !self.options.no_backup_if_mismatch);
            if keep && self.options.output.is_none() {
                let backup = format!("{}.orig", path.display());
                self.fs.write_file(Path::new(&backup), &bytes).await?;
            }
            if gone {
                self.fs.remove(&path, false).await?;
                self.remove_empty_folders(&path).await?;
            } else if failures < diff.hunks.len()
                || diff.hunks.is_empty()
                || self.options.output.is_some()
            {
                if let Some(parent) = end.parent() {
                    self.fs.mkdir(parent, true).await?;
                }
                self.fs.write_file(&end, &result).await?;
                if let Some(executable) = diff.executable {
                    self.fs.chmod(&end, if executable { 0o755 } else { 0o644 }).await?;
                }
                if moved.is_some() && end != path {
                    self.fs.remove(&path, false).await?;
                }
            }
        }
        if failures > 0 {
            let rejected: Vec<_> = application
                .placements
                .iter()
                .zip(&diff.hunks)
                .filter(|(placement, _)| placement.place.is_none())
                .map(|(_, hunk)| hunk.clone())
                .collect();
            self.reject(&diff, &target, &rejected, "FAILED").await?;
        }
        Ok(())
    }

    async fn skip(&mut self, diff: &FileDiff, target: &str, reversed: bool) -> bashkit::Result<()> {
        let question = match reversed {
            true => "Reversed (or previously applied) patch detected!".to_owned(),
            false => format!(
                "The next patch{} would create the file {target},\nwhich already exists!",
                if self.options.reverse { ", when reversed," } else { "" }
            ),
        };
        // There is nobody to answer the questions.
        let text = match self.options.forward || self.options.batch {
            true => format!("{question}  Skipping patch.\n"),
            false => format!("{question}  Assume -R? [n] \nApply anyway? [n] \nSkipping patch.\n"),
        };
        self.say(text);
        self.reject(diff, target, &diff.hunks, "ignored").await
    }

    async fn reject(
        &mut self,
        diff: &FileDiff,
        target: &str,
        rejected: &[Hunk],
        what: &str,
    ) -> bashkit::Result<()> {
        self.failed = true;
        let all = diff.hunks.len();
        let s = if all == 1 { "" } else { "s" };
        let mut line = format!("{} out of {all} hunk{s} {what}", rejected.len());
        if !self.options.dry_run {
            let name = self.options.rejects.clone().unwrap_or_else(|| format!("{target}.rej"));
            line += &format!(" -- saving rejects to file {name}");
            let mut text = self.labels(diff);
            rejected.iter().for_each(|hunk| text.extend(hunk.to_bytes()));
            self.fs.write_file(&self.directory.join(&name), &text).await?;
        }
        // Rejects are reported even when silence is asked for.
        self.out += &(line + "\n");
        Ok(())
    }

    /// The labels over rejected hunks: the names without what `-p` takes off.
    fn labels(&self, diff: &FileDiff) -> Vec<u8> {
        let [old, new] = diff.labels.as_slice() else { return diff.labels.concat() };
        let label = |line: &[u8], name: Option<&str>| {
            let name = name.and_then(|name| stripped(name, self.options.strip));
            let time =
                line.iter().position(|byte| *byte == b'\t').map_or(&b"\n"[..], |at| &line[at..]);
            [&line[..4], name.as_deref().unwrap_or("/dev/null").as_bytes(), time].concat()
        };
        [label(old, diff.old_name()), label(new, diff.new_name())].concat()
    }

    /// Removes the folders above a removed file that hold nothing more.
    async fn remove_empty_folders(&self, path: &Path) -> bashkit::Result<()> {
        for folder in path.ancestors().skip(1) {
            let is_below = folder != self.directory && folder.starts_with(&self.directory);
            if !is_below || !self.fs.read_dir(folder).await?.is_empty() {
                break;
            }
            self.fs.remove(folder, false).await?;
        }
        Ok(())
    }

    fn missing(&mut self, diff: &FileDiff) {
        self.failed = true;
        let lead: String =
            String::from_utf8_lossy(&diff.lead).lines().map(|line| format!("|{line}\n")).collect();
        let hint = match self.options.strip {
            Some(_) => "Perhaps you used the wrong -p or --strip option?",
            None => "Perhaps you should have used the -p or --strip option?",
        };
        let all = diff.hunks.len();
        let s = if all == 1 { "" } else { "s" };
        self.out += &format!(
            "can't find file to patch at input line {}\n{hint}\nThe text leading up to this was:\n\
             --------------------------\n{lead}--------------------------\n\
             File to patch: \nSkip this patch? [y] \nSkipping patch.\n{all} out of {all} hunk{s} ignored\n",
            diff.line
        );
    }

    /// The file that a patch is about: of the names it gives, the simplest one that exists.
    async fn target(&self, diff: &FileDiff) -> Option<String> {
        if let Some(file) = &self.options.file {
            return Some(file.clone());
        }
        let (old, new) = (diff.old_name(), diff.new_name());
        if let Some((from, _)) = &diff.renamed {
            return stripped(from, self.options.strip);
        }
        let mut found = Vec::new();
        for name in [old, new].into_iter().flatten() {
            let Some(name) = stripped(name, self.options.strip) else { continue };
            if self.fs.exists(&self.directory.join(&name)).await.unwrap_or(false) {
                found.push(name);
            }
        }
        found.sort_by_key(|name| (name.matches('/').count(), name.len()));
        match found.into_iter().next() {
            Some(name) => Some(name),
            None if diff.creates() => stripped(new?, self.options.strip),
            None => None,
        }
    }
}

/// A name without so many leading directories; all of them by default. Names that would lead out
/// of the directory are no names.
fn stripped(name: &str, strip: Option<usize>) -> Option<String> {
    let parts: Vec<_> = name.split('/').collect();
    let skip = strip.unwrap_or(parts.len() - 1);
    let rest = parts.get(skip..)?.join("/");
    let safe =
        !rest.is_empty() && !rest.starts_with('/') && !rest.split('/').any(|part| part == "..");
    safe.then_some(rest)
}
