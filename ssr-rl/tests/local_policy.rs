//! GRPO on a real, small transformer.

mod toy;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ssr_core::{
    Completion, EditRanking, EditScore, Episode, Message, RankedEdit, Request, Role, Sampling,
    Seed, Segment, Suites, Thresholds, Turn,
};
use ssr_policy::{LocalPolicy, LoraConfig, Model, ModelConfig, Tokenizer};
use ssr_rl::{
    Batch, Config, CovarianceGuard, GrpoConfig, GrpoLearner, Learner, LineEditConfig, LossKind,
    OptimizerConfig, RewardBaseline, SelfPlay, Start, UpdateMetrics, score,
};
use toy::{ToyInjector, ToySandbox, contents};

fn policy() -> LocalPolicy {
    let text = "Choose one: 00 01 02 03 04 05 06 07\nalpha = 1\nbeta = 2\nexpect gamma 3\n";
    let tokenizer = Tokenizer::train([text], 300).unwrap();
    LocalPolicy::new(Model::new(config(&tokenizer), Seed::new(1)).unwrap(), tokenizer).unwrap()
}

fn config(tokenizer: &Tokenizer) -> ModelConfig {
    ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(32)
        .with_intermediate_size(64)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(2)
        .with_num_key_value_heads(1)
        .with_head_dim(16)
}

fn learner() -> GrpoLearner {
    learner_with(GrpoConfig::default().with_loss_constant(8.0))
}

fn learner_with(grpo: GrpoConfig) -> GrpoLearner {
    learner_of(policy(), grpo)
}

fn learner_of(policy: LocalPolicy, grpo: GrpoConfig) -> GrpoLearner {
    let optimizer = OptimizerConfig::default().with_learning_rate(1e-2).with_warmup_steps(0);
    GrpoLearner::new(policy, grpo, optimizer).unwrap()
}

fn request(seed: Seed, free: bool) -> Request {
    let labels = (0..8).map(|label| format!("{label:02}")).collect();
    let mut answer = vec![Segment::Choice(labels)];
    if free {
        answer.push(Segment::Forced(": ".into()));
        answer.push(Segment::Free { max_tokens: 6, stop: vec!["\n".into()] });
    }
    Request::new(vec![Message::user("Choose one.")], answer, seed)
}

fn episode(step: u64, index: usize, completion: &Completion, reward: f64) -> Episode {
    let turns = [Turn::from(completion.clone())];
    Episode::new(Role::Solver, step, "group", index)
        .with_trajectory(turns.into_iter().collect())
        .with_reward(reward, "")
}

/// A group of episodes that are rewarded for choosing 05.
fn group(learner: &GrpoLearner, step: u64, free: bool) -> Vec<Episode> {
    let requests: Vec<Request> =
        (0..24).map(|index| request(Seed::new(step).index(index), free)).collect();
    let completions = learner.policy().complete(&requests).unwrap();
    let reward = |completion: &Completion| if completion.parts[0] == "05" { 1.0 } else { -1.0 };
    let each = completions.iter().enumerate();
    each.map(|(index, c)| episode(step, index, c, reward(c))).collect()
}

/// The probability of the answer of `episode` under the current weights.
fn probability(learner: &GrpoLearner, episode: &Episode) -> f32 {
    let pair = [episode.clone(), episode.clone().with_reward(episode.reward + 1.0, "")];
    let batch = Batch::new(&pair, 0, &GrpoConfig::default()).unwrap();
    let scored = learner.local_policy().with_model(|model| score(model, &batch.sequences));
    let logprobs: Vec<f32> = scored.unwrap().logprobs.to_vec1().unwrap();
    logprobs.iter().sum::<f32>().exp()
}

#[test]
fn rewarding_a_choice_makes_it_likely() {
    let mut learner = learner();
    let start = group(&learner, 0, false);
    let good = start.iter().find(|episode| episode.reward == 1.0).unwrap().clone();
    let before = probability(&learner, &good);
    for step in 0..10 {
        let episodes = group(&learner, step, false);
        let metrics = learner.learn(&episodes).unwrap();
        assert!(metrics.updated && metrics.grad_norm > 0.0 && metrics.entropy > 0.0);
    }
    let after = probability(&learner, &good);
    assert!(before < 0.3 && after > 0.8, "from {before} to {after}");
    assert_eq!(learner.weight_version(), 10);
}

