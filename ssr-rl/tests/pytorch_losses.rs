//! Losses, advantages and preference losses compute what PyTorch computes from the papers' formulas,
//! and what TRL's own functions compute; see `fixtures/make_losses.py` and `fixtures/make_trl.py`.

use candle_core::{D, Device, Tensor, Var};
use serde::Deserialize;
use ssr_rl::{
    AdvantageRule, AdvantageScale, Batch, Behaviour, GrpoConfig, LossToken, LossTotals, PolicyLoss,
    PreferencePair, PreferenceRule, RewardBaseline, RewardGroup, TargetScores, TrainSequence,
    TrainTarget, TrainUse, advantages, policy_gradient, policy_loss, preference_loss,
    role_advantages,
};

const TOLERANCE: f64 = 1e-5;

fn fixture<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn assert_close(ours: f64, theirs: f64, what: &str) {
    let tolerance = TOLERANCE * (0.1 + theirs.abs());
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours} and {theirs}");
}

fn assert_all_close(ours: &[f32], theirs: &[Vec<f32>], what: &str) {
    let theirs = theirs.concat();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_close(f64::from(*ours), f64::from(*theirs), &format!("{what}, token {at}"));
    }
}

#[derive(Deserialize)]
struct Losses {
    batches: Vec<Drawn>,
    cases: Vec<LossCase>,
}

/// Sequences of tokens, ragged: one row a sequence.
#[derive(Deserialize)]
struct Drawn {
    logits: Vec<Vec<Vec<f32>>>,
    ids: Vec<Vec<u32>>,
    logprobs: Vec<Vec<f32>>,
    entropies: Vec<Vec<f32>>,
    behaviour: Vec<Vec<f32>>,
    reference: Vec<Vec<f32>>,
    proximal: Vec<Vec<f32>>,
    advantages: Vec<f32>,
}

#[derive(Deserialize)]
struct LossCase {
    batch: usize,
    config: GrpoConfig,
    proximal: bool,
    loss: f64,
    gradient: Vec<Vec<f32>>,
    logit_norm: f64,
    logit_gradient: Option<Vec<Vec<Vec<f32>>>>,
}

impl Drawn {
    fn tokens(&self, proximal: bool) -> Vec<Vec<LossToken>> {
        let token = |i: usize, t: usize| {
            LossToken::new(self.logprobs[i][t], self.behaviour[i][t], self.advantages[i])
                .with_reference(Some(self.reference[i][t]))
                .with_proximal(proximal.then(|| self.proximal[i][t]))
                .with_entropy(self.entropies[i][t])
        };
        let row = |i: usize| (0..self.logprobs[i].len()).map(|t| token(i, t)).collect();
        (0..self.logprobs.len()).map(row).collect()
    }

    /// Sequences of the model below, with one token of context that says which sequence it is.
    fn batch(&self) -> Batch {
        let sequence = |i: usize| {
            let behaviour = self.behaviour[i].iter();
            TrainSequence {
                tokens: [vec![i as u32], self.ids[i].clone()].concat(),
                targets: (1..=self.ids[i].len())
                    .map(|position| TrainTarget::Token { position, allowed: None })
                    .collect(),
                uses: vec![TrainUse {
                    advantage: self.advantages[i],
                    behaviour: behaviour
                        .map(|logprob| Some(Behaviour { logprob: *logprob, staleness: 1 }))
                        .collect(),
                }],
                ..TrainSequence::default()
            }
        };
        (0..self.ids.len()).map(sequence).collect()
    }

    /// A model whose weights are the logits.
    fn vars(&self) -> Vec<(String, Var)> {
        let rows: Vec<Vec<f32>> = self.logits.concat();
        let shape = (rows.len(), rows[0].len());
        vec![("logits".to_owned(), Var::from_vec(rows.concat(), shape, &Device::Cpu).unwrap())]
    }

    fn score(&self, logits: &Tensor, sequences: &[TrainSequence]) -> TargetScores {
        let (mut rows, mut entropies, mut reference) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in sequences {
            let i = sequence.tokens[0] as usize;
            let start: usize = self.ids[..i].iter().map(Vec::len).sum();
            for (t, id) in sequence.tokens[1..].iter().enumerate() {
                let row = logits.get(start + t).unwrap();
                let sum = row.exp().unwrap().sum(D::Minus1).unwrap().log().unwrap();
                rows.push(row.get(*id as usize).unwrap().sub(&sum).unwrap());
                entropies.push(self.entropies[i][t]);
                reference.push(self.reference[i][t]);
            }
        }
        let logprobs = Tensor::stack(&rows, 0).unwrap();
        TargetScores::new(logprobs, entropies).with_reference(reference)
    }
}

#[test]
fn every_loss_and_its_slopes_are_pytorchs() {
    let Losses { batches, cases } = fixture("losses.json");
    for LossCase { batch, config, proximal, loss, gradient, .. } in &cases {
        let sequences = batches[*batch].tokens(*proximal);
        let what = format!("{config:?}");
        let ours = policy_loss(&sequences, LossTotals::of(&sequences), &config.loss_rule());
        let ours = ours.unwrap();
        assert_close(ours.loss, *loss, &what);
        assert_all_close(&ours.gradient, gradient, &what);
    }
    assert!(cases.len() > 150);
}

