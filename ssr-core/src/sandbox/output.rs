//! What a command left.

use std::borrow::Cow;
use std::time::Duration;

#[cfg(doc)]
use super::Limits;
use crate::TestReport;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// It ran out of time: [`Limits::cpu`].
    Timeout,
    /// It ran out of memory.
    OutOfMemory,
    /// The machine that runs it stopped it: stack overflow, an illegal instruction.
    Trapped(String),
}

/// What a command left. Outputs are equal when the command did the same, however long it took.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether output was dropped because of [`Limits::output`].
    pub truncated: bool,
    /// What the test runner reported beside its output, when tests ran and the sandbox has such a
    /// channel. This, not the text, says which tests passed.
    pub report: Option<TestReport>,
    /// What it used of [`Limits::cpu`], where the sandbox measures that.
    pub cpu: Option<Duration>,
}

impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        let Self { exit, stdout, stderr, truncated, report, cpu: _ } = self;
        *exit == other.exit
            && *stdout == other.stdout
            && *stderr == other.stderr
            && *truncated == other.truncated
            && *report == other.report
    }
}

impl Eq for Output {}

impl Output {
    /// What a command left that ended in this way and printed nothing.
    ///
    /// ```
    /// use ssr_core::{Exit, Output};
    ///
    /// let output = Output::new(Exit::Code(0)).with_stdout("4 passed\n");
    /// assert!(output.success() && output.log() == b"4 passed\n");
    /// ```
    pub fn new(exit: Exit) -> Self {
        let (stdout, stderr) = (Vec::new(), Vec::new());
        Self { exit, stdout, stderr, truncated: false, report: None, cpu: None }
    }

    /// Sets standard output.
    #[must_use]
    pub fn with_stdout(mut self, stdout: impl Into<Vec<u8>>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Sets standard error.
    #[must_use]
    pub fn with_stderr(mut self, stderr: impl Into<Vec<u8>>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// Sets whether output was dropped.
    #[must_use]
    pub fn with_truncated(mut self, truncated: bool) -> Self {
        self.truncated = truncated;
        self
    }

    /// Sets what the test runner reported.
    #[must_use]
    pub fn with_report(mut self, report: impl Into<Option<TestReport>>) -> Self {
        self.report = report.into();
        self
    }

    /// Sets what it used of [`Limits::cpu`].
    #[must_use]
    pub fn with_cpu(mut self, cpu: impl Into<Option<Duration>>) -> Self {
        self.cpu = cpu.into();
        self
    }

    /// Whether the command ended with exit code 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard output followed by standard error: the log of a command.
    pub fn log(&self) -> Vec<u8> {
        [self.stdout.as_slice(), self.stderr.as_slice()].concat()
    }

    /// Standard output as text, with replacement characters where it is not UTF-8.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text, with replacement characters where it is not UTF-8.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_make_outputs_differ() {
        let output = || Output::new(Exit::Code(0)).with_stdout("x");
        assert_eq!(output().with_cpu(Duration::from_secs(1)), output());
        assert_ne!(output().with_truncated(true), output());
    }
}