/// Attempts at a text of which the third edit is the right one, ranked by the policy.
fn ranked_group(learner: &GrpoLearner, step: u64, score: EditScore) -> Vec<Episode> {
    let edits = ["1", "2", "4", "gamma", "beta", "expect"];
    let edits = edits.map(|new| RankedEdit::new(7..8, new));
    let ranking = EditRanking::new("alpha = 3\nbeta = 2\n").with_edits(edits);
    let ranking = ranking.with_score(score);
    let answer = vec![Segment::Ranked(Arc::new(ranking))];
    let ranked = |index| Request::new(Vec::new(), answer.clone(), Seed::new(step).index(index));
    // Requests of other kinds come between them.
    let requests = (0..24).flat_map(|index| [ranked(index), request(Seed::new(index), false)]);
    let completions = learner.policy().complete(&requests.collect::<Vec<_>>()).unwrap();
    let ranked = completions.iter().step_by(2).enumerate();
    let reward = |completion: &Completion| if completion.text() == "2" { 1.0 } else { -1.0 };
    ranked.map(|(index, c)| episode(step, index, c, reward(c))).collect()
}

#[test]
fn rewarding_an_edit_ranks_it_first_and_every_ratio_is_one() {
    for score in [EditScore::Place, EditScore::Likelihood] {
        rewarding_an_edit_ranks_it_first(score);
    }
}

fn rewarding_an_edit_ranks_it_first(score: EditScore) {
    let mut learner = learner_with(
        GrpoConfig::default().with_baseline(RewardBaseline::GroupMean).with_loss_constant(8.0),
    );
    let share = |episodes: &[Episode]| episodes.iter().filter(|e| e.reward == 1.0).count();
    let before = ranked_group(&learner, 0, score);
    assert!((1..12).contains(&share(&before)), "{}", share(&before));
    for step in 0..12 {
        let episodes = ranked_group(&learner, step, score);
        let metrics = learner.learn(&episodes).unwrap();
        assert_eq!(metrics.logprob_gap_max, 0.0);
        if metrics.updated {
            assert!(metrics.mean_ratio == 1.0 && metrics.entropy >= 0.0 && metrics.grad_norm > 0.0);
        }
    }
    let after = ranked_group(&learner, 99, score);
    assert!(share(&after) > 20, "{} of 24, from {}", share(&after), share(&before));
}

#[test]
fn a_ranking_that_cannot_be_served_is_named() {
    let learner = learner();
    let ranking = |edits: Vec<RankedEdit>| {
        let ranking = EditRanking::new("a = 1\n").with_edits(edits);
        Request::new(Vec::new(), vec![Segment::Ranked(Arc::new(ranking))], Seed::new(0))
    };
    let good = ranking(vec![RankedEdit::new(0..1, "b")]);
    let outside = ranking(vec![RankedEdit::new(0..9, "b")]);
    let mut beside = good.clone();
    beside.answer.push(Segment::Forced("more".into()));
    let cut = good.clone().with_sampling(Sampling::default().with_top_k(1));
    for (bad, named) in [
        (ranking(Vec::new()), "no edit"),
        (outside, "does not fit"),
        (beside, "alone"),
        (cut, "truncation"),
    ] {
        let error = learner.policy().complete(&[good.clone(), bad]).unwrap_err().to_string();
        assert!(error.contains("request 1") && error.contains(named), "{error}");
    }
    assert_eq!(learner.policy().complete(&[good]).unwrap()[0].text(), "0");
}

/// The metrics of some updates on fresh groups.
fn train(learner: &mut GrpoLearner, steps: u64) -> Vec<UpdateMetrics> {
    (0..steps)
        .map(|step| {
            let episodes = group(learner, step, false);
            learner.learn(&episodes).unwrap()
        })
        .collect()
}

