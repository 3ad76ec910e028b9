//! Log-probabilities with gradients for chosen tokens.

use candle_core::Tensor;
use ssr_core::TokenSet;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::ops::Scored;

/// A token sequence and those of its tokens whose log-probabilities are wanted.
#[derive(Debug, Clone)]
pub struct ScoredSequence<'a> {
    /// The whole sequence: prompt and completion.
    pub tokens: &'a [u32],
    /// The tokens to score.
    pub targets: Vec<Target<'a>>,
}

/// One token to score: `tokens[position]`, given `tokens[..position]`.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Position in the sequence; at least 1.
    pub position: usize,
    /// The tokens that it competed with, as recorded in `TokenTrace::allowed`; `None` for the whole
    /// vocabulary.
    pub allowed: Option<&'a TokenSet>,
}

/// What [`Model::score`] returns, one entry per target in the order (sequence, target).
#[derive(Debug)]
#[non_exhaustive]
pub struct Scores {
    /// Natural-log probabilities, shape `(N)`, differentiable with respect to every variable.
    pub logprobs: Tensor,
    /// Entropies of the distributions, in nats, without gradients.
    pub entropies: Vec<f32>,
}

impl Model {
    /// Log-probabilities of chosen tokens of several sequences: what `TokenTrace::model_logprobs`
    /// holds, bit for bit, but with gradients.
    ///
    /// The sequences are packed one after another, so that their lengths may differ without padding
    /// and none sees another. Logits are computed for the targets only and in chunks.
    ///
    /// # Errors
    /// When there is no target, a token lies outside the vocabulary, a sequence exceeds the context
    /// window, a position is 0 or beyond its sequence, or a target is not among its allowed tokens.
    pub fn score(&self, sequences: &[ScoredSequence<'_>]) -> Result<Scores> {
        let mut rows = Vec::new();
        let mut scored = Vec::new();
        let mut first = 0;
        for sequence in sequences {
            check_tokens(self.config(), sequence.tokens)?;
            for target in &sequence.targets {
                scored.push(target.resolve(self.config(), sequence.tokens)?);
                rows.push((first + target.position - 1) as u32);
            }
            first += sequence.tokens.len();
        }
        if scored.is_empty() {
            return Err(Error::input("there is no token to score"));
        }
        let tokens: Vec<&[u32]> = sequences.iter().map(|sequence| sequence.tokens).collect();
        let (logprobs, entropies) = self.token_logprobs(&tokens, rows, scored)?;
        Ok(Scores { logprobs, entropies })
    }
}

impl Target<'_> {
    fn resolve(&self, config: &ModelConfig, tokens: &[u32]) -> Result<Scored> {
        let position = self.position;
        if position == 0 || position >= tokens.len() {
            let problem =
                format!("position {position} cannot be scored in {} tokens", tokens.len());
            return Err(Error::input(problem));
        }
        let token = tokens[position];
        if let Some(allowed) = self.allowed {
            if !allowed.contains(token) {
                let problem =
                    format!("token {token} at {position} is not among its allowed tokens");
                return Err(Error::input(problem));
            }
            check_ids(config, &Vec::from_iter(allowed.max()))?;
        }
        Ok(Scored { token, allowed: self.allowed.cloned() })
    }
}

/// Refuses sequences that the model cannot take.
pub(crate) fn check_tokens(config: &ModelConfig, tokens: &[u32]) -> Result<()> {
    let window = config.max_position_embeddings;
    if tokens.is_empty() || tokens.len() > window {
        let problem = format!("a sequence of {} tokens; it must have 1..={window}", tokens.len());
        return Err(Error::input(problem));
    }
    check_ids(config, tokens)
}

pub(crate) fn check_ids(config: &ModelConfig, tokens: &[u32]) -> Result<()> {
    match tokens.iter().find(|&&token| token as usize >= config.vocab_size) {
        Some(token) => {
            let problem = format!("token {token} with a vocabulary of {}", config.vocab_size);
            Err(Error::input(problem))
        }
        None => Ok(()),
    }
}
