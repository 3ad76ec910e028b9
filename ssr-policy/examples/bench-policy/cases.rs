//! The cases of the bench and how their results become rows.

use crate::Result;
use crate::bench::{Row, median};
use crate::shape::Shape;
use crate::worker::Worker;

/// All that is measured for a shape.
pub struct Engines {
    pub device: String,
    pub shape: Shape,
    pub batches: Vec<usize>,
    pub rounds: usize,
    /// Kinds of cases; empty for all.
    pub only: Vec<String>,
    /// Bytes a second.
    pub bandwidth: Option<f64>,
    pub ours: Worker,
    /// Ours with smaller weights: `Q8_0` on the CPU, bfloat16 on a GPU.
    pub small: Worker,
    pub torch: Option<Worker>,
    pub torch_bf16: Option<Worker>,
    pub llama: Option<Worker>,
    pub llama_q8: Option<Worker>,
}

/// A question, what it is called, and how many tokens its seconds are for.
struct Case {
    name: String,
    question: String,
    tokens: f64,
    /// Sequences that a step serves, if steps are what is measured.
    sequences: Option<usize>,
}

impl Engines {
    pub fn rows(&mut self) -> Result<Vec<Row>> {
        let shape = self.shape.name();
        let steps = if self.device == "cpu" { self.shape.answer() } else { 64 };
        let on = if self.device == "cpu" { String::new() } else { format!(" {}", self.device) };
        let mut cases = vec![Case {
            name: format!("{shape} prefill 256{on}"),
            question: "prefill 256".to_owned(),
            tokens: 256.0,
            sequences: None,
        }];
        cases.extend(self.batches.iter().map(|&sequences| Case {
            name: format!("{shape} decode batch {sequences}{on}"),
            question: format!("decode {sequences} 256 {steps}"),
            tokens: (sequences * steps) as f64,
            sequences: Some(sequences),
        }));
        cases.push(Case {
            name: format!("{shape} 8 answers, shared prompt 1000{on}"),
            question: format!("shared 8 1000 {steps}"),
            tokens: (8 * steps) as f64,
            sequences: None,
        });
        if !self.only.is_empty() {
            cases.retain(|case| self.only.iter().any(|kind| case.question.starts_with(kind)));
        }
        let mut rows = Vec::new();
        for case in &cases {
            let new = self.measure(case)?;
            // A run that is cut short has shown something.
            for Row { name, ours, theirs, peer, .. } in &new {
                eprintln!("{name}: {ours:.1}, {peer} {theirs:.1}");
            }
            rows.extend(new);
        }
        rows.extend(self.memory(shape)?);
        Ok(rows)
    }

    fn measure(&mut self, case: &Case) -> Result<Vec<Row>> {
        let small = if self.device == "cpu" { "Q8_0" } else { "bf16" };
        let groups = [
            ("f32", &mut self.ours, &mut self.torch, &mut self.llama),
            (small, &mut self.small, &mut self.torch_bf16, &mut self.llama_q8),
        ];
        let mut rows = Vec::new();
        for (precision, ours, torch, llama) in groups {
            let peers = [("PyTorch", torch), ("llama.cpp", llama)].into_iter();
            let mut peers: Vec<(&'static str, &mut Worker)> =
                peers.filter_map(|(name, peer)| Some((name, peer.as_mut()?))).collect();
            if peers.is_empty() {
                continue;
            }
            let mut ours_best = Vec::new();
            let mut theirs: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
            for _ in 0..self.rounds {
                ours_best.push(case.tokens / ours.ask(&case.question)?);
                for ((_, peer), figures) in peers.iter_mut().zip(&mut theirs) {
                    figures.push(case.tokens / peer.ask(&case.question)?);
                }
            }
            let ours = median(ours_best);
            let bytes = self.shape.bytes() * if precision == "Q8_0" { 34.0 / 128.0 } else { 1.0 };
            let limit = case
                .sequences
                .zip(self.bandwidth)
                .map(|(sequences, bandwidth)| sequences as f64 * bandwidth / bytes);
            for ((peer, _), theirs) in peers.iter().zip(theirs) {
                let name = format!("{} {precision}", case.name);
                let row = Row::more(&name, "tokens/s", ours, peer, median(theirs));
                rows.push(Row { limit, ..row });
            }
            if let (Some(1), Some(limit)) = (case.sequences, limit) {
                let name = format!("{} {precision}, of bandwidth", case.name);
                rows.push(Row::more(&name, "%", 100.0 * ours / limit, "streaming read", 100.0));
            }
        }
        Ok(rows)
    }

    fn memory(&self, shape: &str) -> Result<Vec<Row>> {
        let ours = self.ours.peak_memory()?;
        let peers = [("PyTorch", &self.torch), ("llama.cpp", &self.llama)];
        let mut rows = Vec::new();
        for (name, peer) in peers {
            if let (Some(peer), "cpu") = (peer, self.device.as_str()) {
                let what = format!("{shape} peak memory f32");
                rows.push(Row::less(&what, "MB", ours, name, peer.peak_memory()?));
            }
        }
        Ok(rows)
    }
}
