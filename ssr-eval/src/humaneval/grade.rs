//! Builds the program of a sample, runs it in a sandbox, and grades its result.

use serde::{Deserialize, Serialize};
use ssr_core::{Command, Exit, Limits, Output, Sandbox, Seed, Tree, Workspace};

use super::{Answer, Problem, Sample};
use crate::{Error, Result};

const RUNNER: &str = include_str!("runner.py");

/// The last characters of an error message that [`Graded::Failed`] keeps.
const REASON_CHARS: usize = 1000;

/// The grade of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Graded {
    /// Every check passed.
    Passed,
    /// A check failed, the code raised an exception, or the process exited before the checks ended.
    Failed {
        /// The end of Python's error message.
        reason: String,
    },
    /// The run exceeded its time limit.
    Timeout,
    /// The run exceeded its memory limit.
    OutOfMemory,
    /// The sandbox stopped the program, for example after a stack overflow.
    Trapped {
        /// Why it was stopped.
        reason: String,
    },
}

impl Graded {
    /// Whether the sample passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        *self == Self::Passed
    }

    /// The row for `sample` in the official `…_results.jsonl`.
    #[must_use]
    pub fn into_result(self, sample: Sample) -> SampleResult {
        let passed = self.passed();
        let result = match self {
            Self::Passed => "passed".to_owned(),
            Self::Timeout => "timed out".to_owned(),
            Self::Failed { reason } | Self::Trapped { reason } => format!("failed: {reason}"),
            Self::OutOfMemory => "failed: out of memory".to_owned(),
        };
        SampleResult { sample, result, passed }
    }
}

/// A sample with its result, as the official harness writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SampleResult {
    /// The sample that was graded.
    #[serde(flatten)]
    pub sample: Sample,
    /// `passed`, `timed out` or `failed: …`.
    pub result: String,
    /// Whether the sample passed.
    pub passed: bool,
}

/// The program whose run decides, as the official harness builds it: the prompt with the completion
/// (or the solution), the tests, and the call of `check`.
#[must_use]
pub fn program(problem: &Problem, sample: &Sample) -> String {
    let Problem { prompt, test, entry_point, .. } = problem;
    match &sample.answer {
        Answer::Completion(completion) => {
            format!("{prompt}{completion}\n{test}\ncheck({entry_point})")
        }
        Answer::Solution(solution) => format!("{solution}\n{test}\ncheck({entry_point})"),
    }
}

/// Runs [`program`] in an empty workspace.
///
/// Exit code 0 is not enough to pass, because `sys.exit(0)` in a sample gives it too. The run must
/// also print a nonce after its last statement. The nonce is derived from `seed`, the task and the
/// sample, so the model must not know the seed. Checks and sample share one interpreter, as in the
/// official harness. A sample that searches the interpreter's frames can therefore forge a pass.
///
/// # Errors
/// [`Error::OtherTask`] when the sample answers another problem, and [`Error::Sandbox`] when the
/// infrastructure fails. Neither counts against the sample.
pub fn grade<S: Sandbox>(
    sandbox: &S,
    problem: &Problem,
    sample: &Sample,
    limits: Limits,
    seed: Seed,
) -> Result<Graded> {
    Error::check_task(&problem.task_id, &sample.task_id)?;
    let program = program(problem, sample);
    let nonce = nonce(seed, &problem.task_id, &program);
    let command =
        Command::python(RUNNER).with_stdin(format!("{nonce}\n{program}")).with_limits(limits);
    let output = sandbox.open(&Tree::new())?.run(&command)?;
    Ok(read(&output, &nonce))
}

fn nonce(seed: Seed, task_id: &str, program: &str) -> String {
    let seed = seed.derive("humaneval nonce").derive(task_id).derive(program);
    seed.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(output: &Output, nonce: &str) -> Graded {
    match &output.exit {
        Exit::Code(0) if last_line(&output.stdout) == nonce.as_bytes() => Graded::Passed,
        Exit::Code(code) => {
            let stderr = output.stderr_text();
            let reason = match tail(stderr.trim()) {
                "" => format!("left with exit code {code} before the checks ended"),
                said => said.to_owned(),
            };
            Graded::Failed { reason }
        }
        Exit::Timeout => Graded::Timeout,
        Exit::OutOfMemory => Graded::OutOfMemory,
        Exit::Trapped(reason) => Graded::Trapped { reason: reason.clone() },
        other => Graded::Failed { reason: format!("{other:?}") },
    }
}

fn last_line(stdout: &[u8]) -> &[u8] {
    let text = stdout.trim_ascii_end();
    text.rsplit(|byte| *byte == b'\n').next().unwrap_or(text)
}

fn tail(text: &str) -> &str {
    match text.char_indices().rev().nth(REASON_CHARS - 1) {
        Some((start, _)) => &text[start..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(exit: Exit, stdout: &str, stderr: &str) -> Output {
        let (stdout, stderr) = (stdout.as_bytes().to_vec(), stderr.as_bytes().to_vec());
        Output::new(exit).with_stdout(stdout).with_stderr(stderr)
    }

    #[test]
    fn only_the_nonce_as_the_last_line_passes() {
        let passes = |stdout| read(&output(Exit::Code(0), stdout, ""), "abc").passed();
        assert!(passes("\nabc\n"));
        assert!(passes("noise\r\nabc\r\n"));
        for stdout in ["", "abc\nmore\n", "xabc\n", "abcx\n", "\n"] {
            assert!(!passes(stdout), "{stdout:?} passed");
        }
        assert!(!read(&output(Exit::Code(1), "\nabc\n", ""), "abc").passed());
        assert!(!read(&output(Exit::Timeout, "\nabc\n", ""), "abc").passed());
    }

    #[test]
    fn the_reason_is_the_end_of_the_message_and_never_empty() {
        let long = format!("{}é: end\n", "é".repeat(5000));
        let Graded::Failed { reason } = read(&output(Exit::Code(1), "", &long), "n") else {
            panic!("not a failure");
        };
        assert_eq!(reason.chars().count(), REASON_CHARS);
        assert!(reason.ends_with("éé: end"));
        let silent = read(&output(Exit::Code(0), "", " \n"), "n");
        let reason = "left with exit code 0 before the checks ended".to_owned();
        assert_eq!(silent, Graded::Failed { reason });
    }

    #[test]
    fn the_nonce_depends_on_seed_task_and_program() {
        let base = nonce(Seed::new(1), "t", "p");
        assert_eq!(base, nonce(Seed::new(1), "t", "p"));
        assert_eq!(base.len(), 64);
        let others = [
            nonce(Seed::new(2), "t", "p"),
            nonce(Seed::new(1), "u", "p"),
            nonce(Seed::new(1), "t", "q"),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn results_are_written_as_the_official_harness_does() {
        let sample = Sample { task_id: "t".into(), answer: Answer::Completion("x".into()) };
        let line = serde_json::to_string(&Graded::Timeout.into_result(sample)).unwrap();
        let official = r#"{"task_id":"t","completion":"x","result":"timed out","passed":false}"#;
        assert_eq!(line, official);
        let read: SampleResult = serde_json::from_str(official).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), official);
    }
}
