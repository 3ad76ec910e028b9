//! Sampling of one token from logits, with its log-probabilities.

use std::collections::HashSet;

use ssr_core::Sampling;

use crate::error::{Error, Result};
use crate::ops::{Mass, exp};

/// One sampled token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) token: u32,
    /// Under the distribution it was sampled from.
    pub(crate) logprob: f32,
    /// Under the model, restricted to the allowed tokens.
    pub(crate) model_logprob: f32,
}

/// Refuses settings that make no distribution.
pub(crate) fn check_sampling(sampling: &Sampling) -> Result<(), String> {
    let Sampling { temperature, top_p, min_p, repetition_penalty, .. } = *sampling;
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Err(format!("the temperature is {temperature}; it must be 0 or positive"));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(format!("top_p is {top_p}; it must be above 0 and at most 1"));
    }
    if !(0.0..=1.0).contains(&min_p) {
        return Err(format!("min_p is {min_p}; it must lie between 0 and 1"));
    }
    if !(repetition_penalty.is_finite() && repetition_penalty > 0.0) {
        return Err(format!("the repetition penalty is {repetition_penalty}; it must be positive"));
    }
    Ok(())
}

/// Samples a token by the uniform number `unit` in `0..1`, among `allowed` (ascending) if given. The
/// repetition penalty falls on the tokens in `seen`.
pub(crate) fn draw(
    logits: &[f32],
    allowed: Option<&[u32]>,
    sampling: &Sampling,
    seen: &HashSet<u32>,
    unit: f64,
) -> Result<Drawn> {
    let gathered: Vec<f32>;
    let candidates = match allowed {
        None => logits,
        Some(allowed) => {
            gathered = allowed.iter().map(|&token| logits[token as usize]).collect();
            &gathered
        }
    };
    let id = |index: usize| allowed.map_or(index as u32, |allowed| allowed[index]);
    let mass = Mass::new(candidates);
    let normaliser = mass.log_normaliser();
    if !normaliser.is_finite() {
        return Err(Error::input("the logits are not finite: the weights have diverged"));
    }
    let penalised: Vec<f32>;
    let weighed = if seen.is_empty() {
        candidates
    } else {
        let penalty = |(index, &logit): (usize, &f32)| match seen.contains(&id(index)) {
            true if logit > 0.0 => logit / sampling.repetition_penalty,
            true => logit * sampling.repetition_penalty,
            false => logit,
        };
        penalised = candidates.iter().enumerate().map(penalty).collect();
        &penalised
    };
    let (index, logprob) = if sampling.temperature == 0.0 {
        (most_likely(weighed), 0.0)
    } else if seen.is_empty() && sampling.temperature == 1.0 && keeps_all(weighed, sampling) {
        let index = mass.pick(weighed, unit);
        (index, weighed[index] - normaliser)
    } else {
        draw_index(weighed, sampling, unit)
    };
    Ok(Drawn { token: id(index), logprob, model_logprob: candidates[index] - normaliser })
}

/// The first of the largest.
fn most_likely(logits: &[f32]) -> usize {
    let larger =
        |best: usize, index: usize| if logits[index] > logits[best] { index } else { best };
    (0..logits.len()).reduce(larger).unwrap_or(0)
}

fn draw_index(logits: &[f32], sampling: &Sampling, unit: f64) -> (usize, f32) {
    // The largest becomes 0, so that no temperature makes the quotients infinite.
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let cool = |logit: &f32| (logit - largest) / sampling.temperature;
    let scaled: Vec<f32> = logits.iter().map(cool).collect();
    let kept = kept(&scaled, sampling);
    let weights = kept.as_ref().map(|kept| kept.iter().map(|&i| scaled[i]).collect());
    let weights: &[f32] = weights.as_ref().map_or(&scaled, |weights: &Vec<f32>| weights);
    let mass = Mass::new(weights);
    let index = mass.pick(weights, unit);
    let logprob = weights[index] - mass.log_normaliser();
    (kept.map_or(index, |kept| kept[index]), logprob)
}

