//! What is kept of the output of a program.

use bollard::container::LogOutput;
use ssr_core::{Exit, Output, TestReport};

/// The output of a program, up to a number of bytes for each stream.
pub(super) struct Capture {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) truncated: bool,
    limit: usize,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self { stdout: Vec::new(), stderr: Vec::new(), truncated: false, limit }
    }

    pub(super) fn take(&mut self, piece: LogOutput) {
        let (stream, piece) = match piece {
            LogOutput::StdErr { message } => (&mut self.stderr, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                (&mut self.stdout, message)
            }
            LogOutput::StdIn { .. } => return,
        };
        let kept = piece.len().min(self.limit - stream.len());
        stream.extend_from_slice(&piece[..kept]);
        self.truncated |= kept < piece.len();
    }

    pub(super) fn into_output(self, exit: Exit, report: Option<TestReport>) -> Output {
        let Self { stdout, stderr, truncated, .. } = self;
        Output::new(exit)
            .with_stdout(stdout)
            .with_stderr(stderr)
            .with_truncated(truncated)
            .with_report(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_keeps_its_first_bytes() {
        let mut capture = Capture::new(3);
        capture.take(LogOutput::StdOut { message: "ab".into() });
        capture.take(LogOutput::StdErr { message: "xyz".into() });
        assert!(!capture.truncated);
        capture.take(LogOutput::StdOut { message: "cd".into() });
        capture.take(LogOutput::StdOut { message: "e".into() });
        assert_eq!((&*capture.stdout, &*capture.stderr), (&b"abc"[..], &b"xyz"[..]));
        assert!(capture.truncated);
    }
}
