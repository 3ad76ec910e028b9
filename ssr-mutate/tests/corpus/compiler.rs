//! CPython's compiler as the oracle for syntax.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use ssr_mutate::Site;

/// A Python process that compiles mutants; see `compile.py` for the protocol.
pub struct Compiler {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Compiler {
    pub fn exists() -> bool {
        Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success())
    }

    pub fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-I", "-c", include_str!("compile.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self { process, stdin, stdout }
    }

    /// The positions of the sites of one file whose mutants do not compile, each with the reason.
    /// None in a file that does not compile as it is.
    pub fn rejects(&mut self, text: &str, sites: &[&Site]) -> Vec<(usize, String)> {
        let edits: Vec<_> = sites
            .iter()
            .map(|site| json!([site.range().start, site.range().end, site.replacement()]))
            .collect();
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", json!({ "text": text, "edits": edits })).unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        let rejected = answer["rejected"].as_array().unwrap().iter();
        let each = |pair: &Value| {
            let index = usize::try_from(pair[0].as_u64().unwrap()).unwrap();
            (index, pair[1].as_str().unwrap().to_owned())
        };
        rejected.map(each).collect()
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        // Without input it ends.
        self.stdin = None;
        let _ = self.process.wait();
    }
}
