//! An engine in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

/// An engine in a process of its own that answers questions, a line each, with seconds.
pub struct Worker {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    name: String,
}

impl Worker {
    /// Starts a program whose complaints go to a file.
    pub fn start(program: &Path, args: &[&str], log: &Path) -> Result<Self> {
        let name = format!("{} {}", program.display(), args.join(" "));
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log)?)
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let questions = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let name = format!("{name} (see {})", log.display());
        let mut worker = Self { child, questions, answers, name };
        worker.ask("ready")?;
        Ok(worker)
    }

    /// Asks a question and waits for the seconds that it took.
    pub fn ask(&mut self, question: &str) -> Result<f64> {
        writeln!(self.questions, "{question}")?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(format!("{} ended at {question:?}", self.name).into());
            }
            // Libraries print what they like.
            if let Some(seconds) = line.trim().strip_prefix("seconds ") {
                return Ok(seconds.parse()?);
            }
        }
    }

    /// The most memory that it has held, in MB.
    pub fn peak_memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kilobytes.ok_or("no VmHWM")?.parse::<f64>()? / 1000.0)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing is left to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
