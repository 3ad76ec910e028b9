//! Progress on standard error, and the table at the end of a run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ssr_rl::{Event, Progress, StepMetrics, Summary};

use crate::held_out::Comparison;

/// Shows on standard error what the run is doing: a line that moves on a terminal, a line a step
/// elsewhere.
pub struct Display {
    spinner: Option<ProgressBar>,
}

impl Display {
    pub fn new(terminal: bool) -> Self {
        let spinner = terminal.then(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(Duration::from_millis(120));
            let style = ProgressStyle::with_template("{spinner} {elapsed:>4}  {prefix}{msg}");
            if let Ok(style) = style {
                spinner.set_style(style);
            }
            spinner
        });
        Self { spinner }
    }

    /// What is going on outside of the steps.
    pub fn say(&self, what: &str) {
        match &self.spinner {
            Some(spinner) => spinner.set_message(what.to_owned()),
            None => eprintln!("{what}"),
        }
    }

    /// A line that stays.
    fn keep(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => spinner.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// What passes by within a step: shown where it can be overwritten.
    fn pass(&self, what: String) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(what);
        }
    }

    pub fn finish(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

impl Progress for Display {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Started { finished: 0, steps, .. } => self.keep(&format!("{steps} steps")),
            Event::Started { finished, steps, .. } => {
                self.keep(&format!("{steps} steps, {finished} of them finished before"));
            }
            Event::Warning(what) => self.keep(&format!("warning: {what}")),
            Event::StepStarted { step, .. } => {
                if let Some(spinner) = &self.spinner {
                    spinner.set_prefix(format!("step {step}: "));
                }
            }
            Event::Proposing { proposals, .. } => self.pass(format!("{proposals} proposals")),
            Event::Checking { bugs, .. } => self.pass(format!("checking {bugs} different bugs")),
            Event::Checked { proposal, rejection: None, .. } => {
                self.keep(&format!("  bug    {proposal}"))
            }
            Event::Checked { proposal, rejection: Some(rejected), .. } => {
                self.keep(&format!("  no bug {proposal}\n         {rejected}"));
            }
            Event::Attempting { bugs, attempts, order, .. } => {
                self.pass(format!("{attempts} repairs of {bugs} bugs of order {order}"));
            }
            Event::Judging { repairs, .. } => {
                self.pass(format!("judging {repairs} different repairs"))
            }
            Event::Judged { solved: true, reason, .. } => self.keep(&format!("  solved {reason}")),
            Event::Judged { solved: false, reason, .. } => {
                self.pass(format!("not solved: {reason}"))
            }
            Event::Learning { episodes, .. } => {
                self.pass(format!("learning from {episodes} episodes"))
            }
            Event::StepFinished(metrics) => self.keep(&line(metrics)),
            Event::Finished(_) => {
                if let Some(spinner) = &self.spinner {
                    spinner.set_prefix("");
                }
            }
            _ => {}
        }
    }
}

fn line(step: &StepMetrics) -> String {
    format!(
        "step {}: {} of {} bugs valid, {} of {} repairs hold{}, rewards {} / {}, {} test runs, {} \
         tokens, {:.0} s",
        step.step,
        step.bugs_valid,
        step.bugs_proposed,
        step.solved,
        step.attempts,
        oracle(&step.solver),
        mean(step.mean_reward_injector),
        mean(step.mean_reward_solver),
        step.test_cycles,
        step.tokens_generated,
        step.seconds,
    )
}

fn oracle(solver: &str) -> &'static str {
    if solver == "oracle" { " (by the oracle)" } else { "" }
}

fn mean(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:+.3}"))
}

/// The summary for people.
pub fn table(summary: &Summary) -> String {
    let rejected: u64 = summary.rejections.values().sum();
    let rows = [
        ("package", summary.package.clone()),
        ("seed", summary.seed.to_string()),
        ("solver", summary.solver.clone()),
        ("steps", format!("{} ({} weight updates)", summary.steps, summary.updates)),
        (
            "bugs",
            format!(
                "{} proposed, {} valid, {rejected} rejected{}",
                summary.bugs_proposed,
                summary.bugs_valid,
                reasons(&summary.rejections)
            ),
        ),
        (
            "repairs",
            format!(
                "{} attempted, {} solved{}",
                summary.attempts,
                summary.solved,
                summary
                    .solve_rate
                    .map_or(String::new(), |rate| format!(" ({:.1} %)", rate * 100.0))
            ),
        ),
        (
            "second order",
            format!(
                "{} attempted, {} solved",
                summary.higher_order_attempts, summary.higher_order_solved
            ),
        ),
        ("mean reward injector", mean(summary.mean_reward_injector)),
        ("mean reward solver", mean(summary.mean_reward_solver)),
        (
            "test runs",
            format!("{} ({:.1} a second)", summary.test_cycles, summary.test_cycles_per_second),
        ),
        ("tokens generated", summary.tokens_generated.to_string()),
        ("seconds", format!("{:.0}", summary.seconds)),
        ("run folder", summary.run_dir.clone()),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<22}{value}");
    }
    if summary.dropped_episodes > 0 {
        let _ = writeln!(text, "{:<22}{}", "dropped episodes", summary.dropped_episodes);
    }
    text
}

/// How the policy repairs bugs of a package that it did not learn from, before and after.
pub fn comparison(held_out: &Comparison) -> String {
    let Comparison { package, before, after, gain } = held_out;
    let percent = |share: f64| 100.0 * share;
    let arrow = |name: &str, before: f64, after: f64| {
        format!("{name} {:.1} → {:.1} %", percent(before), percent(after))
    };
    let rows = [
        ("held out", format!("{package}, {} bugs, start → end", before.bugs)),
        (
            "",
            format!(
                "{} ({:+.1}, 95 %: {:+.1} to {:+.1})",
                arrow("T = 1", before.t1, after.t1),
                percent(gain.mean),
                percent(gain.low),
                percent(gain.high)
            ),
        ),
        (
            "",
            [
                arrow("greedy", before.greedy, after.greedy),
                arrow("4 tries", before.k4, after.k4),
                arrow("16 tries", before.k16, after.k16),
            ]
            .join(", "),
        ),
    ];
    rows.iter().map(|(name, value)| format!("{name:<22}{value}\n")).collect()
}

fn reasons(rejections: &BTreeMap<String, u64>) -> String {
    if rejections.is_empty() {
        return String::new();
    }
    let reasons: Vec<_> = rejections.iter().map(|(check, n)| format!("{check} {n}")).collect();
    format!(" ({})", reasons.join(", "))
}
