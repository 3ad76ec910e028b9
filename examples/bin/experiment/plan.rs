//! What is trained on and what is held out: `examples/experiment.toml` and the command line.

use serde::Deserialize;
use ssr_examples::{Failure, Result};

use crate::Args;

/// Both sizes of the experiment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    quick: Scale,
    full: Scale,
}

/// One size of the experiment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Packages that are trained on.
    pub train: Vec<String>,
    /// Packages that policies are compared by.
    pub held_out: Vec<String>,
    /// More of these, from after the pretrained model's data.
    pub late: Vec<String>,
    /// Bugs of each package.
    pub train_bugs: usize,
    pub held_out_bugs: usize,
    /// Updates of the weights.
    pub updates: u64,
}

impl Plan {
    pub fn scale(args: &Args) -> Result<Scale> {
        let text = include_str!("../../experiment.toml");
        let plan: Self = toml::from_str(text)
            .map_err(|error| Failure::input(format!("experiment.toml: {error}")))?;
        let mut scale = if args.quick { plan.quick } else { plan.full };
        if !args.train.is_empty() {
            scale.train = args.train.clone();
        }
        if !args.held_out.is_empty() {
            (scale.held_out, scale.late) = (args.held_out.clone(), Vec::new());
        }
        scale.updates = args.updates.unwrap_or(scale.updates);
        scale.train_bugs = args.train_bugs.unwrap_or(scale.train_bugs);
        scale.held_out_bugs = args.held_out_bugs.unwrap_or(scale.held_out_bugs);
        Ok(scale)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_package_is_trained_on_and_held_out() {
        let plan: Plan = toml::from_str(include_str!("../../experiment.toml")).unwrap();
        for scale in [plan.quick, plan.full] {
            let all = [scale.train, scale.held_out, scale.late].concat();
            let names: BTreeSet<_> = all.iter().map(|label| label.split("==").next()).collect();
            assert_eq!(names.len(), all.len());
            assert!(all.iter().all(|label| label.contains("==")));
        }
    }
}
