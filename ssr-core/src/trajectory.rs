//! What is kept of episodes: tokens, turns, rewards.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Completion, RankedDraw, TokenSet};

/// The tokens of one answer with all that training needs to know of each. The four vectors have
/// the same length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenTrace {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Natural-log probability of each token under the distribution it was drawn from: after
    /// temperature, truncation and the restriction of a choice or grammar. 0 for tokens that were not drawn.
    pub logprobs: Vec<f32>,
    /// The same under the model itself: temperature 1, no truncation, but restricted to the allowed
    /// tokens of a choice or grammar. This is what the trainer recomputes.
    pub model_logprobs: Vec<f32>,
    /// The loss mask: whether the token was drawn by the model.
    pub loss_mask: Vec<bool>,
    /// The weight version that drew each token.
    pub versions: Vec<u64>,
    /// The tokens among which the model could choose, where it was restricted, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed: BTreeMap<usize, TokenSet>,
}

impl TokenTrace {
    /// Tokens that the model drew one after the other without restrictions, all by the weights of
    /// `version`, with `logprobs` under the sampler and under the model alike.
    ///
    /// ```
    /// use ssr_core::TokenTrace;
    ///
    /// let trace = TokenTrace::drawn(vec![7, 8], vec![-0.5, -0.1], 3);
    /// assert_eq!((trace.loss_mask, trace.versions), (vec![true; 2], vec![3; 2]));
    /// ```
    pub fn drawn(ids: Vec<u32>, logprobs: Vec<f32>, version: u64) -> Self {
        let tokens = ids.len();
        Self {
            ids,
            model_logprobs: logprobs.clone(),
            logprobs,
            loss_mask: vec![true; tokens],
            versions: vec![version; tokens],
            allowed: BTreeMap::new(),
        }
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// One answer of the policy and the tokens that it was given before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Turn {
    /// Tokens added to the context since the previous answer: the prompt, or an observation.
    pub context: Vec<u32>,
    /// The tokens of the answer.
    pub answer: TokenTrace,
    /// The answer as text.
    pub text: String,
    /// The edit that was drawn, where the answer was one; it has no tokens then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranked: Option<RankedDraw>,
}

impl Turn {
    /// An answer after some context. [`Turn::from`] takes both from a first [`Completion`].
    pub fn new(context: Vec<u32>, answer: TokenTrace, text: impl Into<String>) -> Self {
        Self { context, answer, text: text.into(), ranked: None }
    }
}

/// The first turn of an episode: its context is the whole prompt. Without a trace it has no tokens.
impl From<Completion> for Turn {
    fn from(completion: Completion) -> Self {
        let text = completion.text();
        let turn = Self::new(completion.prompt, completion.trace.unwrap_or_default(), text);
        Self { ranked: completion.ranked, ..turn }
    }
}

/// All turns of one episode. The concatenation of contexts and answers is the exact token sequence
/// that the model saw: nothing is ever tokenised again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trajectory {
    /// The turns, first to last.
    pub turns: Vec<Turn>,
}

impl FromIterator<Turn> for Trajectory {
    fn from_iter<I: IntoIterator<Item = Turn>>(turns: I) -> Self {
        Self { turns: turns.into_iter().collect() }
    }
}

impl Trajectory {
    /// The number of tokens of contexts and answers together.
    pub fn len(&self) -> usize {
        self.turns.iter().map(|turn| turn.context.len() + turn.answer.len()).sum()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tokens the model itself drew; a ranked edit counts as one.
    pub fn sampled_tokens(&self) -> usize {
        let tokens = |turn: &Turn| turn.answer.loss_mask.iter().filter(|drawn| **drawn).count();
        let drawn = |turn: &Turn| tokens(turn) + usize::from(turn.ranked.is_some());
        self.turns.iter().map(drawn).sum()
    }
}

/// The two roles that one model plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Breaks a repository.
    Injector,
    /// Repairs it.
    Solver,
}

impl Role {
    /// The name in files and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Injector => "injector",
            Self::Solver => "solver",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a bug is made (paper §2.3; `Operators` is ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Strategy {
    /// The model writes the bug.
    Direct,
    /// The model removes code.
    Removal,
    /// The model reverts parts of the history.
    History,
    /// The model chooses among the sites of bug operators.
    Operators,
}

impl Strategy {
    /// The name in files and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Removal => "removal",
            Self::History => "history",
            Self::Operators => "operators",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One finished attempt at a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Episode {
    /// The role that was played.
    pub role: Role,
    /// The step of the run in which it was played.
    pub step: u64,
    /// Episodes with the same prompt share a group: rewards are compared within it.
    pub group: String,
    /// The position within the group.
    pub index: usize,
    /// What was said.
    pub trajectory: Trajectory,
    /// The reward.
    pub reward: f64,
    /// Why the reward is what it is, in one line.
    pub verdict: String,
    /// The bug that was proposed or attempted, by the hash of its artifact.
    pub bug: Option<String>,
}

impl Episode {
    /// The `index`-th episode of `group`, played by `role` in `step`, without a reward yet.
    ///
    /// ```
    /// use ssr_core::{Episode, Role, TokenTrace, Turn};
    ///
    /// let turn = Turn::new(vec![1, 2], TokenTrace::drawn(vec![3], vec![-0.7], 0), "heads");
    /// let episode = Episode::new(Role::Solver, 1, "coin", 0)
    ///     .with_trajectory([turn].into_iter().collect())
    ///     .with_reward(1.0, "it was heads");
    /// assert_eq!((episode.reward, episode.trajectory.len()), (1.0, 3));
    /// ```
    pub fn new(role: Role, step: u64, group: impl Into<String>, index: usize) -> Self {
        Self {
            role,
            step,
            group: group.into(),
            index,
            trajectory: Trajectory::default(),
            reward: 0.0,
            verdict: String::new(),
            bug: None,
        }
    }

    /// Sets what was said.
    #[must_use]
    pub fn with_trajectory(mut self, trajectory: Trajectory) -> Self {
        self.trajectory = trajectory;
        self
    }

    /// Sets the reward and why it is what it is.
    #[must_use]
    pub fn with_reward(mut self, reward: f64, verdict: impl Into<String>) -> Self {
        (self.reward, self.verdict) = (reward, verdict.into());
        self
    }

    /// Sets the bug, by the hash of its artifact.
    #[must_use]
    pub fn with_bug(mut self, bug: impl Into<String>) -> Self {
        self.bug = Some(bug.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for role in [Role::Injector, Role::Solver] {
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("{:?}", role.to_string()));
        }
        for strategy in
            [Strategy::Direct, Strategy::Removal, Strategy::History, Strategy::Operators]
        {
            let name = format!("{:?}", strategy.to_string());
            assert_eq!(serde_json::to_string(&strategy).unwrap(), name);
        }
    }
}
