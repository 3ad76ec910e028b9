//! The quality of mutants: whether they compile, differ from each other, and change the text.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Result;
use crate::ours::Code;

/// The bytes that go and what comes instead: the smallest such edit.
pub type Edit = (usize, usize, String);

/// How many mutants are compiled, evenly spread.
const COMPILED: usize = 3000;

/// The smallest edit from one text to the other.
pub fn smallest(before: &str, after: &str) -> Edit {
    let (old, new) = (before.as_bytes(), after.as_bytes());
    let most = old.len().min(new.len());
    let mut start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    while !before.is_char_boundary(start) || !after.is_char_boundary(start) {
        start -= 1;
    }
    let same = |(a, b): &(&u8, &u8)| a == b;
    let mut end =
        old.iter().rev().zip(new.iter().rev()).take(most - start).take_while(same).count();
    while !before.is_char_boundary(old.len() - end) || !after.is_char_boundary(new.len() - end) {
        end -= 1;
    }
    (start, old.len() - end, after[start..new.len() - end].to_owned())
}

/// How many of the mutants are good in which way.
#[derive(Default)]
pub struct Quality {
    pub mutants: usize,
    pub distinct: usize,
    pub changing: usize,
    pub compiled: usize,
    pub rejected: usize,
}

impl Quality {
    /// Shares in percent.
    pub fn shares(&self) -> [(&'static str, f64); 3] {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        [
            ("CPython compiles", percent(self.compiled - self.rejected, self.compiled)),
            ("unlike each other", percent(self.distinct, self.mutants)),
            ("change anything", percent(self.changing, self.mutants)),
        ]
    }

    /// Lets CPython compile some of the mutants, given for each file in turn.
    pub fn compile(mut self, code: &Code, mutants: &[Vec<Edit>]) -> Result<Self> {
        let all: usize = mutants.iter().map(Vec::len).sum();
        let step = all.div_ceil(COMPILED).max(1);
        (self.compiled, self.rejected) = compile(code, mutants, step)?;
        Ok(self)
    }
}

/// How many were tried and how many of them CPython rejects.
fn compile(code: &Code, mutants: &[Vec<Edit>], step: usize) -> Result<(usize, usize)> {
    let started = Command::new("python3")
        .args(["-I", "-c", include_str!("../../tests/corpus/compile.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut python = started.map_err(|error| format!("python3 cannot be started: {error}"))?;
    let (Some(mut stdin), Some(stdout)) = (python.stdin.take(), python.stdout.take()) else {
        return Err("python3 has no pipes".to_owned());
    };
    let mut answers = BufReader::new(stdout).lines();
    let (mut tried, mut rejected) = (0, 0);
    for ((_, text), edits) in code.files.iter().zip(mutants) {
        let edits: Vec<_> = edits.iter().step_by(step).collect();
        writeln!(stdin, "{}", json!({ "text": text, "edits": edits }))
            .map_err(|error| format!("python3 ended: {error}"))?;
        let answer = answers.next().ok_or("python3 ended")?.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if answer["compiles"] == true {
            tried += edits.len();
            rejected += answer["rejected"].as_array().map_or(0, Vec::len);
        }
    }
    drop(stdin);
    python.wait().map_err(|error| error.to_string())?;
    Ok((tried, rejected))
}
