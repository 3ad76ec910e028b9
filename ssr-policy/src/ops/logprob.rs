//! Log-probabilities of tokens from hidden states, without the logits of a whole batch.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use ssr_core::TokenSet;

use super::math::{exp_in_place, max};
use super::{composed, contiguous, exp, with_slice};
use crate::kernels::{times_columns, times_rows, transposed};

/// Rows whose logits are held at once.
const ROWS: usize = 256;
/// Exponentials that are summed in `f32` before the sum goes on in `f64`.
const SUM: usize = 4096;

/// One token whose probability is wanted, and what it competes with.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    pub(crate) token: u32,
    /// `None` for the whole vocabulary.
    pub(crate) allowed: Option<TokenSet>,
}

/// The mass of a distribution given by logits.
pub(crate) struct Mass {
    /// The largest logit.
    shift: f32,
    /// Sums of exp(logit − shift), [`SUM`] logits each.
    sums: Vec<f64>,
}

impl Mass {
    pub(crate) fn new(logits: &[f32]) -> Self {
        let shift = max(logits);
        let mut scratch = [0.0; SUM];
        let sums = logits.chunks(SUM).map(|chunk| {
            let scratch = &mut scratch[..chunk.len()];
            scratch.copy_from_slice(chunk);
            f64::from(exp_in_place(scratch, shift))
        });
        Self { shift, sums: sums.collect() }
    }

    /// ln Σ exp(logit): what has to be subtracted from a logit to make it a log-probability.
    pub(crate) fn log_normaliser(&self) -> f32 {
        self.shift + self.sums.iter().sum::<f64>().ln() as f32
    }

    /// The index at which the running sum of the same logits passes `unit` of the total.
    pub(crate) fn pick(&self, logits: &[f32], unit: f64) -> usize {
        let mut left = unit * self.sums.iter().sum::<f64>();
        for (chunk, &sum) in self.sums.iter().enumerate() {
            let first = chunk * SUM;
            let last = chunk + 1 == self.sums.len();
            if left >= sum && !last {
                left -= sum;
                continue;
            }
            let chunk = &logits[first..logits.len().min(first + SUM)];
            for (index, logit) in chunk.iter().enumerate() {
                left -= f64::from(exp(logit - self.shift));
                if left < 0.0 {
                    return first + index;
                }
            }
            // What rounding has left over belongs to the likeliest.
            let likeliest = (0..chunk.len()).max_by(|&a, &b| chunk[a].total_cmp(&chunk[b]));
            return first + likeliest.unwrap_or(0);
        }
        0
    }
}

/// ln Σ exp(logit).
pub(crate) fn log_normaliser(logits: &[f32]) -> f32 {
    Mass::new(logits).log_normaliser()
}

impl Scored {
    /// The logits that compete, in ascending order of token.
    fn candidates<'a>(&self, logits: &'a [f32], scratch: &'a mut Vec<f32>) -> &'a [f32] {
        match &self.allowed {
            None => logits,
            Some(allowed) => {
                scratch.clear();
                for range in allowed.ranges() {
                    scratch.extend_from_slice(
                        &logits[*range.start() as usize..=*range.end() as usize],
                    );
                }
                scratch
            }
        }
    }

    /// The log-probability of the token, and the entropy of the distribution.
    fn score(&self, logits: &[f32], scratch: &mut Vec<f32>) -> (f32, f32) {
        let logit = logits[self.token as usize];
        let candidates = self.candidates(logits, scratch);
        let normaliser = log_normaliser(candidates);
        let mean: f64 = candidates
            .iter()
            .map(|&logit| f64::from(exp(logit - normaliser)) * f64::from(logit - normaliser))
            .sum();
        (logit - normaliser, -mean as f32)
    }

    /// Replaces the logits by the gradient of `grad` · log-probability: grad · (onehot − p).
    fn backward(&self, logits: &mut [f32], grad: f32, scratch: &mut Vec<f32>) {
        let normaliser = log_normaliser(self.candidates(logits, scratch));
        match &self.allowed {
            None => logits.iter_mut().for_each(|logit| *logit = -grad * exp(*logit - normaliser)),
            Some(allowed) => {
                scratch.clear();
                scratch
                    .extend(allowed.iter().map(|token| exp(logits[token as usize] - normaliser)));
                logits.fill(0.0);
                for (token, probability) in allowed.iter().zip(scratch) {
                    logits[token as usize] = -grad * *probability;
                }
            }
        }
        logits[self.token as usize] += grad;
    }
}