fn keeps_all(logits: &[f32], sampling: &Sampling) -> bool {
    (sampling.top_k == 0 || sampling.top_k >= logits.len())
        && sampling.top_p == 1.0
        && sampling.min_p == 0.0
}

fn total(scaled: &[f32], indices: &[usize]) -> f64 {
    indices.iter().map(|&index| f64::from(exp(scaled[index]))).sum()
}

/// The indices that top-k, top-p and min-p leave, one after the other, most likely first; `None` for
/// all.
fn kept(scaled: &[f32], sampling: &Sampling) -> Option<Vec<usize>> {
    if keeps_all(scaled, sampling) {
        return None;
    }
    let mut indices: Vec<usize> = (0..scaled.len()).collect();
    let order = |a: &usize, b: &usize| scaled[*b].total_cmp(&scaled[*a]).then(a.cmp(b));
    let all = indices.len();
    if sampling.top_k > 0 && sampling.top_k < all {
        indices.select_nth_unstable_by(sampling.top_k, order);
        indices.truncate(sampling.top_k);
    }
    let enough = f64::from(sampling.top_p) * total(scaled, &indices);
    // Vocabularies are large and what is kept is small: a part is sorted, and a larger one only if
    // it was too small.
    let mut part = 256;
    while part < indices.len() {
        indices.select_nth_unstable_by(part, order);
        if sampling.top_p < 1.0 && total(scaled, &indices[..part]) > enough {
            indices.truncate(part);
        } else {
            part = part.saturating_mul(16);
        }
    }
    indices.sort_unstable_by(order);
    if sampling.top_p < 1.0 {
        let mut mass = 0.0;
        let last = indices.iter().position(|&index| {
            mass += f64::from(exp(scaled[index]));
            mass >= enough
        });
        indices.truncate(last.map_or(indices.len(), |last| last + 1));
    }
    if sampling.min_p > 0.0 {
        let least = scaled[indices[0]] + sampling.min_p.ln();
        indices.truncate(indices.partition_point(|&index| scaled[index] >= least).max(1));
    }
    Some(indices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::Seed;

    const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, 0.0, 3.0];

    fn frequencies(allowed: Option<&[u32]>, sampling: Sampling) -> Vec<f64> {
        let draws = 20_000;
        let mut counts = vec![0.0; LOGITS.len()];
        for i in 0..draws {
            let drawn =
                draw(&LOGITS, allowed, &sampling, &HashSet::new(), Seed::new(1).index(i).unit())
                    .unwrap();
            counts[drawn.token as usize] += 1.0 / draws as f64;
            let expected = f64::from(drawn.logprob).exp();
            assert!(expected > 0.0 && expected <= 1.0 + 1e-6);
        }
        counts
    }

    fn assert_matches_logprobs(allowed: Option<&[u32]>, sampling: Sampling, support: usize) {
        let frequencies = frequencies(allowed, sampling);
        assert_eq!(frequencies.iter().filter(|f| **f > 0.0).count(), support);
        for unit in 0..1000 {
            let unit = f64::from(unit) / 1000.0;
            let drawn = draw(&LOGITS, allowed, &sampling, &HashSet::new(), unit).unwrap();
            let difference = frequencies[drawn.token as usize] - f64::from(drawn.logprob).exp();
            assert!(difference.abs() < 0.015, "{drawn:?} differs by {difference}");
        }
    }

    #[test]
    fn frequencies_are_the_recorded_probabilities() {
        let plain = Sampling::default();
        assert_matches_logprobs(None, plain, 5);
        assert_matches_logprobs(None, plain.with_temperature(2.0), 5);
        assert_matches_logprobs(None, plain.with_top_k(3), 3);
        assert_matches_logprobs(None, plain.with_top_p(0.5), 2);
        assert_matches_logprobs(None, plain.with_min_p(0.3), 3);
        assert_matches_logprobs(Some(&[0, 2, 3]), plain, 3);
        assert_matches_logprobs(Some(&[0, 2, 3]), plain.with_top_p(0.5).with_top_k(2), 1);
    }

    #[test]
    fn large_vocabularies_keep_the_same_set_as_sorting_all() {
        let logits: Vec<f32> =
            (0..5000).map(|i| Seed::new(8).index(i).unit() as f32 * 6.0 - 6.0).collect();
        let mut sorted: Vec<usize> = (0..logits.len()).collect();
        sorted.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        let all: f64 = logits.iter().map(|&logit| f64::from(logit.exp())).sum();
        for top_p in [0.001, 0.1, 0.5, 0.95, 0.9999] {
            let kept = kept(&logits, &Sampling::default().with_top_p(top_p)).unwrap();
            assert_eq!(kept, sorted[..kept.len()]);
            let mass = |count: usize| -> f64 {
                sorted[..count].iter().map(|&i| f64::from(logits[i].exp()) / all).sum()
            };
            let (with, without) = (mass(kept.len()), mass(kept.len() - 1));
            assert!(with > f64::from(top_p) - 1e-6 && without < f64::from(top_p) + 1e-6);
        }
    }

    #[test]
    fn temperature_zero_takes_the_first_of_the_most_likely() {
        let greedy = Sampling::default().with_temperature(0.0);
        let drawn = draw(&LOGITS, None, &greedy, &HashSet::new(), 0.99).unwrap();
        assert_eq!((drawn.token, drawn.logprob), (1, 0.0));
        let among = draw(&LOGITS, Some(&[0, 4]), &greedy, &HashSet::new(), 0.0).unwrap();
        assert_eq!(among.token, 4);
    }

    #[test]
    fn model_logprobs_ignore_temperature_and_truncation() {
        let cold = Sampling::default().with_temperature(0.3).with_top_k(1).with_top_p(0.9);
        let drawn = draw(&LOGITS, Some(&[0, 1]), &cold, &HashSet::new(), 0.5).unwrap();
        let expected = -(1.0 + (-2f32).exp()).ln();
        assert_eq!((drawn.token, drawn.logprob), (1, 0.0));
        assert!((drawn.model_logprob - expected).abs() < 1e-6);
    }

    #[test]
    fn a_repetition_penalty_falls_on_what_was_seen() {
        let greedy = Sampling::default().with_temperature(0.0).with_repetition_penalty(2.0);
        let seen = HashSet::from([1, 4]);
        assert_eq!(draw(&LOGITS, None, &greedy, &seen, 0.5).unwrap().token, 2);
        let negative = [-1.0, -1.5];
        assert_eq!(draw(&negative, None, &greedy, &HashSet::from([0]), 0.5).unwrap().token, 1);
    }

    #[test]
    fn the_smallest_temperatures_give_log_probabilities() {
        let frozen = Sampling::default().with_temperature(1e-45);
        let drawn = draw(&[0.0, 5.0], None, &frozen, &HashSet::new(), 0.5).unwrap();
        assert_eq!((drawn.token, drawn.logprob), (1, 0.0));
    }

    #[test]
    fn bad_settings_and_logits_are_refused() {
        let plain = Sampling::default();
        for temperature in [-1.0, f32::NAN, f32::INFINITY] {
            assert!(check_sampling(&plain.with_temperature(temperature)).is_err());
        }
        for top_p in [0.0, 1.1, f32::NAN] {
            assert!(check_sampling(&plain.with_top_p(top_p)).is_err());
        }
        for min_p in [-0.1, 1.1, f32::NAN] {
            assert!(check_sampling(&plain.with_min_p(min_p)).is_err());
        }
        for repetition_penalty in [0.0, -1.0, f32::NAN] {
            assert!(check_sampling(&plain.with_repetition_penalty(repetition_penalty)).is_err());
        }
        assert!(draw(&[f32::NAN, 0.0], None, &plain, &HashSet::new(), 0.5).is_err());
    }
}
