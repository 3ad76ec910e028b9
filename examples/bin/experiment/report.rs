//! The results of the arms as a table and as JSON.

use std::fmt::Write;

use serde::Serialize;
use ssr_rl::{PairedGain, RepairRates, TaskScore};

use crate::arms::Arm;

/// The result of one arm with one seed; shares are percent.
#[derive(Debug, Clone, Serialize)]
pub struct ArmRow {
    pub name: &'static str,
    pub start: &'static str,
    pub seed: u64,
    pub held_out_bugs: usize,
    pub t1_before: f64,
    pub t1_after: f64,
    pub gain: f64,
    pub gain_low: f64,
    pub gain_high: f64,
    pub greedy_before: f64,
    pub greedy_after: f64,
    pub k4_before: f64,
    pub k4_after: f64,
    pub k16_before: f64,
    pub k16_after: f64,
    pub test_runs: u64,
    /// Of measuring and training, to a tenth. Verdicts that an earlier arm asked for cost nothing here.
    pub seconds: f64,
}

pub fn row(
    arm: Arm,
    seed: u64,
    pairs: &[(TaskScore, TaskScore)],
    test_runs: u64,
    seconds: f64,
) -> ArmRow {
    let (before, after): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let (before, after) = (RepairRates::of(&before), RepairRates::of(&after));
    let t1: Vec<_> = pairs.iter().map(|(before, after)| (before.t1, after.t1)).collect();
    let gain = PairedGain::of(&t1);
    let percent = |share: f64| (share * 1000.0).round() / 10.0;
    ArmRow {
        name: arm.name(),
        start: arm.start_name(),
        seed,
        held_out_bugs: before.bugs,
        t1_before: percent(before.t1),
        t1_after: percent(after.t1),
        gain: percent(gain.mean),
        gain_low: percent(gain.low),
        gain_high: percent(gain.high),
        greedy_before: percent(before.greedy),
        greedy_after: percent(after.greedy),
        k4_before: percent(before.k4),
        k4_after: percent(after.k4),
        k16_before: percent(before.k16),
        k16_after: percent(after.k16),
        test_runs,
        seconds: (seconds * 10.0).round() / 10.0,
    }
}

const HEAD: &str = "arm               start    seed  bugs   T = 1 before → after (gain, 95 %)        \
                    greedy         K = 4          K = 16         test runs  seconds";

pub fn line(row: &ArmRow) -> String {
    let arrow = |before: f64, after: f64| format!("{before:.1} → {after:.1}");
    let gain = format!("({:+.1}, {:+.1} to {:+.1})", row.gain, row.gain_low, row.gain_high);
    format!(
        "{:<17} {:<8} {:>4} {:>5}   {:<13} {:<26} {:<14} {:<14} {:<14} {:>9} {:>8.1}",
        row.name,
        row.start,
        row.seed,
        row.held_out_bugs,
        arrow(row.t1_before, row.t1_after),
        gain,
        arrow(row.greedy_before, row.greedy_after),
        arrow(row.k4_before, row.k4_after),
        arrow(row.k16_before, row.k16_after),
        row.test_runs,
        row.seconds,
    )
}

pub fn table(rows: &[ArmRow]) -> String {
    let mut text = format!("{HEAD}\n");
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line(row));
    }
    text
}
