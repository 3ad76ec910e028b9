//! `git` over a history in memory, with git's own object ids.
//!
//! There is no `.git` directory: a [`Tree`](ssr_core::Tree) cannot hold one, so no program can reach
//! the history but through the command. Neither are there remotes, merges with two parents, rebases
//! and symbolic links. [`COMMANDS`] lists what there is: what agents type.

mod apply;
mod blame;
mod branch;
mod commit;
mod date;
mod deadline;
mod delta;
mod describe;
mod diff;
mod grep;
mod history;
mod ignored;
mod inspect;
mod log;
mod object;
mod pathspec;
mod pick;
mod pretty;
mod refs;
mod renames;
mod restore;
mod revision;
mod show;
mod stage;
mod stash;
mod stat;
mod status;
mod work;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use bashkit::{Builtin, BuiltinContext, ExecResult, ExecutionPlan, async_trait};

use super::session::Session;
use crate::harness::TESTBED;

use deadline::Deadline;
use history::Repository;
use work::Work;

pub(crate) use history::History;

/// The exit status of `timeout`.
const TIMED_OUT: i32 = 124;

/// The commands of git that exist here.
const COMMANDS: &str = "add, apply, blame, branch, cat-file, check-ignore, checkout, cherry-pick, \
                        clean, commit, config, describe, diff, for-each-ref, grep, hash-object, \
                        init, log, ls-files, ls-tree, merge, merge-base, mv, remote, reset, \
                        restore, rev-list, rev-parse, revert, rm, shortlog, show, show-ref, stash, \
                        status, switch, symbolic-ref, tag, update-index, version and write-tree";
/// How often an alias may stand for another one.
const ALIASES: usize = 10;

type Result<T> = std::result::Result<T, Fatal>;

/// Why a command cannot go on.
#[derive(Debug)]
struct Fatal {
    message: String,
    code: i32,
}

impl Fatal {
    fn new(message: impl std::fmt::Display) -> Self {
        Self { message: format!("fatal: {message}\n"), code: 128 }
    }

    fn error(message: impl std::fmt::Display) -> Self {
        Self { message: format!("error: {message}\n"), code: 1 }
    }

    /// The command line makes no sense.
    fn usage(message: impl std::fmt::Display) -> Self {
        Self { message: format!("error: {message}\n"), code: 129 }
    }

    fn option(command: &str, arg: &str) -> Self {
        Self::usage(format!("git {command} has no option {arg} in this sandbox"))
    }

    /// An option of git that this one lacks, and what there is instead.
    fn no_option(command: &str, arg: &str, instead: &str) -> Self {
        Self::usage(format!("git {command} has no option {arg} in this sandbox; use {instead}"))
    }

    /// The time of the script or of a `timeout` around the command is over.
    fn out_of_time() -> Self {
        Self { message: String::new(), code: TIMED_OUT }
    }
}

/// One command and what it works on.
struct Call<'a> {
    repo: &'a mut Repository,
    work: Work<'a>,
    /// The current directory below the top: empty or ending in a slash.
    prefix: String,
    env: &'a HashMap<String, String>,
    stdin: &'a [u8],
    deadline: Deadline,
    /// The `diff.renameLimit` with which all renames would have been found.
    needed_limit: Cell<Option<usize>>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Call<'_> {
    fn say(&mut self, line: impl AsRef<str>) {
        self.out.extend_from_slice(line.as_ref().as_bytes());
        self.out.push(b'\n');
    }

    /// What git tells the user rather than the next program of a pipe.
    fn note(&mut self, line: impl AsRef<str>) {
        self.err.extend_from_slice(line.as_ref().as_bytes());
        self.err.push(b'\n');
    }
}

/// `git` in the shell.
pub(super) struct Git(pub(super) Arc<Session>);