/// Log-probabilities [N] of the scored tokens given hidden states [N, hidden] and the output head
/// [vocabulary, hidden], and the entropies [N] of their distributions.
///
/// The logits of all tokens together would be the largest tensor of a training step; only
/// [`ROWS`] rows of them exist at a time, in both directions.
pub(crate) fn token_logprobs(
    hidden: &Tensor,
    head: &Tensor,
    scored: Vec<Scored>,
) -> Result<(Tensor, Vec<f32>)> {
    if !hidden.device().is_cpu() {
        return composed::token_logprobs(hidden, head, &scored);
    }
    let entropies = Arc::new(Mutex::new(Vec::new()));
    let op = TokenLogprobs { scored, entropies: Arc::clone(&entropies) };
    let logprobs = hidden.contiguous()?.apply_op2(head, op)?;
    let entropies = std::mem::take(&mut *entropies.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((logprobs, entropies))
}

struct TokenLogprobs {
    scored: Vec<Scored>,
    /// An operation has one result; this is the second.
    entropies: Arc<Mutex<Vec<f32>>>,
}

impl TokenLogprobs {
    fn forward(
        &self,
        hidden: &[f32],
        head: &[f32],
        (vocabulary, width): (usize, usize),
    ) -> Result<Vec<(f32, f32)>> {
        let mut scores = Vec::with_capacity(self.scored.len());
        let mut logits = Vec::new();
        for (hidden, scored) in hidden.chunks(ROWS * width).zip(self.scored.chunks(ROWS)) {
            logits.resize(scored.len() * vocabulary, 0.0);
            times_rows(hidden, head, width, &mut logits);
            let rows = logits.par_chunks(vocabulary).zip(scored);
            scores.par_extend(
                rows.map_init(Vec::new, |scratch, (logits, scored)| scored.score(logits, scratch)),
            );
        }
        Ok(scores)
    }

    fn backward(
        &self,
        hidden: &[f32],
        head: &[f32],
        grad: &[f32],
        (vocabulary, width): (usize, usize),
        trained: bool,
    ) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
        let mut hidden_grad = Vec::with_capacity(hidden.len());
        let mut head_grad = trained.then(|| vec![0.0; vocabulary * width]);
        let (mut logits, mut part_grad) = (Vec::new(), Vec::new());
        let chunks =
            hidden.chunks(ROWS * width).zip(self.scored.chunks(ROWS)).zip(grad.chunks(ROWS));
        for ((hidden, scored), grad) in chunks {
            logits.resize(scored.len() * vocabulary, 0.0);
            times_rows(hidden, head, width, &mut logits);
            let rows = logits.par_chunks_mut(vocabulary).zip(scored).zip(grad);
            rows.for_each_init(Vec::new, |scratch, ((logits, scored), &grad)| {
                scored.backward(logits, grad, scratch);
            });
            let mut part = vec![0.0; hidden.len()];
            times_columns(&logits, head, vocabulary, &mut part);
            hidden_grad.extend(part);
            if let Some(head_grad) = &mut head_grad {
                part_grad.resize(head.len(), 0.0);
                let logits = transposed(&logits, vocabulary);
                times_columns(&logits, hidden, scored.len(), &mut part_grad);
                for (sum, value) in head_grad.iter_mut().zip(&part_grad) {
                    *sum += value;
                }
            }
        }
        Ok((hidden_grad, head_grad))
    }
}

impl CustomOp2 for TokenLogprobs {
    fn name(&self) -> &'static str {
        "token-logprobs"
    }

    fn cpu_fwd(
        &self,
        hidden: &CpuStorage,
        hidden_layout: &Layout,
        head: &CpuStorage,
        head_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = hidden_layout.shape().dims2()?;
        let (vocabulary, head_width) = head_layout.shape().dims2()?;
        if rows != self.scored.len() || width != head_width || width == 0 {
            bail!(
                "{rows} hidden states of {width} for {} tokens of {head_width}",
                self.scored.len()
            );
        }
        let head = contiguous(head, head_layout)?;
        let hidden = contiguous(hidden, hidden_layout)?;
        let scores = self.forward(hidden, head, (vocabulary, width))?;
        let (logprobs, entropies): (Vec<f32>, Vec<f32>) = scores.into_iter().unzip();
        *self.entropies.lock().unwrap_or_else(PoisonError::into_inner) = entropies;
        Ok((CpuStorage::F32(logprobs), Shape::from(rows)))
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        head: &Tensor,
        _logprobs: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let size = head.dims2()?;
        let (hidden_grad, head_grad) = with_slice(hidden, |hidden_values| {
            with_slice(head, |head_values| {
                with_slice(grad, |grad| {
                    self.backward(hidden_values, head_values, grad, size, head.track_op())
                })
            })
        })?;
        let hidden_grad = Tensor::from_vec(hidden_grad, hidden.shape(), hidden.device())?;
        let head_grad = head_grad
            .map(|grad| Tensor::from_vec(grad, head.shape(), head.device()))
            .transpose()?;
        Ok((Some(hidden_grad), head_grad))
    }
}
