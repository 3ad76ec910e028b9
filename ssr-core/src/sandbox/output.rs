//! What a command left.

use std::borrow::Cow;

#[cfg(doc)]
use super::Limits;
use crate::TestReport;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// It ran out of wall-clock time.
    Timeout,
    /// It ran out of memory.
    OutOfMemory,
    /// The machine that runs it stopped it: stack overflow, an illegal instruction.
    Trapped(String),
}

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

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
        Self { exit, stdout: Vec::new(), stderr: Vec::new(), truncated: false, report: None }
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
