//! Properties of the losses; their values are PyTorch's (`tests/pytorch_losses.rs`).

use proptest::prelude::*;

use super::*;
use crate::{GrpoConfig, LossKind, OffPolicyCorrection};

const TOTALS: LossTotals = LossTotals { sequences: 1, tokens: 1 };

/// Today's loss with C = 2, without a dual clip.
fn plain() -> LossRule {
    GrpoConfig::default().with_loss_constant(2.0).with_dual_clip(0.0).loss_rule()
}

fn token(log_ratio: f32, advantage: f32) -> LossToken {
    LossToken::new(-1.0 + log_ratio, -1.0, advantage)
}

fn one(rule: &LossRule, log_ratio: f32, advantage: f32) -> PolicyLoss {
    policy_loss(&[[token(log_ratio, advantage)]], TOTALS, rule).unwrap()
}

/// One rule for each loss with each estimator, correction and guard that it allows.
fn rules() -> Vec<(String, LossRule)> {
    let mut rules = Vec::new();
    let mut add = |config: GrpoConfig| {
        if config.validate().is_ok() {
            rules.push((format!("{config:?}"), config.loss_rule()));
        }
    };
    for loss in LossKind::ALL {
        // Clip bounds wide enough to be met from both sides.
        let config = GrpoConfig::default().with_loss(loss).with_clip_high(0.3);
        add(config);
        add(config.with_entropy_coefficient(0.1));
        for kl in [KlEstimator::K2, KlEstimator::K3, KlEstimator::Unbiased] {
            add(config.with_kl(kl).with_kl_coefficient(0.5));
        }
        for correction in [
            OffPolicyCorrection::TokenTruncate,
            OffPolicyCorrection::TokenMask,
            OffPolicyCorrection::SequenceTruncate,
            OffPolicyCorrection::SequenceMask,
        ] {
            add(config.with_correction(correction));
        }
        for guard in [CovarianceGuard::ClipCov, CovarianceGuard::KlCov] {
            let config = config.with_guard(guard).with_guard_share(0.5);
            add(config.with_guard_low(-1.0).with_guard_high(1.0));
        }
    }
    rules
}

#[test]
fn only_moves_in_the_rewarded_direction_are_clipped() {
    for (log_ratio, advantage, clipped) in [
        (0.5, 1.0, true),   // already much more likely, and good: stop
        (-0.5, 1.0, false), // less likely than it was, though good: push up
        (-0.5, -1.0, true), // already much less likely, and bad: stop
        (0.5, -1.0, false), // more likely than it was, though bad: push down
        (0.0, 1.0, false),
        (0.0, -1.0, false),
    ] {
        let loss = one(&plain(), log_ratio, advantage);
        assert_eq!(loss.clipped == 1, clipped, "ratio e^{log_ratio}, advantage {advantage}");
        assert_eq!(loss.gradient[0] == 0.0, clipped);
    }
}

#[test]
fn on_policy_the_gradient_is_the_advantage() {
    let loss = one(&plain(), 0.0, 3.0);
    assert_eq!((loss.loss, loss.gradient[0]), (-1.5, -1.5));
    assert_eq!((loss.ratio_sum, loss.kl_sum), (1.0, 0.0));
}

#[test]
fn the_dual_clip_bounds_what_a_bad_token_costs() {
    let log_ratio = 733f32.ln();
    assert!((one(&plain(), log_ratio, -1.0).loss - 366.5).abs() < 0.1);
    let bounded = LossRule { dual_clip: 3.0, ..plain() };
    let loss = one(&bounded, log_ratio, -1.0);
    assert_eq!((loss.loss, loss.gradient[0], loss.dual_clipped), (1.5, 0.0, 1));
    // Below the bound, and for a good token, nothing changes.
    for (log_ratio, advantage) in [(1.0, -1.0), (-0.5, -1.0), (0.5, 1.0), (6.0, 1.0)] {
        let (with, without) =
            (one(&bounded, log_ratio, advantage), one(&plain(), log_ratio, advantage));
        assert_eq!(with, without);
    }
}