#[async_trait]
impl Builtin for Git {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let cwd = ctx.cwd.to_string_lossy().into_owned();
        let stdin = ctx.stdin.map(|data| data.as_bytes()).unwrap_or_default();
        let (code, out, err) = self.run(ctx.args, &cwd, ctx.env, stdin);
        // Otherwise it was a `timeout`, which has this status, too.
        if code == TIMED_OUT && self.0.left().is_zero() {
            return Err(self.0.time_out());
        }
        let mut result = ExecResult::err(err, code);
        result.stdout = out.into();
        Ok(result)
    }

    /// `git grep` is grep on the files that git knows.
    async fn execution_plan(
        &self,
        ctx: &BuiltinContext<'_>,
    ) -> bashkit::Result<Option<ExecutionPlan>> {
        let cwd = ctx.cwd.to_string_lossy().into_owned();
        let Ok(line) = Line::parse(ctx.args, &cwd) else { return Ok(None) };
        let (Some("grep"), Some(prefix)) = (line.command, prefix(&line.cwd)) else {
            return Ok(None);
        };
        let repo = self.0.history().repository();
        Ok(grep::plan(&repo, line.args, &prefix).ok())
    }
}

impl Git {
    fn run(
        &self,
        args: &[String],
        cwd: &str,
        env: &HashMap<String, String>,
        stdin: &[u8],
    ) -> (i32, Vec<u8>, Vec<u8>) {
        let line = match Line::parse(args, cwd) {
            Ok(line) => line,
            Err(fatal) => return (fatal.code, Vec::new(), fatal.message.into_bytes()),
        };
        let Some(command) = line.command else {
            return match line.version {
                true => (0, b"git version 2.47.3\n".to_vec(), Vec::new()),
                false => (1, usage().into_bytes(), Vec::new()),
            };
        };
        let Some(prefix) = prefix(&line.cwd) else {
            let message = "fatal: not a git repository (or any of the parent directories): .git\n";
            return (128, Vec::new(), message.as_bytes().to_vec());
        };
        let mut history = self.0.history();
        let mut repository = history.repository();
        let mut changed = Repository::clone(&repository);
        let config = changed.config.clone();
        let scratch = !line.config.is_empty();
        changed.config.extend(line.config);
        let mut call = Call {
            repo: &mut changed,
            work: Work::new(&self.0.fs),
            prefix,
            env,
            stdin,
            deadline: Deadline::new(&self.0, env),
            needed_limit: Cell::new(None),
            out: Vec::new(),
            err: Vec::new(),
        };
        let result = call.command(command, line.args);
        let (out, mut err) = (std::mem::take(&mut call.out), std::mem::take(&mut call.err));
        if scratch {
            changed.config = config;
        }
        repository = Arc::new(changed);
        history.replace(repository);
        let code = result.unwrap_or_else(|fatal| {
            err.extend_from_slice(fatal.message.as_bytes());
            fatal.code
        });
        (code, out, err)
    }
}