#[test]
fn every_loss_makes_a_rewarded_choice_likely() {
    for loss in LossKind::ALL {
        let mut learner = learner_with(GrpoConfig::default().with_loss(loss));
        let start = group(&learner, 0, false);
        let good = start.iter().find(|episode| episode.reward == 1.0).unwrap().clone();
        let before = probability(&learner, &good);
        train(&mut learner, 6);
        let after = probability(&learner, &good);
        assert!(after > 1.5 * before, "{loss}: from {before} to {after}");
    }
}

#[test]
fn penalties_hold_the_policy_back() {
    let plain = GrpoConfig::default().with_loss(LossKind::Grpo);
    let free = train(&mut learner_with(plain), 6);
    assert!(free.iter().all(|metrics| metrics.reference_kl == 0.0));
    let held = train(&mut learner_with(plain.with_kl_coefficient(5.0)), 6);
    assert_eq!(held[0].reference_kl, 0.0, "it is its own reference at the start");
    assert!(held[5].reference_kl > 0.0 && held[5].entropy > free[5].entropy);
    let spread = train(&mut learner_with(plain.with_entropy_coefficient(2.0)), 6);
    assert!(spread[5].entropy > free[5].entropy, "{} {}", spread[5].entropy, free[5].entropy);
    // The first step of a guarded loss is made with the numbers of two passes.
    let guarded = plain.with_guard(CovarianceGuard::KlCov).with_guard_share(0.25);
    let metrics = train(&mut learner_with(guarded), 1).remove(0);
    assert_eq!((metrics.guarded_fraction, metrics.policy_loss), (0.25, free[0].policy_loss));
}

