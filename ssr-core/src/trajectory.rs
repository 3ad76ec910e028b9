use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TokenSet;

/// The tokens of one answer with all that training needs to know of each. The four vectors have
/// the same length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
pub struct Turn {
    /// Tokens added to the context since the previous answer: the prompt, or an observation.
    pub context: Vec<u32>,
    /// The tokens of the answer.
    pub answer: TokenTrace,
    /// The answer as text.
    pub text: String,
}

/// All turns of one episode. The concatenation of contexts and answers is the exact token sequence
/// that the model saw: nothing is ever tokenised again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trajectory {
    /// The turns, first to last.
    pub turns: Vec<Turn>,
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

    /// How many tokens the model itself drew.
    pub fn sampled_tokens(&self) -> usize {
        let drawn = |turn: &Turn| turn.answer.loss_mask.iter().filter(|sampled| **sampled).count();
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

/// One finished attempt at a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