#[test]
fn a_penalty_without_a_reference_is_refused() {
    let rule = LossRule { kl_coefficient: 0.1, ..plain() };
    let error = policy_loss(&[[token(0.0, 1.0)]], TOTALS, &rule).unwrap_err();
    assert!(error.to_string().contains("grpo.kl_coefficient"), "{error}");
}

#[test]
fn a_correction_weighs_a_step_of_the_policy_itself() {
    let rule = GrpoConfig::default()
        .with_loss_constant(2.0)
        .with_correction(OffPolicyCorrection::TokenTruncate)
        .loss_rule();
    // e^0.5 times as likely as when it was drawn: weighed by that, not clipped.
    let loss = one(&rule, 0.5, 1.0);
    assert!((f64::from(loss.gradient[0]) + 0.5f64.exp() / 2.0).abs() < 1e-6);
    assert_eq!(loss.clipped, 0);
    assert!((one(&rule, 2.0, 1.0).loss + 1.0).abs() < 1e-12, "2 at most");
    let mask = GrpoConfig::default().with_correction(OffPolicyCorrection::TokenMask).loss_rule();
    let loss = one(&mask, 2.0, 1.0);
    assert_eq!((loss.loss, loss.gradient[0], loss.masked), (0.0, 0.0, 1));
}

#[test]
fn hopeless_ratios_stay_finite() {
    for (name, rule) in rules() {
        for log_ratio in [-1e30, -40.0, 40.0, 1e30] {
            for advantage in [-1.0, 1.0] {
                let token = token(log_ratio, advantage).with_reference(Some(-log_ratio));
                let tokens = [token.with_entropy(1.0), token.with_reference(Some(log_ratio))];
                let loss = policy_loss(&[tokens], LossTotals::of(&[tokens]), &rule).unwrap();
                assert!(loss.loss.is_finite() && loss.kl_sum.is_finite(), "{name}: {loss:?}");
                assert!(loss.gradient.iter().all(|slope| slope.is_finite()), "{name}: {loss:?}");
            }
        }
    }
}

fn sequences() -> impl Strategy<Value = Vec<Vec<LossToken>>> {
    let token = (-1.0..1.0f32, -3.0..-0.5f32, -2.0..2.0f32, -0.8..0.8f32, 0.1..2.0f32).prop_map(
        |(log_ratio, behaviour, advantage, reference, entropy)| {
            LossToken::new(behaviour + log_ratio, behaviour, advantage)
                .with_reference(Some(behaviour + reference))
                .with_entropy(entropy)
        },
    );
    prop::collection::vec(prop::collection::vec(token, 1..6), 1..5)
}

