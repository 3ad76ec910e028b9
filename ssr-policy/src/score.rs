//! Log-probabilities with gradients for chosen tokens.

use candle_core::Tensor;
use ssr_core::TokenSet;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::ops::Scored;
use crate::packed::{Packed, Place};

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
    /// and none sees another. A prefix that consecutive sequences share, such as the prompt of a group,
    /// is computed once; the values keep their bits, and gradients are those without sharing but for
    /// the order of their sums. Logits are computed for the targets only and in chunks.
    ///
    /// # Errors
    /// When there is no target, a token lies outside the vocabulary, a sequence exceeds the context
    /// window, a position is 0 or beyond its sequence, or a target is not among its allowed tokens.
    pub fn score(&self, sequences: &[ScoredSequence<'_>]) -> Result<Scores> {
        let (mut rows, mut scored) = (Vec::new(), Vec::new());
        let mut batch = Packed::default();
        let mut whole: Option<(&[u32], Place)> = None;
        for ScoredSequence { tokens, targets } in sequences {
            check_tokens(self.config(), tokens)?;
            let shared = whole.map(|(known, place)| (shared_prefix(known, tokens), place));
            let place = match shared {
                Some((shared, of)) if shared >= SHARED_AT_LEAST => {
                    batch.branch(of, shared, &tokens[shared..])
                }
                _ => {
                    let place = batch.push(tokens);
                    whole = Some((tokens, place));
                    place
                }
            };
            for target in targets {
                scored.push(target.resolve(self.config(), tokens)?);
                rows.push(place.row(target.position - 1));
            }
        }
        if scored.is_empty() {
            return Err(Error::input("there is no token to score"));
        }
        let (logprobs, entropies) = self.token_logprobs(&batch, rows, scored)?;
        Ok(Scores { logprobs, entropies })
    }
}

/// The least number of tokens that is worth sharing.
const SHARED_AT_LEAST: usize = 16;

/// How many tokens two sequences begin with alike.
fn shared_prefix(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
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
