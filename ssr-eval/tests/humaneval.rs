//! Grades samples in a scripted sandbox, and in one that runs CPython.

use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use ssr_core::{
    Command, Exit, File, Limits, Output, Program, RepoPath, Sandbox, SandboxError, Seed, Tree,
    Workspace,
};
use ssr_eval::humaneval::{Graded, Problem, Sample, grade, program};
use ssr_eval::{Error, EvalErrorKind};

type Script = dyn Fn(&Command) -> Result<Output, SandboxError> + Send + Sync;

/// A sandbox whose only ability is to answer a command.
#[derive(Clone)]
struct Scripted(Arc<Script>);

fn sandbox(
    answer: impl Fn(&Command) -> Result<Output, SandboxError> + Send + Sync + 'static,
) -> Scripted {
    Scripted(Arc::new(answer))
}

struct Opened {
    script: Scripted,
    base: Tree,
}

impl Sandbox for Scripted {
    type Workspace = Opened;

    fn open(&self, tree: &Tree) -> Result<Opened, SandboxError> {
        assert!(tree.is_empty(), "samples run in an empty workspace");
        Ok(Opened { script: self.clone(), base: tree.clone() })
    }
}

impl Workspace for Opened {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        Ok(self.base.get(path.as_str()).cloned())
    }

    fn write(&mut self, path: &RepoPath, _: Option<File>) -> Result<(), SandboxError> {
        Err(SandboxError::Refused(format!("{path} is read-only")))
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        (self.script.0)(command)
    }

    fn base(&self) -> &Tree {
        &self.base
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        Ok(self.base.clone())
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        Ok(Self { script: self.script.clone(), base: self.base.clone() })
    }
}

fn output(exit: Exit, stdout: impl Into<Vec<u8>>, stderr: impl Into<Vec<u8>>) -> Output {
    Output::new(exit).with_stdout(stdout).with_stderr(stderr)
}

/// Runs Python programs with the `python3` of the machine.
fn cpython() -> Scripted {
    sandbox(|command| {
        let failed = |error| SandboxError::infrastructure("running python3", error);
        let Program::Python { source, args } = &command.program else {
            return Err(SandboxError::Refused("only Python runs here".to_owned()));
        };
        let mut child = std::process::Command::new("python3")
            .args(["-I", "-c", source])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        child.stdin.take().unwrap().write_all(&command.stdin).map_err(failed)?;
        let done = child.wait_with_output().map_err(failed)?;
        Ok(output(Exit::Code(done.status.code().unwrap_or(-1)), done.stdout, done.stderr))
    })
}

fn problem() -> Problem {
    Problem::new("Test/0", "double")
        .with_prompt("def double(x):\n    \"\"\"Twice x — „ü“.\"\"\"\n")
        .with_canonical_solution("    return 2 * x\n")
        .with_test(
            "def check(candidate):\n    assert candidate(2) == 4, 'two'\n    assert candidate(0) == 0\n",
        )
}

fn completion(code: &str) -> Sample {
    Sample::completion("Test/0", code)
}

fn solution(code: &str) -> Sample {
    Sample::solution("Test/0", code)
}

fn graded(sandbox: &Scripted, sample: &Sample) -> Graded {
    grade(sandbox, &problem(), sample, Limits::default(), Seed::new(0)).unwrap()
}

fn reason(sample: &Sample) -> String {
    match graded(&cpython(), sample) {
        Graded::Failed { reason } => reason,
        other => panic!("{sample:?} gave {other:?}"),
    }
}

#[test]
fn the_program_is_the_official_one() {
    let problem = problem().with_prompt("P\n").with_test("T\n");
    assert_eq!(program(&problem, &completion("C")), "P\nC\nT\n\ncheck(double)");
    assert_eq!(program(&problem, &solution("S")), "S\nT\n\ncheck(double)");
}