#[test]
fn through_a_model_the_gradient_is_pytorchs_for_any_micro_batch() {
    let Losses { batches, cases } = fixture("losses.json");
    let mut compared = 0;
    // The old policy of an update with one step is the trained one.
    for case in cases.iter().filter(|case| !case.proximal) {
        let drawn = &batches[case.batch];
        let (batch, vars) = (drawn.batch(), drawn.vars());
        for micro_batch_tokens in [1, 9, 1000] {
            let config = case.config.with_micro_batch_tokens(micro_batch_tokens);
            let score = |some: &[TrainSequence]| Ok(drawn.score(vars[0].1.as_tensor(), some));
            let (gradients, metrics) = policy_gradient(&batch, &config, &vars, score).unwrap();
            let what = format!("{config:?}");
            assert_close(metrics.policy_loss, case.loss, &what);
            assert_close(gradients.norm(), case.logit_norm, &what);
            if let Some(theirs) = &case.logit_gradient {
                assert_all_close(gradients.get(0).unwrap(), &theirs.concat(), &what);
                compared += 1;
            }
        }
    }
    assert!(compared > 10);
}

#[derive(Deserialize)]
struct AdvantageCases {
    cases: Vec<AdvantageCase>,
}

#[derive(Deserialize)]
struct AdvantageCase {
    baseline: RewardBaseline,
    scale: AdvantageScale,
    epsilon: f64,
    rewards: Vec<Vec<f64>>,
    lengths: Vec<Vec<usize>>,
    advantages: Vec<Vec<f64>>,
}

#[test]
fn advantages_are_pytorchs_for_every_baseline_and_unit() {
    for case in fixture::<AdvantageCases>("advantages.json").cases {
        let rule = AdvantageRule::new(case.baseline, case.scale).with_epsilon(case.epsilon);
        let group = |(rewards, lengths)| RewardGroup { rewards, lengths };
        let groups: Vec<RewardGroup> =
            case.rewards.into_iter().zip(case.lengths).map(group).collect();
        let ours = role_advantages(&groups, &rule).concat();
        assert_eq!(ours.len(), case.advantages.concat().len());
        for (ours, theirs) in ours.iter().zip(case.advantages.concat()) {
            assert_close(*ours, theirs, &format!("{rule:?}"));
        }
    }
}

#[derive(Deserialize)]
struct Preferences {
    preferences: Vec<PreferenceCase>,
}

#[derive(Deserialize)]
struct PreferenceCase {
    beta: f64,
    label_smoothing: f64,
    chosen: Vec<f64>,
    rejected: Vec<f64>,
    chosen_reference: Vec<f64>,
    rejected_reference: Vec<f64>,
    loss: f64,
    chosen_slopes: Vec<f32>,
    rejected_slopes: Vec<f32>,
}

impl PreferenceCase {
    fn check(&self, what: &str) {
        let pair = |at: usize| PreferencePair {
            chosen: self.chosen[at],
            rejected: self.rejected[at],
            chosen_reference: self.chosen_reference[at],
            rejected_reference: self.rejected_reference[at],
        };
        let pairs: Vec<PreferencePair> = (0..self.chosen.len()).map(pair).collect();
        let rule = PreferenceRule::new(self.beta).with_label_smoothing(self.label_smoothing);
        let ours = preference_loss(&pairs, &rule);
        assert_close(ours.loss, self.loss, what);
        assert_all_close(&ours.chosen, std::slice::from_ref(&self.chosen_slopes), what);
        assert_all_close(&ours.rejected, std::slice::from_ref(&self.rejected_slopes), what);
    }
}

#[test]
fn dpo_and_spin_are_pytorchs() {
    let cases = fixture::<Preferences>("preferences.json").preferences;
    assert!(!cases.is_empty());
    cases.iter().for_each(|case| case.check("PyTorch"));
}

#[derive(Deserialize)]
struct Trl {
    policies: Vec<TrlPolicy>,
    preferences: Vec<PreferenceCase>,
    advantages: Vec<TrlAdvantages>,
}

#[derive(Deserialize)]
struct TrlPolicy {
    config: GrpoConfig,
    logprobs: Vec<Vec<f32>>,
    behaviour: Vec<Vec<f32>>,
    reference: Vec<Vec<f32>>,
    advantages: Vec<f32>,
    loss: f64,
    gradient: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct TrlAdvantages {
    rewards: Vec<f64>,
    advantages: Vec<f64>,
}

impl TrlPolicy {
    fn ours(&self) -> PolicyLoss {
        let token = |i: usize, t: usize| {
            LossToken::new(self.logprobs[i][t], self.behaviour[i][t], self.advantages[i])
                .with_reference(Some(self.reference[i][t]))
        };
        let row = |i: usize| -> Vec<LossToken> {
            (0..self.logprobs[i].len()).map(|t| token(i, t)).collect()
        };
        let sequences: Vec<Vec<LossToken>> = (0..self.logprobs.len()).map(row).collect();
        self.config.validate().unwrap();
        policy_loss(&sequences, LossTotals::of(&sequences), &self.config.loss_rule()).unwrap()
    }
}

#[test]
fn grpo_and_dpo_are_trls() {
    let Trl { policies, preferences, advantages: groups } = fixture("trl.json");
    for case in &policies {
        let (ours, what) = (case.ours(), format!("TRL, {:?}", case.config));
        assert_close(ours.loss, case.loss, &what);
        assert_all_close(&ours.gradient, &case.gradient, &what);
    }
    preferences.iter().for_each(|case| case.check("TRL"));
    let rule = AdvantageRule::new(RewardBaseline::GroupMean, AdvantageScale::Sample);
    for TrlAdvantages { rewards, advantages: theirs } in &groups {
        for (ours, theirs) in advantages(rewards, &[], &rule).iter().zip(theirs) {
            assert_close(*ours, *theirs, "TRL's advantages");
        }
    }
    assert!(policies.len() > 20 && preferences.len() == 3 && groups.len() == 4);
}
