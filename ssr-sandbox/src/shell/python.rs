//! `python`, `python3` and `pytest` in the shell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bashkit::{CommandContext, CommandStatus, async_trait};
use ssr_core::{Exit, TestRunner};

use crate::runner::{Invocation, Process, Tests};

use super::pytest_cache;
use super::session::Session;
use super::timeout::DEADLINE;

/// The exit status of `timeout`.
const TIMED_OUT: i32 = 124;

/// What a signal number is added to in an exit status.
const SIGNALLED: i32 = 128;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// Bytes that a program may print on each stream into a file or a pipe.
const PIPED: usize = 64 << 20;

/// Which program a command name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PythonCommand {
    Python,
    Pytest,
}

/// `python`, `python3` and `pytest` in the shell: the interpreter of the sandbox.
pub(super) struct Python {
    session: Arc<Session>,
    command: PythonCommand,
}

impl Python {
    pub(super) fn new(session: Arc<Session>, command: PythonCommand) -> Self {
        Self { session, command }
    }
}

#[async_trait]
impl bashkit::Command for Python {
    async fn execute(&self, ctx: CommandContext<'_>) -> bashkit::Result<CommandStatus> {
        let parsed = match self.command {
            PythonCommand::Python => parse(ctx.args),
            PythonCommand::Pytest => Parsed::tests(ctx.args),
        };
        let (invocation, argv) = match parsed {
            Parsed::Run(invocation, argv) => (invocation, argv),
            Parsed::Print(text) => {
                ctx.stdout.write_all(text.as_bytes()).await?;
                return Ok(CommandStatus::success());
            }
            Parsed::Refuse(text) => {
                ctx.stderr.write_all(text.as_bytes()).await?;
                return Ok(CommandStatus::with_code(2));
            }
        };
        let mut stdin = Vec::new();
        while let Some(chunk) = ctx.stdin.read_chunk().await? {
            stdin.extend_from_slice(&chunk);
        }
        let limits = self.session.limits;
        let mut env: BTreeMap<_, _> = ctx.env.clone().into_iter().collect();
        let left = self.session.left();
        let own = env.remove(DEADLINE).and_then(|at| at.parse().ok()).map(Duration::from_millis);
        let own = own.map(|deadline| deadline.saturating_sub(self.session.elapsed()));
        let process = Process {
            invocation,
            argv,
            env,
            cwd: ctx.cwd.to_string_lossy().into_owned(),
            stdin,
            cpu: own.map_or(left, |own| own.min(left)),
            wall: self.session.wall_left(),
            per_test: limits.per_test,
            memory: limits.memory,
            // It may go to a file or a filter; what reaches the terminal is cut there.
            output: limits.output.max(PIPED),
            write_bytecode: false,
        };
        let session = &self.session;
        let before = session.elapsed();
        let (finished, over) = session.while_busy(|| {
            let finished = session.interpreter.execute(session.fs.snapshot(), &process);
            let finished = finished.map_err(|error| session.break_off(error))?;
            session.clock().charge(before, finished.cpu);
            let over = finished.exit == Exit::Timeout && own.is_none_or(|own| left <= own);
            bashkit::Result::Ok((finished, over.then(|| session.time_out())))
        })?;
        let mut vfs = finished.vfs;
        if let Some(report) = &finished.report {
            session.add_report(report);
            if matches!(&process.invocation, Invocation::Tests(tests) if tests.runner == TestRunner::Pytest)
            {
                pytest_cache::remember(&mut vfs, report);
            }
        }
        session.fs.replace(vfs);
        let cut = finished.stdout.truncated || finished.stderr.truncated;
        if cut {
            session.truncated();
        }
        ctx.stdout.write_all(&finished.stdout.bytes).await?;
        ctx.stderr.write_all(&finished.stderr.bytes).await?;
        if cut {
            let text = format!("python: output cut off after {} bytes\n", limits.output.max(PIPED));
            ctx.stderr.write_all(text.as_bytes()).await?;
        }
        if let Some(error) = over {
            return Err(error);
        }
        let code = match finished.exit {
            Exit::Code(code) => code,
            Exit::Timeout => TIMED_OUT,
            Exit::OutOfMemory => {
                ctx.stderr.write_all(b"Killed\n").await?;
                SIGNALLED + SIGKILL
            }
            other => {
                ctx.stderr.write_all(format!("python: aborted: {other:?}\n").as_bytes()).await?;
                SIGNALLED + SIGABRT
            }
        };
        Ok(CommandStatus::with_code(code))
    }
}

/// What a command line of the interpreter asks for.
#[derive(Debug)]
enum Parsed {
    Run(Invocation, Vec<String>),
    Print(String),
    Refuse(String),
}

impl Parsed {
    fn tests(args: &[String]) -> Self {
        let cache = pytest_cache::is_asked_for(args);
        let tests = Tests { cache, ..Tests::all(TestRunner::Pytest) };
        Self::Run(Invocation::Tests(tests), argv("pytest", args))
    }