/// Moves one log-probability. What an update holds fixed stays: the old policy of a correction.
fn moved(sequences: &[Vec<LossToken>], at: (usize, usize), h: f32) -> Vec<Vec<LossToken>> {
    let mut sequences = sequences.to_vec();
    sequences[at.0][at.1].logprob += h;
    sequences
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every slope of every loss, but for the two whose value is not what is differentiated:
    /// detached weights, and entropy, which is estimated from the sampled tokens.
    #[test]
    fn the_gradient_is_that_of_finite_differences(sequences in sequences()) {
        let mut sequences = sequences;
        for token in sequences.iter_mut().flatten() {
            token.proximal = Some(token.logprob * 0.9);
        }
        let h = 1e-3;
        for (name, rule) in rules() {
            if rule.surrogate != Surrogate::Clipped || rule.entropy_coefficient > 0.0 {
                continue;
            }
            let totals = LossTotals::of(&sequences);
            let of = |sequences: &[Vec<LossToken>]| policy_loss(sequences, totals, &rule).unwrap();
            let here = of(&sequences);
            let mut place = 0;
            for i in 0..sequences.len() {
                for t in 0..sequences[i].len() {
                    let (up, down) =
                        (of(&moved(&sequences, (i, t), h)), of(&moved(&sequences, (i, t), -h)));
                    // At a corner, or where a guard chooses another token, there is no slope. A
                    // corner between the two steps moves their mean by half of what they differ.
                    let counts = |loss: &PolicyLoss| (loss.clipped, loss.dual_clipped);
                    let smooth = counts(&up) == counts(&here) && counts(&down) == counts(&here);
                    let left = (here.loss - down.loss) / f64::from(h);
                    let right = (up.loss - here.loss) / f64::from(h);
                    if smooth && near(left, right, 4e-3) {
                        let slope = f64::from(here.gradient[place]);
                        let difference = (left + right) / 2.0;
                        prop_assert!(near(difference, slope, 3e-3), "{name}: {difference} {slope}");
                    }
                    place += 1;
                }
            }
        }
    }

    #[test]
    fn the_order_of_sequences_does_not_matter_and_parts_add_up(
        sequences in sequences(),
        by in 0..4usize,
    ) {
        let totals = LossTotals::of(&sequences);
        let mut turned = sequences.clone();
        turned.rotate_left(by % sequences.len());
        // Guards draw by place, or decide between equal covariances by place.
        let rules = rules().into_iter().filter(|(_, rule)| !rule.needs_whole_batch());
        for (name, rule) in rules {
            let whole = policy_loss(&sequences, totals, &rule).unwrap();
            let other = policy_loss(&turned, totals, &rule).unwrap();
            prop_assert!(near(whole.loss, other.loss, 1e-9), "{name}");
            let mut sum = PolicyLoss::default();
            for sequence in &sequences {
                sum.merge(&policy_loss(&[sequence], totals, &rule).unwrap());
            }
            prop_assert_eq!(&sum.gradient, &whole.gradient);
            prop_assert!(near(sum.loss, whole.loss, 1e-12));
            prop_assert_eq!((sum.clipped, sum.masked), (whole.clipped, whole.masked));
        }
    }

    /// A policy loss is linear in its advantages: scaled by a positive number, so is everything.
    #[test]
    fn scaled_advantages_scale_the_loss(sequences in sequences(), factor in 0.25..8.0f32) {
        let totals = LossTotals::of(&sequences);
        let mut scaled = sequences.clone();
        for token in scaled.iter_mut().flatten() {
            token.advantage *= factor;
        }
        for loss in LossKind::ALL {
            let rule = GrpoConfig::default().with_loss(loss).loss_rule();
            let before = policy_loss(&sequences, totals, &rule).unwrap();
            let after = policy_loss(&scaled, totals, &rule).unwrap();
            prop_assert!(near(before.loss * f64::from(factor), after.loss, 1e-4), "{loss}");
            for (before, after) in before.gradient.iter().zip(&after.gradient) {
                prop_assert!(near(f64::from(before * factor), f64::from(*after), 1e-4), "{loss}");
            }
        }
    }

    /// On policy all losses have the gradient −A / D.
    #[test]
    fn on_policy_all_losses_agree_but_for_what_they_divide_by(sequences in sequences()) {
        let mut sequences = sequences;
        for sequence in &mut sequences {
            let advantage = sequence[0].advantage;
            for token in sequence {
                (token.logprob, token.advantage) = (token.behaviour, advantage);
            }
        }
        let totals = LossTotals::of(&sequences);
        for loss in LossKind::ALL {
            let rule = GrpoConfig::default().with_loss(loss).loss_rule();
            let mut slopes = policy_loss(&sequences, totals, &rule).unwrap().gradient.into_iter();
            for sequence in &sequences {
                // The product of a sequence's ratios is not divided by its length.
                let length = if rule.ratio == RatioLevel::Sequence { 1 } else { sequence.len() };
                let divisor = rule.aggregation.divisor(rule.constant, length, totals);
                for (token, slope) in sequence.iter().zip(slopes.by_ref()) {
                    let expected = -f64::from(token.advantage) / divisor;
                    prop_assert!(near(f64::from(slope), expected, 1e-6), "{loss}");
                }
            }
        }
    }
}
