//! Rankings of edits, with gradients.

use std::collections::BTreeMap;

use candle_core::Tensor;
use ssr_core::TokenEdit;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::ops::linear;
use crate::score::{check_ids, check_tokens};

/// A token sequence and edits of it, among which a choice is made.
#[derive(Debug, Clone, Copy)]
pub struct RankedSequence<'a> {
    /// The unedited sequence.
    pub tokens: &'a [u32],
    /// The edits.
    pub edits: &'a [TokenEdit],
}

/// What [`Model::rank`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ranks {
    /// Natural-log probability of every edit among those of its sequence, shape `(N)`, in the order
    /// (sequence, edit); differentiable with respect to every variable.
    pub logprobs: Tensor,
    /// The same as numbers.
    pub values: Vec<f32>,
    /// The entropy of each sequence's distribution, in nats.
    pub entropies: Vec<f32>,
}

/// What a token counts for the one before it.
const DECAY: f32 = 0.6;

impl Model {
    /// Ranks edits of several sequences, each in one forward pass of the unedited sequence:
    ///
    /// ```text
    /// score(c) = prior(c) + Σⱼ 0.6ʲ (logit(afterⱼ) − logit(beforeⱼ)),   P(c) = softmax over the scores
    /// ```
    ///
    /// where the logits are those after the last token that is common to both texts. The first term
    /// of the sum is log P(after₀ | prefix) − log P(before₀ | prefix) exactly.
    ///
    /// A sequence's ranks have the same bits whatever other sequences are ranked with it.
    ///
    /// # Errors
    /// When a sequence has no edit or exceeds the context window, a token lies outside the vocabulary,
    /// or an edit stands at position 0 or beyond its sequence.
    pub fn rank(&self, sequences: &[RankedSequence<'_>]) -> Result<Ranks> {
        if sequences.is_empty() {
            return Err(Error::input("there is no sequence to rank edits of"));
        }
        let places = sequences.iter().map(|sequence| self.places(sequence));
        let places: Vec<Vec<u32>> = places.collect::<Result<_>>()?;
        let tokens: Vec<&[u32]> = sequences.iter().map(|sequence| sequence.tokens).collect();
        let starts = tokens.iter().scan(0, |start, tokens| {
            let this = *start;
            *start += tokens.len() as u32;
            Some(this)
        });
        let rows =
            starts.zip(&places).flat_map(|(start, rows)| rows.iter().map(move |r| start + r));
        let hidden = self.hidden_rows(&tokens, rows.collect())?;
        let (mut parts, mut first) = (Vec::new(), 0);
        for (sequence, places) in sequences.iter().zip(&places) {
            let hidden = hidden.narrow(0, first, places.len())?;
            first += places.len();
            parts.push(log_softmax(&scores(&hidden, self.head(), sequence.edits, places)?)?);
        }
        let values = parts.iter().map(Tensor::to_vec1).collect::<Result<Vec<Vec<f32>>, _>>()?;
        let entropy = |part: &Vec<f32>| -> f32 {
            let sum: f64 = part.iter().map(|p| f64::from(*p).exp() * f64::from(*p)).sum();
            -sum as f32
        };
        let entropies = values.iter().map(entropy).collect();
        Ok(Ranks { logprobs: Tensor::cat(&parts, 0)?, values: values.concat(), entropies })
    }

    /// The different positions before an edit, ascending.
    fn places(&self, sequence: &RankedSequence<'_>) -> Result<Vec<u32>> {
        check_tokens(self.config(), sequence.tokens)?;
        if sequence.edits.is_empty() {
            return Err(Error::input("there is no edit to rank"));
        }
        let mut places = Vec::with_capacity(sequence.edits.len());
        for TokenEdit { position, before, after, .. } in sequence.edits {
            let length = sequence.tokens.len();
            if *position == 0 || *position > length {
                let problem = format!("an edit at {position} of a sequence of {length} tokens");
                return Err(Error::input(problem));
            }
            check_ids(self.config(), before)?;
            check_ids(self.config(), after)?;
            places.push((*position - 1) as u32);
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }
}

/// The scores of edits `(N)` from the hidden states `(P, hidden)` at their places.
fn scores(hidden: &Tensor, head: &Tensor, edits: &[TokenEdit], places: &[u32]) -> Result<Tensor> {
    let mut columns: BTreeMap<u32, usize> = BTreeMap::new();
    for token in edits.iter().flat_map(|edit| edit.before.iter().chain(&edit.after)) {
        columns.insert(*token, 0);
    }
    if columns.is_empty() {
        return Err(Error::input("an edit that neither takes a token away nor writes one"));
    }
    columns.values_mut().zip(0..).for_each(|(column, at)| *column = at);
    let pairs = |edit: &TokenEdit| edit.before.len() + edit.after.len();
    let width = edits.iter().map(pairs).max().unwrap_or(0);
    let mut at: Vec<u32> = Vec::with_capacity(edits.len() * width);
    let mut weights: Vec<f32> = Vec::with_capacity(edits.len() * width);
    for edit in edits {
        let row = places.partition_point(|place| (*place as usize) < edit.position - 1);
        for (tokens, sign) in [(&edit.after, 1.0), (&edit.before, -1.0)] {
            let mut weight = sign;
            for token in tokens {
                at.push((row * columns.len() + columns[token]) as u32);
                weights.push(weight);
                weight *= DECAY;
            }
        }
        let missing = width - pairs(edit);
        at.extend(std::iter::repeat_n(0, missing));
        weights.extend(std::iter::repeat_n(0.0, missing));
    }
    let device = hidden.device();
    let tokens = Tensor::new(columns.into_keys().collect::<Vec<_>>(), device)?;
    let logits = linear(hidden, &head.index_select(&tokens, 0)?, None)?.flatten_all()?;
    let chosen = logits.index_select(&Tensor::new(at, device)?, 0)?;
    let weighted = (chosen * Tensor::new(weights, device)?)?;
    let priors: Vec<f32> = edits.iter().map(|edit| edit.prior as f32 / 1000.0).collect();
    Ok((weighted.reshape((edits.len(), width))?.sum(1)? + Tensor::new(priors, device)?)?)
}

fn log_softmax(scores: &Tensor) -> Result<Tensor> {
    // A constant: it shifts all scores alike.
    let largest = scores.max(0)?.detach();
    let shifted = scores.broadcast_sub(&largest)?;
    let normaliser = shifted.exp()?.sum_all()?.log()?;
    Ok(shifted.broadcast_sub(&normaliser)?)
}

#[cfg(test)]
mod tests {
    use ssr_core::Seed;

    use super::*;
    use crate::config::ModelConfig;

    fn model() -> Model {
        let config = ModelConfig { num_hidden_layers: 2, ..ModelConfig::tiny(50) };
        Model::new(config, Seed::new(3)).unwrap()
    }

    fn edits() -> Vec<TokenEdit> {
        vec![
            TokenEdit::new(2, vec![7], vec![9]),
            TokenEdit::new(2, vec![7, 8], vec![10, 7, 8]),
            TokenEdit::new(5, vec![4, 3], vec![3]).with_prior(700),
        ]
    }

    const TOKENS: [u32; 6] = [1, 2, 7, 8, 5, 4];

    #[test]
    fn a_rank_is_the_softmax_of_differences_of_logits() {
        let (model, edits) = (model(), edits());
        let sequence = RankedSequence { tokens: &TOKENS, edits: &edits };
        let ranks = model.rank(&[sequence]).unwrap();
        let logits: Vec<Vec<f32>> = model.logits(&TOKENS).unwrap().to_vec2().unwrap();
        let score = |edit: &TokenEdit| -> f64 {
            let row = &logits[edit.position - 1];
            let sum = |tokens: &[u32]| -> f64 {
                let terms = tokens.iter().enumerate();
                terms.map(|(j, t)| 0.6f64.powi(j as i32) * f64::from(row[*t as usize])).sum()
            };
            f64::from(edit.prior) / 1000.0 + sum(&edit.after) - sum(&edit.before)
        };
        let scores: Vec<f64> = edits.iter().map(score).collect();
        let normaliser = scores.iter().map(|score| score.exp()).sum::<f64>().ln();
        for (ours, score) in ranks.values.iter().zip(&scores) {
            assert!((f64::from(*ours) - (score - normaliser)).abs() < 1e-5, "{ours}");
        }
        let mass: f32 = ranks.values.iter().map(|value| value.exp()).sum();
        assert!((mass - 1.0).abs() < 1e-6);
        assert!(ranks.entropies[0] > 0.0 && ranks.entropies[0] <= 3f32.ln());
    }

    #[test]
    fn a_sequence_is_ranked_alike_alone_and_among_others() {
        let (model, edits) = (model(), edits());
        let one = RankedSequence { tokens: &TOKENS, edits: &edits };
        let two = RankedSequence { tokens: &TOKENS[..4], edits: &edits[..2] };
        let alone = model.rank(&[one]).unwrap();
        let among = model.rank(&[two, one, two]).unwrap();
        assert_eq!(alone.values, among.values[2..5]);
        assert_eq!(alone.entropies[0], among.entropies[1]);
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (model, edits) = (model(), edits());
        let sequence = RankedSequence { tokens: &TOKENS, edits: &edits };
        let value = || model.rank(&[sequence]).unwrap().values[1];
        let ranks = model.rank(&[sequence]).unwrap();
        let gradients = ranks.logprobs.get(1).unwrap().backward().unwrap();
        for name in ["model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight"] {
            let (_, var) = model.vars().iter().find(|(known, _)| known == name).unwrap();
            let slope: Vec<Vec<f32>> = gradients.get(var).unwrap().to_vec2().unwrap();
            let weights: Vec<Vec<f32>> = var.to_vec2().unwrap();
            for (row, column) in [(7, 3), (9, 30), (10, 11)] {
                let nudged = |by: f32| {
                    let mut weights = weights.clone();
                    weights[row][column] += by;
                    var.set(&Tensor::new(weights, var.device()).unwrap()).unwrap();
                    value()
                };
                let measured = (nudged(1e-2) - nudged(-1e-2)) / 2e-2;
                nudged(0.0);
                let exact = slope[row][column];
                assert!(
                    (measured - exact).abs() < 2e-2 * (1.0 + exact.abs()),
                    "{measured} {exact}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_ranked_is_refused() {
        let model = model();
        for edit in [
            TokenEdit::new(0, vec![1], vec![2]),
            TokenEdit::new(7, vec![1], vec![2]),
            TokenEdit::new(1, vec![], vec![]),
            TokenEdit::new(1, vec![50], vec![2]),
        ] {
            let edits = [edit];
            assert!(model.rank(&[RankedSequence { tokens: &TOKENS, edits: &edits }]).is_err());
        }
        assert!(model.rank(&[RankedSequence { tokens: &TOKENS, edits: &[] }]).is_err());
        assert!(model.rank(&[]).is_err());
    }
}