    fn file(file: &str, args: &[String]) -> Self {
        let name = file.rsplit('/').next().unwrap_or(file);
        let runs_tests = match name {
            "runtests.py" => true,
            "manage.py" => args.first().is_some_and(|arg| arg == "test"),
            _ => false,
        };
        let tests = Invocation::Tests(Tests::all(TestRunner::Django));
        Self::Run(if runs_tests { tests } else { Invocation::File }, argv(file, args))
    }

    fn module(module: String, args: &[String]) -> Self {
        let runner = match module.as_str() {
            "pytest" => return Self::tests(args),
            "unittest" => Some(TestRunner::Unittest),
            "django" if args.first().is_some_and(|arg| arg == "test") => Some(TestRunner::Django),
            _ => None,
        };
        match runner {
            Some(runner) => Self::Run(Invocation::Tests(Tests::all(runner)), argv(&module, args)),
            None => Self::Run(Invocation::Module { module }, argv("-m", args)),
        }
    }
}

fn argv(first: &str, rest: &[String]) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(rest.iter().cloned()).collect()
}

/// Reads the command line as CPython does; options that change nothing here are passed over.
fn parse(args: &[String]) -> Parsed {
    let mut rest = args;
    while let Some((arg, after)) = rest.split_first() {
        rest = after;
        match arg.as_str() {
            "-" => return Parsed::Run(Invocation::Stdin, argv("-", rest)),
            "--version" => return version(),
            "--help" => return help(),
            _ => {}
        }
        let Some(options) = arg.strip_prefix('-') else {
            return Parsed::file(arg, rest);
        };
        for (at, option) in options.char_indices() {
            let attached = &options[at + option.len_utf8()..];
            match option {
                'V' => return version(),
                'h' | '?' => return help(),
                'c' | 'm' | 'W' | 'X' => {}
                'b' | 'B' | 'd' | 'E' | 'i' | 'I' | 'O' | 'P' | 'q' | 's' | 'S' | 'u' | 'v'
                | 'x' => {
                    continue;
                }
                _ => return Parsed::Refuse(format!("Unknown option: -{option}\n{USAGE}")),
            }
            let value = if attached.is_empty() {
                let Some((value, after)) = rest.split_first() else {
                    let problem = format!("Argument expected for the -{option} option\n{USAGE}");
                    return Parsed::Refuse(problem);
                };
                rest = after;
                value.clone()
            } else {
                attached.to_owned()
            };
            match option {
                'c' => return Parsed::Run(Invocation::Code { source: value }, argv("-c", rest)),
                'm' => return Parsed::module(value, rest),
                _ => break,
            }
        }
    }
    Parsed::Run(Invocation::Stdin, vec![String::new()])
}

const USAGE: &str = "usage: python [option] ... [-c cmd | -m mod | file | -] [arg] ...\n";

fn version() -> Parsed {
    let source = "import sys; print('Python', sys.version.split()[0])".to_owned();
    Parsed::Run(Invocation::Code { source }, vec!["-c".to_owned()])
}

fn help() -> Parsed {
    Parsed::Print(USAGE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> String {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match parse(&args) {
            Parsed::Run(invocation, argv) => format!("{invocation:?} {argv:?}"),
            Parsed::Print(text) | Parsed::Refuse(text) => text,
        }
    }

    #[test]
    fn the_command_line_is_that_of_cpython() {
        assert_eq!(parsed("-c pass a -b"), r#"Code { source: "pass" } ["-c", "a", "-b"]"#);
        assert_eq!(parsed("-Bucpass a"), r#"Code { source: "pass" } ["-c", "a"]"#);
        assert_eq!(
            parsed("-W error -Xdev -m json.tool -v"),
            r#"Module { module: "json.tool" } ["-m", "-v"]"#
        );
        assert_eq!(
            parsed("-m pytest -x"),
            r#"Tests(Tests { runner: Pytest, wanted: None, required: [], affected_only: false, cache: false }) ["pytest", "-x"]"#
        );
        assert_eq!(
            parsed("-m pytest --lf tests"),
            r#"Tests(Tests { runner: Pytest, wanted: None, required: [], affected_only: false, cache: true }) ["pytest", "--lf", "tests"]"#
        );
        assert_eq!(
            parsed("-m unittest -v"),
            r#"Tests(Tests { runner: Unittest, wanted: None, required: [], affected_only: false, cache: false }) ["unittest", "-v"]"#
        );
        assert_eq!(
            parsed("tests/runtests.py -v2 basic"),
            r#"Tests(Tests { runner: Django, wanted: None, required: [], affected_only: false, cache: false }) ["tests/runtests.py", "-v2", "basic"]"#
        );
        assert_eq!(parsed("manage.py migrate"), r#"File ["manage.py", "migrate"]"#);
        assert_eq!(parsed("a.py -c x"), r#"File ["a.py", "-c", "x"]"#);
        assert_eq!(parsed("- x"), r#"Stdin ["-", "x"]"#);
        assert!(parsed("-c").starts_with("Argument expected for the -c option"));
        assert!(parsed("-Z").starts_with("Unknown option: -Z"));
        assert!(matches!(parse(&[]), Parsed::Run(Invocation::Stdin, _)));
    }
}