#[test]
fn a_policy_does_not_learn_from_samples_that_are_not_its_own() {
    let plain = Sampling::default();
    learner().check_sampling(&plain).unwrap();
    for (sampling, key) in [
        (plain.with_temperature(0.7), "sampling.temperature"),
        (plain.with_top_p(0.95), "sampling.top_p"),
        (plain.with_top_k(20), "sampling.top_k"),
        (plain.with_min_p(0.1), "sampling.min_p"),
    ] {
        let config = toy::config().with_sampling(sampling);
        let suites = || Suites::new(ToySandbox, ssr_core::Limits::default());
        let injector = ToyInjector::default();
        let play = SelfPlay::new(toy::repository(), suites(), injector, learner(), config);
        let error = play.err().unwrap();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn trainer_and_sampler_agree_exactly_while_the_weights_are_the_same() {
    let mut learner = learner();
    let episodes = group(&learner, 1, true);
    let UpdateMetrics {
        mean_ratio, approx_kl, logprob_gap_max, clip_fraction, train_tokens, ..
    } = learner.learn(&episodes).unwrap();
    assert!(train_tokens > episodes.len());
    assert_eq!((mean_ratio, approx_kl, logprob_gap_max, clip_fraction), (1.0, 0.0, 0.0, 0.0));
    // The same episodes are one version old now, and no longer exactly on policy.
    let metrics = learner.learn(&episodes).unwrap();
    assert!(metrics.mean_ratio != 1.0 && metrics.approx_kl > 0.0);
    assert_eq!(metrics.logprob_gap_max, 0.0);
}

#[test]
fn a_group_without_contrast_costs_nothing_and_changes_nothing() {
    let mut learner = learner();
    let mut episodes = group(&learner, 1, false);
    episodes.iter_mut().for_each(|episode| episode.reward = -1.0);
    let metrics = learner.learn(&episodes).unwrap();
    assert_eq!((metrics.updated, metrics.skipped_episodes, metrics.train_tokens), (false, 24, 0));
    assert_eq!((learner.weight_version(), learner.optimizer().updates()), (0, 0));
}

#[test]
fn a_restored_learner_goes_on_bit_for_bit() {
    goes_on(learner, "model.safetensors");
}

#[test]
fn a_checkpoint_of_an_adapter_holds_it_alone_and_goes_on_bit_for_bit() {
    let adapted = || {
        let tokenizer = policy().tokenizer().clone();
        let model = Model::new(config(&tokenizer), Seed::new(1)).unwrap();
        let adapter = LoraConfig::default().with_rank(4);
        let model = model.with_adapter(adapter, Seed::new(2)).unwrap();
        learner_of(LocalPolicy::new(model, tokenizer).unwrap(), GrpoConfig::default())
    };
    let checkpoint = goes_on(adapted, "adapter_model.safetensors");
    assert!(!checkpoint.contains_key("model.safetensors"), "{:?}", checkpoint.keys());
}

/// Saves, restores and compares learners that are made alike; returns what a checkpoint holds.
fn goes_on(learner: impl Fn() -> GrpoLearner, weights: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let saved = |learner: &GrpoLearner, name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        learner.save(&path).unwrap();
        path
    };
    let mut straight = learner();
    let first = group(&straight, 1, true);
    straight.learn(&first).unwrap();
    let checkpoint = saved(&straight, "checkpoint");
    let second = group(&straight, 2, true);
    straight.learn(&second).unwrap();

    let mut resumed = learner();
    resumed.restore(&checkpoint, 1).unwrap();
    assert_eq!(group(&resumed, 2, true), second);
    resumed.learn(&second).unwrap();
    let [a, b] = [saved(&straight, "a"), saved(&resumed, "b")];
    assert!(contents(&a) == contents(&b));

    let held = contents(&checkpoint).into_iter().collect();
    std::fs::write(checkpoint.join(weights), "damaged").unwrap();
    let error = resumed.restore(&checkpoint, 1).unwrap_err();
    assert!(matches!(error, ssr_rl::Error::Checkpoint { .. }), "{error}");
    held
}

#[test]
fn the_micro_batch_does_not_matter() {
    let learner = learner();
    let episodes = group(&learner, 1, true);
    let gradients = |micro_batch_tokens| {
        let config = GrpoConfig::default().with_micro_batch_tokens(micro_batch_tokens);
        let batch = Batch::new(&episodes, 0, &config).unwrap();
        learner.local_policy().with_model(|model| {
            let score = |some: &[_]| score(model, some);
            let vars = model.vars();
            let (gradients, metrics) =
                ssr_rl::policy_gradient(&batch, &config, vars, score).unwrap();
            let flat: Vec<f32> =
                (0..vars.len()).flat_map(|at| gradients.get(at).unwrap().to_vec()).collect();
            (flat, metrics.policy_loss)
        })
    };
    let ((one, loss_one), (many, loss_many)) = (gradients(usize::MAX), gradients(1));
    assert_eq!(loss_one, loss_many);
    let scale = one.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!(scale > 0.0);
    for (a, b) in one.iter().zip(&many) {
        assert!((a - b).abs() <= 1e-5 * scale, "{a} and {b} at a scale of {scale}");
    }
}

#[test]
fn the_whole_loop_runs_with_a_real_model_and_resumes_bit_for_bit() {
    let config = |steps| {
        Config::default()
            .with_steps(steps)
            .with_group(2)
            .with_proposals(4)
            .with_thresholds(Thresholds::default().with_min_passing_tests(1))
            .with_line_edit(LineEditConfig::default().with_answer_tokens(6))
    };
    let play = |path: &Path, steps, start| {
        let suites = Suites::new(ToySandbox, ssr_core::Limits::default());
        let injector = ToyInjector::default();
        let learner = learner();
        SelfPlay::new(toy::repository(), suites, injector, learner, config(steps))
            .unwrap()
            .run(path, start, &())
            .unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
    let summary = play(&straight, 2, Start::Fresh);
    assert!(summary.tokens_generated > 0 && summary.bugs_valid > 0);
    play(&resumed, 1, Start::Fresh);
    play(&resumed, 2, Start::Resume);
    for name in ["bugs", "episodes", "checkpoints"] {
        assert!(contents(&straight.join(name)) == contents(&resumed.join(name)), "{name}");
    }
}
