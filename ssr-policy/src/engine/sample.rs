use ssr_core::Sampling;

use crate::error::{Error, Result};
use crate::ops::{exp, log_normaliser};

/// One drawn token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drawn {
    pub(super) token: u32,
    /// Under the distribution it was drawn from.
    pub(super) logprob: f32,
    /// Under the model, restricted to the allowed tokens.
    pub(super) model_logprob: f32,
}

/// Refuses settings that make no distribution.
pub(super) fn check(sampling: &Sampling) -> Result<(), String> {
    let Sampling { temperature, top_p, .. } = *sampling;
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Err(format!("the temperature is {temperature}; it must be 0 or positive"));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(format!("top_p is {top_p}; it must be above 0 and at most 1"));
    }
    Ok(())
}

/// Draws a token by the uniform number `unit` in `0..1`, among `allowed` (ascending) if given.
pub(super) fn draw(
    logits: &[f32],
    allowed: Option<&[u32]>,
    sampling: &Sampling,
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
    let normaliser = log_normaliser(candidates);
    if !normaliser.is_finite() {
        return Err(Error::input("the logits are not finite: the weights have diverged"));
    }
    let (index, logprob) = if sampling.temperature == 0.0 {
        (most_likely(candidates), 0.0)
    } else {
        draw_index(candidates, sampling, unit)
    };
    let token = allowed.map_or(index as u32, |allowed| allowed[index]);
    Ok(Drawn { token, logprob, model_logprob: candidates[index] - normaliser })
}

/// The first of the largest.
fn most_likely(logits: &[f32]) -> usize {
    let larger =
        |best: usize, index: usize| if logits[index] > logits[best] { index } else { best };
    (0..logits.len()).reduce(larger).unwrap_or(0)
}

fn draw_index(logits: &[f32], sampling: &Sampling, unit: f64) -> (usize, f32) {
    let scaled: Vec<f32> = logits.iter().map(|logit| logit / sampling.temperature).collect();
    let kept = kept(&scaled, sampling);
    let normaliser = match &kept {
        None => log_normaliser(&scaled),
        Some(kept) => log_normaliser(&kept.iter().map(|&i| scaled[i]).collect::<Vec<_>>()),
    };
    let probability = |index: usize| f64::from(exp(scaled[index] - normaliser));
    let index = match kept {
        None => pick(0..scaled.len(), probability, unit),
        Some(kept) => pick(kept.into_iter(), probability, unit),
    };
    (index, scaled[index] - normaliser)
}

/// The index at which the running sum passes `unit` of the total.
fn pick(
    indices: impl Iterator<Item = usize> + Clone,
    probability: impl Fn(usize) -> f64,
    unit: f64,
) -> usize {
    let total: f64 = indices.clone().map(&probability).sum();
    let mut left = unit * total;
    let mut last = 0;
    for index in indices {
        let probability = probability(index);
        if probability > 0.0 {
            last = index;
        }
        left -= probability;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// The indices that top-k and top-p leave, most likely first; `None` for all.
fn kept(scaled: &[f32], sampling: &Sampling) -> Option<Vec<usize>> {
    let top_k = if sampling.top_k == 0 { scaled.len() } else { sampling.top_k.min(scaled.len()) };
    if top_k == scaled.len() && sampling.top_p == 1.0 {
        return None;
    }
    let mut indices: Vec<usize> = (0..scaled.len()).collect();
    indices.sort_by(|&a, &b| scaled[b].total_cmp(&scaled[a]));
    indices.truncate(top_k);
    if sampling.top_p < 1.0 {
        let candidates: Vec<f32> = indices.iter().map(|&index| scaled[index]).collect();
        let normaliser = log_normaliser(&candidates);
        let mut mass = 0.0;
        let enough = candidates.iter().position(|&logit| {
            mass += f64::from(exp(logit - normaliser));
            mass >= f64::from(sampling.top_p)
        });
        indices.truncate(enough.map_or(indices.len(), |last| last + 1));
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
            let drawn = draw(&LOGITS, allowed, &sampling, Seed::new(1).index(i).unit()).unwrap();
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
            let drawn = draw(&LOGITS, allowed, &sampling, f64::from(unit) / 1000.0).unwrap();
            let difference = frequencies[drawn.token as usize] - f64::from(drawn.logprob).exp();
            assert!(difference.abs() < 0.015, "{drawn:?} differs by {difference}");
        }
    }

    #[test]
    fn frequencies_are_the_recorded_probabilities() {
        let plain = Sampling::default();
        assert_matches_logprobs(None, plain, 5);
        assert_matches_logprobs(None, Sampling { temperature: 2.0, ..plain }, 5);
        assert_matches_logprobs(None, Sampling { top_k: 3, ..plain }, 3);
        assert_matches_logprobs(None, Sampling { top_p: 0.5, ..plain }, 2);
        assert_matches_logprobs(Some(&[0, 2, 3]), plain, 3);
        assert_matches_logprobs(Some(&[0, 2, 3]), Sampling { top_p: 0.5, top_k: 2, ..plain }, 1);
    }

    #[test]
    fn temperature_zero_takes_the_first_of_the_most_likely() {
        let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
        let drawn = draw(&LOGITS, None, &greedy, 0.99).unwrap();
        assert_eq!((drawn.token, drawn.logprob), (1, 0.0));
        assert_eq!(draw(&LOGITS, Some(&[0, 4]), &greedy, 0.0).unwrap().token, 4);
    }

    #[test]
    fn model_logprobs_ignore_temperature_and_truncation() {
        let cold = Sampling { temperature: 0.3, top_k: 1, top_p: 0.9 };
        let drawn = draw(&LOGITS, Some(&[0, 1]), &cold, 0.5).unwrap();
        let expected = -(1.0 + (-2f32).exp()).ln();
        assert_eq!((drawn.token, drawn.logprob), (1, 0.0));
        assert!((drawn.model_logprob - expected).abs() < 1e-6);
    }

    #[test]
    fn bad_settings_and_logits_are_refused() {
        let plain = Sampling::default();
        for temperature in [-1.0, f32::NAN, f32::INFINITY] {
            assert!(check(&Sampling { temperature, ..plain }).is_err());
        }
        for top_p in [0.0, 1.1, f32::NAN] {
            assert!(check(&Sampling { top_p, ..plain }).is_err());
        }
        assert!(draw(&[f32::NAN, 0.0], None, &plain, 0.5).is_err());
    }
}