impl Call<'_> {
    /// Runs a command, or what the configuration says it stands for.
    fn command(&mut self, command: &str, args: &[String]) -> Result<i32> {
        let (mut command, mut args) = (command.to_owned(), args.to_vec());
        for _ in 0..ALIASES {
            let alias = self.repo.config.get(&format!("alias.{command}"));
            let Some(alias) = alias.filter(|_| !is_command(&command)).cloned() else { break };
            let mut words = alias.split_whitespace().map(str::to_owned);
            match words.next() {
                Some(first) if !first.starts_with('!') => {
                    args = words.chain(args).collect();
                    command = first;
                }
                _ => {
                    return Err(Fatal::new(format!(
                        "the alias {command} is no command of git; this sandbox runs no others"
                    )));
                }
            }
        }
        self.dispatch(&command, &args)
    }

    fn dispatch(&mut self, command: &str, args: &[String]) -> Result<i32> {
        match command {
            "add" => self.add(args),
            "apply" => self.apply(args),
            "blame" => self.blame(args),
            "branch" => self.branch(args),
            "cat-file" => self.cat_file(args),
            "checkout" => self.checkout(args),
            "check-ignore" => self.check_ignore(args),
            "clean" => self.clean(args),
            "commit" => self.commit(args),
            "config" => self.config(args),
            "describe" => self.describe(args),
            "diff" => self.diff(args),
            "for-each-ref" => self.for_each_ref(args),
            "hash-object" => self.hash_object(args),
            "init" => {
                if !args.iter().any(|arg| arg == "-q" || arg == "--quiet") {
                    self.say(format!("Reinitialized existing Git repository in {TESTBED}/.git/"));
                }
                Ok(0)
            }
            "log" => self.log(args),
            "ls-files" => self.ls_files(args),
            "ls-tree" => self.ls_tree(args),
            "merge" => self.merge_ahead(args),
            "merge-base" => self.merge_base(args),
            "mv" => self.mv(args),
            "remote" if args.iter().all(|arg| arg == "-v" || arg == "show") => Ok(0),
            "remote" => Err(Fatal::error("there are no remote repositories in this sandbox")),
            "reset" => self.reset(args),
            "restore" => self.restore(args),
            "cherry-pick" | "revert" => self.pick(command, args),
            "rev-list" => self.rev_list(args),
            "rev-parse" => self.rev_parse(args),
            "rm" => self.rm(args),
            "shortlog" => self.shortlog(args),
            "show" => self.show(args),
            "show-ref" => self.show_ref(args),
            "stash" => self.stash(args),
            "status" => self.status(args),
            "switch" => self.switch(args),
            "symbolic-ref" => self.symbolic_ref(args),
            "tag" => self.tag(args),
            "update-index" => self.update_index(args),
            "write-tree" => self.write_tree(),
            "grep" => grep::plan(self.repo, args, &self.prefix).map(|_| 1),
            "version" => {
                self.say("git version 2.47.3");
                Ok(0)
            }
            _ => Err(Fatal {
                message: format!(
                    "git: '{command}' is not a git command of this sandbox, which has {COMMANDS}\n"
                ),
                code: 1,
            }),
        }
    }
}

fn is_command(name: &str) -> bool {
    COMMANDS.replace(" and ", ", ").split(", ").any(|command| command == name)
}

fn usage() -> String {
    format!(
        "usage: git [--version] [-C <path>] [-c <name>=<value>] <command> [<args>]\n\n\
         The commands of this sandbox: {COMMANDS}\n"
    )
}

/// The command line up to the command.
struct Line<'a> {
    cwd: String,
    config: Vec<(String, String)>,
    command: Option<&'a str>,
    args: &'a [String],
    version: bool,
}

impl<'a> Line<'a> {
    fn parse(args: &'a [String], cwd: &str) -> Result<Self> {
        let (mut cwd, mut config, mut rest) = (cwd.to_owned(), Vec::new(), args);
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "-C" | "-c" => {
                    let value = rest
                        .first()
                        .ok_or_else(|| Fatal::usage(format!("no value given for '{arg}'")))?;
                    rest = &rest[1..];
                    if arg == "-c" {
                        let (name, value) = value.split_once('=').unwrap_or((value, "true"));
                        config.push((name.to_lowercase(), value.to_owned()));
                    } else if value.starts_with('/') {
                        value.clone_into(&mut cwd);
                    } else {
                        cwd = format!("{cwd}/{value}");
                    }
                }
                "--no-pager"
                | "-P"
                | "--paginate"
                | "-p"
                | "--literal-pathspecs"
                | "--no-optional-locks" => {}
                "--version" | "-v" | "--help" | "-h" => {
                    let version = arg.starts_with("--v") || arg == "-v";
                    return Ok(Self { cwd, config, command: None, args: rest, version });
                }
                option if option.starts_with('-') => {
                    return Err(Fatal::usage(format!("unknown option: {option}")));
                }
                command => {
                    return Ok(Self {
                        cwd,
                        config,
                        command: Some(command),
                        args: rest,
                        version: false,
                    });
                }
            }
        }
        Ok(Self { cwd, config, command: None, args: rest, version: false })
    }
}

/// Where `cwd` is below the top, `None` when it is not.
fn prefix(cwd: &str) -> Option<String> {
    let inside = cwd == TESTBED || cwd.starts_with(&format!("{TESTBED}/"));
    let path = inside.then(|| pathspec::locate(cwd, ""))??;
    Some(if path.is_empty() { path } else { path + "/" })
}
