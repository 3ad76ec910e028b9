//! Rankings of edits, with gradients.

use std::collections::{BTreeMap, HashMap};

use candle_core::Tensor;
use ssr_core::{EditScore, TokenEdit};

use crate::error::{Error, Result};
use crate::model::Model;
use crate::ops::{Scored, linear, token_logprobs};
use crate::packed::{Packed, Place};
use crate::score::{check_ids, check_tokens};

/// A token sequence and edits of it, among which a choice is made.
#[derive(Debug, Clone, Copy)]
pub struct RankedSequence<'a> {
    /// The unedited sequence.
    pub tokens: &'a [u32],
    /// The edits.
    pub edits: &'a [TokenEdit],
    /// How they are scored.
    pub score: EditScore,
}

impl RankedSequence<'_> {
    /// How many tokens [`Model::rank`] reads for it: the sequence and, with likelihoods, the edits.
    pub fn width(&self) -> usize {
        let written = match self.score {
            EditScore::Likelihood => self.edits.iter().map(|edit| edit.after.len()).sum(),
            _ => 0,
        };
        self.tokens.len() + written
    }
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
    /// Ranks edits of several sequences in one forward pass: `P(c) = softmax over prior(c) + s(c)`, with
    ///
    /// ```text
    /// s(c) = Σⱼ 0.6ʲ (logit(afterⱼ) − logit(beforeⱼ))            EditScore::Place
    /// s(c) = ½ (log P(after | prefix) − log P(before | prefix))   EditScore::Likelihood
    /// ```
    ///
    /// where the logits are those after the last token that is common to both texts. With likelihoods,
    /// what an edit writes is read as well, as a branch that shares the prefix with the unedited
    /// sequence.
    ///
    /// A sequence's ranks have the same bits whatever other sequences are ranked with it.
    ///
    /// # Errors
    /// When a sequence has no edit or exceeds the context window, a token lies outside the vocabulary,
    /// or an edit stands at position 0 or beyond its sequence. With likelihoods also when what an edit
    /// takes away does not stand there.
    pub fn rank(&self, sequences: &[RankedSequence<'_>]) -> Result<Ranks> {
        if sequences.is_empty() {
            return Err(Error::input("there is no sequence to rank edits of"));
        }
        let mut read = Reading::default();
        let mut places = Vec::with_capacity(sequences.len());
        for sequence in sequences {
            places.push(self.places(sequence)?);
            read.read(sequence)?;
        }
        let mut rows = Vec::new();
        for ((sequence, places), root) in sequences.iter().zip(&places).zip(&read.roots) {
            if sequence.score == EditScore::Place {
                rows.extend(places.iter().map(|place| root.row(*place as usize)));
            }
        }
        let first = rows.len();
        rows.extend(read.targets.iter().map(|(row, _)| *row));
        let hidden = self.hidden_rows(&read.batch, rows)?;
        let tokens = match read.targets.len() {
            0 => None,
            count => {
                let scored = |(_, token): &(u32, u32)| Scored { token: *token, allowed: None };
                let scored = read.targets.iter().map(scored).collect();
                Some(token_logprobs(&hidden.narrow(0, first, count)?, self.head(), scored)?.0)
            }
        };
        let (mut parts, mut first, mut terms) = (Vec::new(), 0, read.terms.into_iter());
        for (sequence, places) in sequences.iter().zip(&places) {
            let scores = match (sequence.score, &tokens) {
                (EditScore::Likelihood, Some(tokens)) => {
                    let terms: Vec<_> = terms.by_ref().take(sequence.edits.len()).collect();
                    sums(tokens, &terms)?
                }
                (EditScore::Likelihood, None) => {
                    return Err(Error::input("no edit takes a token away or writes one"));
                }
                _ => {
                    let hidden = hidden.narrow(0, first, places.len())?;
                    first += places.len();
                    scores(&hidden, self.head(), sequence.edits, places)?
                }
            };
            let priors: Vec<f32> =
                sequence.edits.iter().map(|edit| edit.prior as f32 / 1000.0).collect();
            parts.push(log_softmax(&(scores + Tensor::new(priors, hidden.device())?)?)?);
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

/// Sequences with edits as one batch, and the tokens whose log-probabilities score them.
#[derive(Default)]
struct Reading {
    batch: Packed,
    /// Where each sequence stands.
    roots: Vec<Place>,
    /// The tokens to score, each by the row that expects it; no two are the same.
    targets: Vec<(u32, u32)>,
    known: HashMap<(u32, u32), u32>,
    /// For each edit that is scored by its likelihood: the targets that count for it and against it.
    terms: Vec<(Vec<u32>, Vec<u32>)>,
}

impl Reading {
    fn read(&mut self, sequence: &RankedSequence<'_>) -> Result<()> {
        let root = self.batch.push(sequence.tokens);
        self.roots.push(root);
        if sequence.score == EditScore::Place {
            return Ok(());
        }
        for TokenEdit { position, before, after, .. } in sequence.edits {
            if !sequence.tokens[*position..].starts_with(before) {
                let problem = format!("an edit at {position} takes away what does not stand there");
                return Err(Error::input(problem));
            }
            let branch = match after.split_last() {
                Some((_, read)) => self.batch.branch(root, *position, read),
                None => root,
            };
            let mut targets = |place: Place, tokens: &[u32]| -> Vec<u32> {
                let target =
                    |(at, token): (usize, &u32)| self.target(place.row(position - 1 + at), *token);
                tokens.iter().enumerate().map(target).collect()
            };
            let terms = (targets(branch, after), targets(root, before));
            self.terms.push(terms);
        }
        Ok(())
    }

    fn target(&mut self, row: u32, token: u32) -> u32 {
        *self.known.entry((row, token)).or_insert_with(|| {
            self.targets.push((row, token));
            self.targets.len() as u32 - 1
        })
    }
}

/// Of weights from ½ to 2, SmolLM2-135M repaired most bugs of toolz at temperature 1 with this one.
const LIKELIHOOD_WEIGHT: f32 = 0.5;

/// For each edit the weighted sum `(N)` of the values `(T)` that count for it less those against it.
fn sums(values: &Tensor, terms: &[(Vec<u32>, Vec<u32>)]) -> Result<Tensor> {
    let width = terms.iter().map(|(plus, minus)| plus.len() + minus.len()).max().unwrap_or(0);
    let (mut at, mut weights) = (Vec::new(), Vec::new());
    for (plus, minus) in terms {
        at.extend(plus.iter().chain(minus));
        let weight = LIKELIHOOD_WEIGHT;
        weights.extend(plus.iter().map(|_| weight).chain(minus.iter().map(|_| -weight)));
        let missing = width - plus.len() - minus.len();
        at.extend(std::iter::repeat_n(0, missing));
        weights.extend(std::iter::repeat_n(0.0, missing));
    }
    let device = values.device();
    let chosen = values.index_select(&Tensor::new(at, device)?, 0)?;
    let weighted = (chosen * Tensor::new(weights, device)?)?;
    Ok(weighted.reshape((terms.len(), width))?.sum(1)?)
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
    Ok(weighted.reshape((edits.len(), width))?.sum(1)?)
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
    use crate::score::{ScoredSequence, Target};

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

    fn ranked<'a>(
        tokens: &'a [u32],
        edits: &'a [TokenEdit],
        score: EditScore,
    ) -> RankedSequence<'a> {
        RankedSequence { tokens, edits, score }
    }

    const TOKENS: [u32; 7] = [1, 2, 7, 8, 5, 4, 3];

    #[test]
    fn a_rank_is_the_softmax_of_differences_of_logits() {
        let (model, edits) = (model(), edits());
        let ranks = model.rank(&[ranked(&TOKENS, &edits, EditScore::Place)]).unwrap();
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

    /// Against every edited text read by itself.
    #[test]
    fn a_likelihood_is_that_of_the_edited_text() {
        let (model, edits) = (model(), edits());
        let ranks = model.rank(&[ranked(&TOKENS, &edits, EditScore::Likelihood)]).unwrap();
        let likelihood = |tokens: &[u32], from: usize| -> f64 {
            let targets = (from..tokens.len()).map(|position| Target { position, allowed: None });
            let scored = ScoredSequence { tokens, targets: targets.collect() };
            let logprobs: Vec<f32> = model.score(&[scored]).unwrap().logprobs.to_vec1().unwrap();
            logprobs.into_iter().map(f64::from).sum()
        };
        let score = |edit: &TokenEdit| -> f64 {
            let prefix = &TOKENS[..edit.position];
            let of = |tokens: &[u32]| likelihood(&[prefix, tokens].concat(), edit.position);
            f64::from(edit.prior) / 1000.0 + (of(&edit.after) - of(&edit.before)) / 2.0
        };
        let scores: Vec<f64> = edits.iter().map(score).collect();
        let normaliser = scores.iter().map(|score| score.exp()).sum::<f64>().ln();
        for (ours, score) in ranks.values.iter().zip(&scores) {
            assert!((f64::from(*ours) - (score - normaliser)).abs() < 1e-5, "{ours}");
        }
    }

    #[test]
    fn one_token_for_another_differs_by_the_weight_alone() {
        let edits = [TokenEdit::new(2, vec![7], vec![9]), TokenEdit::new(4, vec![5], vec![6])];
        let odds = |score| {
            let values = model().rank(&[ranked(&TOKENS, &edits, score)]).unwrap().values;
            values[0] - values[1]
        };
        let (place, likelihood) = (odds(EditScore::Place), odds(EditScore::Likelihood));
        assert!((place * LIKELIHOOD_WEIGHT - likelihood).abs() < 1e-5, "{place} {likelihood}");
    }

    #[test]
    fn a_sequence_is_ranked_alike_alone_and_among_others() {
        for score in [EditScore::Place, EditScore::Likelihood] {
            a_sequence_is_ranked_alike(score);
        }
    }

    fn a_sequence_is_ranked_alike(score: EditScore) {
        let (model, edits) = (model(), edits());
        let one = ranked(&TOKENS, &edits, score);
        let other = match score {
            EditScore::Place => EditScore::Likelihood,
            _ => EditScore::Place,
        };
        let two = ranked(&TOKENS[..4], &edits[..2], other);
        let alone = model.rank(&[one]).unwrap();
        let among = model.rank(&[two, one, two]).unwrap();
        assert_eq!(alone.values, among.values[2..5]);
        assert_eq!(alone.entropies[0], among.entropies[1]);
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        for score in [EditScore::Place, EditScore::Likelihood] {
            the_gradient_is_that_of_differences(score);
        }
    }

    fn the_gradient_is_that_of_differences(score: EditScore) {
        let (model, edits) = (model(), edits());
        let sequence = ranked(&TOKENS, &edits, score);
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
            TokenEdit::new(8, vec![1], vec![2]),
            TokenEdit::new(1, vec![], vec![]),
            TokenEdit::new(1, vec![50], vec![2]),
        ] {
            let edits = [edit];
            assert!(model.rank(&[ranked(&TOKENS, &edits, EditScore::Place)]).is_err());
        }
        assert!(model.rank(&[ranked(&TOKENS, &[], EditScore::Place)]).is_err());
        let none = [TokenEdit::new(1, vec![], vec![])];
        assert!(model.rank(&[ranked(&TOKENS, &none, EditScore::Likelihood)]).is_err());
        let elsewhere = [TokenEdit::new(2, vec![9], vec![8])];
        assert!(model.rank(&[ranked(&TOKENS, &elsewhere, EditScore::Likelihood)]).is_err());
        assert!(model.rank(&[]).is_err());
    }
}
