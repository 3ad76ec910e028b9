//! The configuration of a run.

use std::fmt;

use serde::{Deserialize, Serialize};
use ssr_core::{EditScore, InjectorReward, Sampling, Thresholds};

use crate::{Error, GrpoConfig, OptimizerConfig, Result};

/// The configuration of a self-play run. Every setting has a default; a file needs only those that
/// differ.
///
/// ```
/// let config = ssr_rl::Config::from_toml("steps = 10\n[grpo]\nclip_high = 0.3\n")?;
/// assert_eq!((config.steps, config.group), (10, 8));
/// assert_eq!(config, ssr_rl::Config::default().with_steps(10).with_grpo(config.grpo));
/// assert!(ssr_rl::Config::from_toml("stepz = 10").is_err());
/// # Ok::<(), ssr_rl::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The seed of all randomness of the run. Default: 0.
    pub seed: u64,
    /// Steps of the whole run; one may be resumed with more. Default: 3.
    pub steps: u64,
    /// Attempts at each bug (paper §2.3: G = 8). Default: 8.
    pub group: usize,
    /// Bugs proposed in each step, all from one prompt. Default: 8.
    pub proposals: usize,
    /// Questions that the injector is asked in a step, each with candidates of its own; the answers to
    /// one are a group. More of them spread the bugs. Default: 1.
    pub questions: usize,
    /// Sites among which the injector chooses. Default: 24.
    pub candidates: usize,
    /// Failed attempts of a step that become bugs of the next order; the paper does not state how
    /// many do. Default: 1.
    pub higher_order: usize,
    /// The highest order of a bug (paper §2.3: 2). Default: 2.
    pub max_order: u32,
    /// α of the injector's reward (paper §2.3). Default: 0.8.
    pub alpha: f64,
    /// Who solves. Default: `policy`.
    pub solver: SolverKind,
    /// How the solver repairs. Programs choose the [`SolverProtocol`](crate::SolverProtocol) by it.
    /// Default: `line-edit`.
    pub scaffold: Scaffold,
    /// Whether solved bugs, and bugs that passed their checks, are audited: by poisoned and by empty
    /// tests, where [`SelfPlay::with_poison`](crate::SelfPlay::with_poison) says how to make them, and
    /// by the static rules. A repair that forged its passes has failed. Default: true.
    pub audit: bool,
    /// Checkpoints that are kept. Default: 3.
    pub keep_checkpoints: usize,
    /// How tokens are drawn. The trainer corrects for the weights, not for temperature or
    /// truncation: a learner [refuses](crate::Learner::check_sampling) other values than the defaults.
    pub sampling: Sampling,
    /// When an artifact counts as a bug.
    pub thresholds: Thresholds,
    /// What the solver is shown and may answer.
    pub line_edit: LineEditConfig,
    /// The same where it ranks edits.
    pub rank_edits: RankEditsConfig,
    /// The policy update.
    pub grpo: GrpoConfig,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            steps: 3,
            group: 8,
            proposals: 8,
            questions: 1,
            candidates: 24,
            higher_order: 1,
            max_order: 2,
            alpha: 0.8,
            solver: SolverKind::default(),
            scaffold: Scaffold::default(),
            audit: true,
            keep_checkpoints: 3,
            sampling: Sampling::default(),
            thresholds: Thresholds::default(),
            line_edit: LineEditConfig::default(),
            rank_edits: RankEditsConfig::default(),
            grpo: GrpoConfig::default(),
            optimizer: OptimizerConfig::default(),
        }
    }
}

/// Who answers the solver's prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SolverKind {
    /// The policy.
    #[default]
    Policy,
    /// The reversed bug. It exercises the pipeline and says nothing about the policy. Its answers
    /// are never trained on; the injector still learns from the rewards that they give it.
    Oracle,
}

impl SolverKind {
    /// The label in files and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Oracle => "oracle",
        }
    }
}

impl fmt::Display for SolverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How the solver repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scaffold {
    /// It writes one line: [`LineEdit`](crate::LineEdit).
    #[default]
    LineEdit,
    /// It ranks edits: [`RankEdits`](crate::RankEdits).
    RankEdits,
}

/// The settings of [`LineEdit`](crate::LineEdit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LineEditConfig {
    /// Tokens of the specification (the reversed weakening) that are shown. Default: 256.
    pub specification_tokens: usize,
    /// Tokens of source that are shown. Default: 512.
    pub source_tokens: usize,
    /// Tokens of the replacement line. Default: 48.
    pub answer_tokens: usize,
}

impl Default for LineEditConfig {
    fn default() -> Self {
        Self { specification_tokens: 256, source_tokens: 512, answer_tokens: 48 }
    }
}

