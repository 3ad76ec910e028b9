//! What a policy starts from, and the settings that suit it.

use std::path::Path;

use clap::ValueEnum;
use ssr_core::{EditScore, File, Seed, Tree};
use ssr_policy::{LocalPolicy, LoraConfig, Model, ModelConfig, Tokenizer};
use ssr_rl::{Config, GrpoConfig, RankEditsConfig, RewardBaseline, Scaffold};

use crate::{Failure, Result};

/// The size of the vocabulary of a policy with random weights.
const VOCABULARY: usize = 2048;

/// What a policy starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum StartingPoint {
    /// A small transformer with random weights and a tokenizer made of the repository
    Zero,
    /// SmolLM2-135M-Instruct, whose adapter is trained
    Smollm2,
}

impl StartingPoint {
    /// What suits the policy, where no file says it: it ranks edits, and its rewards are compared with
    /// the mean of their group. A pretrained one reads the source once and compares likelihoods of
    /// lines.
    pub fn settings(self) -> Config {
        let grpo = GrpoConfig::default().with_baseline(RewardBaseline::GroupMean);
        let grpo = grpo.with_loss_constant(64.0);
        let config = Config::default().with_scaffold(Scaffold::RankEdits).with_grpo(grpo);
        if self == Self::Zero {
            let optimizer = config.optimizer.with_learning_rate(1e-3);
            return config.with_optimizer(optimizer);
        }
        let ranked = RankEditsConfig::default().with_score(EditScore::Likelihood);
        let optimizer = config.optimizer.with_learning_rate(2e-4);
        // Chosen by 36 bugs of toolz, before anything was trained on it.
        let ranked = ranked.with_candidates(32).with_prior_weight(2.0).with_line_cost(6.0);
        let config = config.with_rank_edits(ranked.with_repeat(false));
        config.with_questions(4).with_candidates(8).with_optimizer(optimizer)
    }
}

/// An untrained policy with a tokenizer made of the text of repositories.
///
/// # Errors
/// [`Failure::Infrastructure`] when memory runs out.
pub fn untrained_policy<'a>(
    trees: impl IntoIterator<Item = &'a Tree>,
    seed: Seed,
) -> Result<LocalPolicy> {
    let broke = |error: ssr_policy::Error| Failure::Infrastructure(error.to_string());
    let python = |tree: &'a Tree| tree.files().filter(|(path, _)| path.extension() == Some("py"));
    let texts = trees.into_iter().flat_map(python).filter_map(|(_, file)| File::text(file));
    let tokenizer = Tokenizer::train(texts, VOCABULARY).map_err(broke)?;
    let config = ModelConfig::tiny(tokenizer.vocab_size());
    let model = Model::new(config, seed.derive("weights")).map_err(broke)?;
    LocalPolicy::new(model, tokenizer).map_err(broke)
}

/// A pretrained policy of which an adapter is trained; the path is that of a GGUF file.
///
/// # Errors
/// [`Failure::Infrastructure`] when it cannot be read.
pub fn pretrained_policy(file: &Path, seed: Seed) -> Result<LocalPolicy> {
    let broke = |error: ssr_policy::Error| Failure::Infrastructure(error.to_string());
    let tokenizer = Tokenizer::load(file).map_err(broke)?;
    let adapter = LoraConfig::default();
    let model =
        Model::load(file).and_then(|model| model.with_adapter(adapter, seed.derive("adapter")));
    LocalPolicy::new(model.map_err(broke)?, tokenizer).map_err(broke)
}
