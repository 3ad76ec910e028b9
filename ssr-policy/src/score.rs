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
                Some((shared @ 1.., of)) => batch.branch(of, shared, &tokens[shared..]),
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

/// How many of the first tokens of `tokens` [`Model::score`] does not read again after `whole`, the last
/// sequence that it has read whole: all that they begin with alike, from 16 on.
pub fn shared_prefix(whole: &[u32], tokens: &[u32]) -> usize {
    let shared = whole.iter().zip(tokens).take_while(|(a, b)| a == b).count();
    if shared < SHARED_AT_LEAST { 0 } else { shared }
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

#[cfg(test)]
mod tests {
    use ssr_core::Seed;

    use super::*;

    /// Answers to a prompt of 40 tokens, one of them twice, and a sequence of its own.
    fn group() -> Vec<Vec<u32>> {
        let prompt: Vec<u32> = (0..40).map(|at| at * 7 % 50).collect();
        let answer = |answer: &[u32]| [&prompt[..], answer].concat();
        vec![
            answer(&[1, 2, 3]),
            answer(&[1, 2, 9, 8, 7]),
            answer(&[4]),
            answer(&[4]),
            vec![3, 2, 1],
        ]
    }

    fn scored(tokens: &[u32]) -> ScoredSequence<'_> {
        let first = if tokens.len() > 40 { 40 } else { 1 };
        let targets = (first..tokens.len()).map(|position| Target { position, allowed: None });
        ScoredSequence { tokens, targets: targets.collect() }
    }

    #[test]
    fn a_shared_prompt_changes_no_bit_of_a_score_and_no_gradient() {
        for window in [None, Some(12)] {
            let config = ModelConfig { num_hidden_layers: 2, ..ModelConfig::tiny(50) };
            let model = Model::new(config.with_sliding_window(window), Seed::new(3)).unwrap();
            let sequences = group();
            let all: Vec<_> = sequences.iter().map(|tokens| scored(tokens)).collect();
            let shared = model.score(&all).unwrap();
            let shared_grads = shared.logprobs.sum_all().unwrap().backward().unwrap();
            let values: Vec<f32> = shared.logprobs.to_vec1().unwrap();
            let mut alone = Vec::new();
            let mut expected: Vec<Option<Tensor>> = vec![None; model.vars().len()];
            for one in &all {
                let scores = model.score(std::slice::from_ref(one)).unwrap();
                let grads = scores.logprobs.sum_all().unwrap().backward().unwrap();
                alone.extend(scores.logprobs.to_vec1::<f32>().unwrap());
                for (sum, (_, var)) in expected.iter_mut().zip(model.vars()) {
                    let grad = grads.get(var).unwrap();
                    *sum = Some(match sum.take() {
                        Some(sum) => (sum + grad).unwrap(),
                        None => grad.clone(),
                    });
                }
            }
            assert_eq!(values, alone);
            for (expected, (name, var)) in expected.into_iter().zip(model.vars()) {
                let (ours, expected) = (shared_grads.get(var).unwrap(), expected.unwrap());
                let largest =
                    |t: &Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                let gap = largest(&(ours - &expected).unwrap());
                assert!(gap <= 1e-6 * largest(&expected).max(1.0), "{name}: {gap}");
            }
        }
    }
}