impl LineEditConfig {
    /// Sets [`LineEditConfig::specification_tokens`].
    #[must_use]
    pub fn with_specification_tokens(mut self, specification_tokens: usize) -> Self {
        self.specification_tokens = specification_tokens;
        self
    }

    /// Sets [`LineEditConfig::source_tokens`].
    #[must_use]
    pub fn with_source_tokens(mut self, source_tokens: usize) -> Self {
        self.source_tokens = source_tokens;
        self
    }

    /// Sets [`LineEditConfig::answer_tokens`].
    #[must_use]
    pub fn with_answer_tokens(mut self, answer_tokens: usize) -> Self {
        self.answer_tokens = answer_tokens;
        self
    }
}

/// The settings of [`RankEdits`](crate::RankEdits).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RankEditsConfig {
    /// Tokens of source that are shown. Default: 640.
    pub source_tokens: usize,
    /// The most edits among which the solver chooses. Default: 96.
    pub candidates: usize,
    /// Tokens of an edit that count, from the first that differs. Default: 8.
    pub reach: usize,
    /// How edits are scored. Pretrained models do better by likelihood, small ones learn sooner by
    /// place. Default: by place.
    pub score: EditScore,
    /// Whether the source is shown twice, so that a model that reads forwards knows what follows each
    /// place. Pretrained models do better without. Default: true.
    pub repeat: bool,
    /// How much an edit counts for being in a suspicious line and plausible among the edits of its line:
    /// `P(c) ∝ exp(score(c)) · (suspicion / place)^w`. Default: 1.
    pub prior_weight: f64,
    /// What an edit pays, in nats, that adds or takes away lines: the likelihood of a whole line says
    /// less than that of a changed one, because models like to repeat and to leave out. Default: 0.
    pub line_cost: f64,
}

impl Default for RankEditsConfig {
    fn default() -> Self {
        let score = EditScore::Place;
        Self {
            source_tokens: 640,
            candidates: 96,
            reach: 8,
            score,
            repeat: true,
            prior_weight: 1.0,
            line_cost: 0.0,
        }
    }
}

impl RankEditsConfig {
    /// Sets [`RankEditsConfig::source_tokens`].
    #[must_use]
    pub fn with_source_tokens(mut self, source_tokens: usize) -> Self {
        self.source_tokens = source_tokens;
        self
    }

    /// Sets [`RankEditsConfig::candidates`].
    #[must_use]
    pub fn with_candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }

    /// Sets [`RankEditsConfig::reach`].
    #[must_use]
    pub fn with_reach(mut self, reach: usize) -> Self {
        self.reach = reach;
        self
    }

    /// Sets [`RankEditsConfig::score`].
    #[must_use]
    pub fn with_score(mut self, score: EditScore) -> Self {
        self.score = score;
        self
    }

    /// Sets [`RankEditsConfig::repeat`].
    #[must_use]
    pub fn with_repeat(mut self, repeat: bool) -> Self {
        self.repeat = repeat;
        self
    }

    /// Sets [`RankEditsConfig::prior_weight`].
    #[must_use]
    pub fn with_prior_weight(mut self, prior_weight: f64) -> Self {
        self.prior_weight = prior_weight;
        self
    }

    /// Sets [`RankEditsConfig::line_cost`].
    #[must_use]
    pub fn with_line_cost(mut self, line_cost: f64) -> Self {
        self.line_cost = line_cost;
        self
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`Error::ConfigSyntax`] names the line, [`Error::Config`] the setting.
    pub fn from_toml(text: &str) -> Result<Self> {
        let config: Self =
            toml::from_str(text).map_err(|error| Error::config_syntax(error.to_string(), error))?;
        config.validate()?;
        Ok(config)
    }

    /// The injector's reward with this configuration's α.
    pub fn injector_reward(&self) -> InjectorReward {
        InjectorReward::with_alpha(self.alpha)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let check = |key, ok: bool, expected: &str| {
            if ok { Ok(()) } else { Err(Error::Config { key, problem: expected.to_owned() }) }
        };
        check("steps", self.steps >= 1, "must be 1 or more")?;
        let pair = "must be 2 or more: rewards are compared within a group";
        check("group", self.group >= 2, pair)?;
        check("group", self.group <= 1024, "must be 1024 or less")?;
        check("proposals", self.proposals >= 2, pair)?;
        check("proposals", self.proposals <= 1024, "must be 1024 or less")?;
        let questions = 1..=self.proposals / 2;
        check(
            "questions",
            questions.contains(&self.questions),
            "must be 1 or more, and leave two proposals to each",
        )?;
        let sites = "must be in 2..=1000: the injector chooses among them";
        check("candidates", (2..=1000).contains(&self.candidates), sites)?;
        check("max_order", (1..=2).contains(&self.max_order), "must be 1 or 2")?;
        check("alpha", (0.0..=1.0).contains(&self.alpha), "must be in 0..=1")?;
        check("keep_checkpoints", self.keep_checkpoints >= 1, "must be 1 or more")?;
        let Sampling { temperature, top_p, .. } = self.sampling;
        let warm = temperature.is_finite() && temperature > 0.0;
        check("sampling.temperature", warm, "must be more than 0: a group must differ")?;
        check("sampling.top_p", top_p > 0.0 && top_p <= 1.0, "must be in 0..=1 and not 0")?;
        let shown = self.line_edit;
        check("line_edit.source_tokens", shown.source_tokens >= 16, "must be 16 or more")?;
        check("line_edit.answer_tokens", shown.answer_tokens >= 1, "must be 1 or more")?;
        let ranked = self.rank_edits;
        check("rank_edits.source_tokens", ranked.source_tokens >= 16, "must be 16 or more")?;
        check("rank_edits.candidates", ranked.candidates >= 2, "must be 2 or more")?;
        check("rank_edits.reach", ranked.reach >= 1, "must be 1 or more")?;
        let weight = |value: f64| (0.0..=1000.0).contains(&value);
        check("rank_edits.prior_weight", weight(ranked.prior_weight), "must be in 0..=1000")?;
        check("rank_edits.line_cost", weight(ranked.line_cost), "must be in 0..=1000")?;
        self.grpo.validate()?;
        self.optimizer.validate()
    }
}