#[test]
fn right_samples_pass_in_cpython() {
    let python = cpython();
    assert_eq!(graded(&python, &problem().canonical_sample()), Graded::Passed);
    for code in [
        "    return x + x",
        "    print('noise', x)\n    return 2 * x",
        "    return 2 * x\nimport atexit; atexit.register(print, 'later')",
        "    return 2 * x\nimport sys; sys.stdout = sys.stderr = None",
        "    return 2 * x\nif __name__ == '__main__':\n    raise SystemExit(3)",
        "    return 2 * x\nimport threading, time; threading.Thread(target=time.sleep, args=[60]).start()",
    ] {
        assert_eq!(graded(&python, &completion(code)), Graded::Passed, "{code}");
    }
    let whole = solution("def helper(x):\n    return x\ndouble = lambda x: helper(x) * 2");
    assert_eq!(graded(&python, &whole), Graded::Passed);
}

#[test]
fn wrong_samples_fail_in_cpython_and_say_why() {
    assert!(reason(&completion("    return x")).ends_with("AssertionError: two"));
    assert!(reason(&completion("    return (")).contains("SyntaxError"));
    assert!(reason(&completion("    return 2 * x\nprint('\u{0}')")).contains("Error"));
    assert!(reason(&solution("x = 1")).ends_with("NameError: name 'double' is not defined"));
    assert!(reason(&completion("    return input()")).contains("EOFError"));
}

#[test]
fn leaving_before_the_checks_is_not_a_pass() {
    for code in [
        "    pass\nimport sys; sys.exit(0)",
        "    pass\nimport os; os._exit(0)",
        "    raise SystemExit",
        "    pass\nquit()",
        "    pass\nimport os; os.write(1, b'passed\\n'); os._exit(0)",
        "    pass\nimport sys, os; os.write(1, sys.orig_argv[-1].encode()); os._exit(0)",
        "    pass\nimport sys, os; os.write(1, sys.stdin.read().encode()); os._exit(0)",
    ] {
        let reason = reason(&completion(code));
        assert!(!reason.is_empty(), "{code}");
    }
}

#[test]
fn limits_and_traps_are_told_apart() {
    let with =
        |exit: Exit| graded(&sandbox(move |_| Ok(output(exit.clone(), "", ""))), &completion(""));
    assert_eq!(with(Exit::Timeout), Graded::Timeout);
    assert_eq!(with(Exit::OutOfMemory), Graded::OutOfMemory);
    assert_eq!(with(Exit::Trapped("stack".into())), Graded::Trapped { reason: "stack".into() });
    assert!(matches!(with(Exit::Code(0)), Graded::Failed { .. }));
}

#[test]
fn a_broken_sandbox_is_an_error_and_never_a_fail() {
    let broken = sandbox(|_| Err(SandboxError::infrastructure("starting", "disk full")));
    let sample = problem().canonical_sample();
    let result = grade(&broken, &problem(), &sample, Limits::default(), Seed::new(0));
    assert!(matches!(&result, Err(Error::Sandbox(SandboxError::Infrastructure { .. }))));
    assert_eq!(result.unwrap_err().kind(), EvalErrorKind::Infrastructure);
}

#[test]
fn a_sample_for_another_problem_is_refused() {
    let sample = Sample::completion("Test/1", "");
    let unused = sandbox(|_| Err(SandboxError::Refused("must not run".to_owned())));
    let result = grade(&unused, &problem(), &sample, Limits::default(), Seed::new(0));
    assert!(matches!(&result, Err(Error::OtherTask { .. })));
    assert_eq!(result.unwrap_err().kind(), EvalErrorKind::Mismatch);
}

#[test]
fn the_command_is_deterministic_and_carries_the_limits() {
    let commands = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&commands);
    let recording = sandbox(move |command| {
        seen.lock().unwrap().push(command.clone());
        Ok(output(Exit::Timeout, "", ""))
    });
    let limits = Limits::default().with_memory(7);
    for seed in [1, 1, 2] {
        let sample = completion("    return 1");
        let _ = grade(&recording, &problem(), &sample, limits, Seed::new(seed)).unwrap();
    }
    let commands = commands.lock().unwrap();
    assert_eq!(commands[0], commands[1]);
    assert_ne!(commands[0].stdin, commands[2].stdin);
    assert_eq!(commands[0].program, commands[2].program, "the nonce is not in the arguments");
    assert_eq!(commands[0].limits, limits);
}