impl Config {
    /// Sets [`Config::seed`].
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets [`Config::steps`].
    #[must_use]
    pub fn with_steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Sets [`Config::group`].
    #[must_use]
    pub fn with_group(mut self, group: usize) -> Self {
        self.group = group;
        self
    }

    /// Sets [`Config::proposals`].
    #[must_use]
    pub fn with_proposals(mut self, proposals: usize) -> Self {
        self.proposals = proposals;
        self
    }

    /// Sets [`Config::questions`].
    #[must_use]
    pub fn with_questions(mut self, questions: usize) -> Self {
        self.questions = questions;
        self
    }

    /// Sets [`Config::candidates`].
    #[must_use]
    pub fn with_candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }

    /// Sets [`Config::higher_order`].
    #[must_use]
    pub fn with_higher_order(mut self, higher_order: usize) -> Self {
        self.higher_order = higher_order;
        self
    }

    /// Sets [`Config::max_order`].
    #[must_use]
    pub fn with_max_order(mut self, max_order: u32) -> Self {
        self.max_order = max_order;
        self
    }

    /// Sets [`Config::alpha`].
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets [`Config::solver`].
    #[must_use]
    pub fn with_solver(mut self, solver: SolverKind) -> Self {
        self.solver = solver;
        self
    }

    /// Sets [`Config::scaffold`].
    #[must_use]
    pub fn with_scaffold(mut self, scaffold: Scaffold) -> Self {
        self.scaffold = scaffold;
        self
    }

    /// Sets [`Config::audit`].
    #[must_use]
    pub fn with_audit(mut self, audit: bool) -> Self {
        self.audit = audit;
        self
    }

    /// Sets [`Config::keep_checkpoints`].
    #[must_use]
    pub fn with_keep_checkpoints(mut self, keep_checkpoints: usize) -> Self {
        self.keep_checkpoints = keep_checkpoints;
        self
    }

    /// Sets [`Config::sampling`].
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets [`Config::thresholds`].
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Sets [`Config::line_edit`].
    #[must_use]
    pub fn with_line_edit(mut self, line_edit: LineEditConfig) -> Self {
        self.line_edit = line_edit;
        self
    }

    /// Sets [`Config::rank_edits`].
    #[must_use]
    pub fn with_rank_edits(mut self, rank_edits: RankEditsConfig) -> Self {
        self.rank_edits = rank_edits;
        self
    }

    /// Sets [`Config::grpo`].
    #[must_use]
    pub fn with_grpo(mut self, grpo: GrpoConfig) -> Self {
        self.grpo = grpo;
        self
    }

    /// Sets [`Config::optimizer`].
    #[must_use]
    pub fn with_optimizer(mut self, optimizer: OptimizerConfig) -> Self {
        self.optimizer = optimizer;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_toml() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(Config::from_toml(&text).unwrap(), Config::default());
        assert_eq!(Config::from_toml("").unwrap(), Config::default());
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (text, named) in [
            ("group = 1", "group"),
            ("alpha = 2.0", "alpha"),
            ("steps = 0", "steps"),
            ("steps = -1", "steps"),
            ("[grpo]\nclip_low = 7.0", "grpo.clip_low"),
            ("[optimizer]\nbeta1 = 1.0", "optimizer.beta1"),
            ("[optimizer]\nbeta3 = 1.0", "beta3"),
            ("[sampling]\ntemperature = 0.0", "sampling.temperature"),
            ("solver = \"cheat\"", "cheat"),
        ] {
            let error = Config::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
