//! The settings of the policy update.

use serde::{Deserialize, Serialize};
use ssr_core::Role;

use super::{
    AdvantageRule, AdvantageScale, Clip, CorrectionRule, CovarianceGuard, GuardRule, KlEstimator,
    LossAggregation, LossKind, LossRule, OffPolicyCorrection, RatioLevel, RewardBaseline,
};
use crate::{Error, Result};

/// The settings of the policy update.
///
/// [`GrpoConfig::loss`] names an algorithm. Settings that are `None` are then those of its authors,
/// as its table says; the defaults follow CWM (§5) and the paper (App. C).
///
/// ```
/// use ssr_core::Role;
/// use ssr_rl::{AdvantageScale, GrpoConfig, LossKind, RewardBaseline};
///
/// let config = GrpoConfig::default().with_loss(LossKind::Dapo).with_clip_high(0.3);
/// let rule = config.loss_rule();
/// assert_eq!((rule.clip.low, rule.clip.high), (0.2, 0.3));
/// assert_eq!(config.advantage_rule(Role::Solver).scale, AdvantageScale::Sample);
/// assert!(config.with_scale_epsilon(-1.0).validate().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GrpoConfig {
    /// The policy loss. Default: `cwm`.
    pub loss: LossKind,
    /// What rewards are compared with. Default: that of the loss; `length-weighted` for `cwm`.
    pub baseline: Option<RewardBaseline>,
    /// What the injector's rewards are compared with, where it is not [`GrpoConfig::baseline`].
    pub injector_baseline: Option<RewardBaseline>,
    /// The unit of advantages. Default: that of the loss; `none` for `cwm`.
    pub scale: Option<AdvantageScale>,
    /// ε of that unit. Default: 1e-4 for `sample`, 1e-8 for `batch`, 1e-6 for `population`.
    pub scale_epsilon: Option<f64>,
    /// Whether groups whose rewards are all equal are left out of every mean and penalty. Default:
    /// true for `cwm` and `dapo` (its dynamic sampling), false for the others.
    pub filter_flat_groups: Option<bool>,
    /// ε below 1 at which ratios are clipped. Default: that of the loss; 0.20 for `cwm`.
    pub clip_low: Option<f64>,
    /// ε above 1 at which ratios are clipped. Default: that of the loss; 0.25 for `cwm`.
    pub clip_high: Option<f64>,
    /// c of dual clipping: a token with a negative advantage costs at most `c |A|`. 0: no bound.
    /// Default: 3, as in verl.
    pub dual_clip: f64,
    /// What the summed loss is divided by. Default: that of the loss; `constant` for `cwm`.
    pub aggregation: Option<LossAggregation>,
    /// C, by which `constant` and `sequence-constant` divide. CWM uses its context length, Dr.GRPO
    /// the length of the longest answer. Default: 1024.
    pub loss_constant: f64,
    /// How the divergence from a reference is estimated. Default: `k3`.
    pub kl: KlEstimator,
    /// β, what a nat of divergence from the reference costs (GRPO used 0.04). Default: 0, none.
    pub kl_coefficient: f64,
    /// What a nat of entropy earns, estimated from the sampled tokens. Default: 0, nothing.
    pub entropy_coefficient: f64,
    /// What is done about tokens that other weights have drawn. Default: `none`.
    pub correction: OffPolicyCorrection,
    /// C, the largest weight of a correction. Default: 2.
    pub correction_cap: f64,
    /// The smallest weight that a masking correction keeps. Default: 0.
    pub correction_floor: f64,
    /// What is done about tokens that cost entropy. It needs two passes of the model over a batch.
    /// Default: `none`.
    pub guard: CovarianceGuard,
    /// The share of tokens that the guard chooses. Default: 2e-4, as in verl.
    pub guard_share: f64,
    /// `clip-cov` chooses among tokens with a covariance above this. Default: 1, as in verl.
    pub guard_low: f64,
    /// `clip-cov` chooses among tokens with a covariance below this. Default: 5, as in verl.
    pub guard_high: f64,
    /// What `|log ρ|` costs a token that `kl-cov` chooses. Default: 1, as in verl.
    pub guard_coefficient: f64,
    /// Tokens drawn by weights more than this many versions ago are not trained on. Default: 8.
    pub max_staleness: u64,
    /// Tokens in one forward and backward pass, prompts included. Bounds the memory; the result does
    /// not depend on it. A longer single sequence is its own pass. Default: 4096.
    pub micro_batch_tokens: usize,
}

impl Default for GrpoConfig {
    fn default() -> Self {
        let (rule, guard) = (CorrectionRule::default(), GuardRule::default());
        Self {
            loss: LossKind::default(),
            baseline: None,
            injector_baseline: None,
            scale: None,
            scale_epsilon: None,
            filter_flat_groups: None,
            clip_low: None,
            clip_high: None,
            dual_clip: 3.0,
            aggregation: None,
            loss_constant: 1024.0,
            kl: KlEstimator::default(),
            kl_coefficient: 0.0,
            entropy_coefficient: 0.0,
            correction: rule.kind,
            correction_cap: rule.cap,
            correction_floor: rule.floor,
            guard: guard.kind,
            guard_share: guard.share,
            guard_low: guard.low,
            guard_high: guard.high,
            guard_coefficient: guard.coefficient,
            max_staleness: 8,
            micro_batch_tokens: 4096,
        }
    }
}

impl GrpoConfig {
    /// The two clip bounds.
    pub fn clip(&self) -> Clip {
        let Clip { low, high } = self.loss.recipe().clip;
        Clip { low: self.clip_low.unwrap_or(low), high: self.clip_high.unwrap_or(high) }
    }

    /// The policy loss with all that is given and all that its authors use else.
    pub fn loss_rule(&self) -> LossRule {
        let recipe = self.loss.recipe();
        LossRule {
            ratio: recipe.ratio,
            surrogate: recipe.surrogate,
            clip: self.clip(),
            dual_clip: self.dual_clip,
            aggregation: self.aggregation.unwrap_or(recipe.aggregation),
            constant: self.loss_constant,
            kl: self.kl,
            kl_coefficient: self.kl_coefficient,
            entropy_coefficient: self.entropy_coefficient,
            correction: CorrectionRule::new(self.correction, self.correction_cap)
                .with_floor(self.correction_floor),
            guard: GuardRule::new(self.guard, self.guard_share)
                .with_bounds(self.guard_low, self.guard_high)
                .with_coefficient(self.guard_coefficient),
        }
    }

    /// How the rewards of a role become advantages.
    pub fn advantage_rule(&self, role: Role) -> AdvantageRule {
        let recipe = self.loss.recipe();
        let own = if role == Role::Injector { self.injector_baseline } else { None };
        let baseline = own.or(self.baseline).unwrap_or(recipe.baseline);
        let rule = AdvantageRule::new(baseline, self.scale.unwrap_or(recipe.scale));
        rule.with_epsilon(self.scale_epsilon.unwrap_or(rule.epsilon))
    }

    /// Whether groups whose rewards are all equal are left out.
    pub fn filters_flat_groups(&self) -> bool {
        self.filter_flat_groups.unwrap_or(self.loss.recipe().filter)
    }

    /// Whether the loss needs the log-probabilities of a reference.
    pub fn needs_reference(&self) -> bool {
        self.kl_coefficient > 0.0
    }

    /// Whether an episode with the advantage 0 matters: by a penalty, or to the covariances.
    pub fn trains_every_episode(&self) -> bool {
        let guarded = self.guard != CovarianceGuard::None;
        guarded || self.needs_reference() || self.entropy_coefficient > 0.0
    }

    /// Checks every setting, and those that contradict each other.
    ///
    /// # Errors
    /// [`Error::Config`] for the first setting that is out of its range or at odds with another.
    pub fn validate(&self) -> Result<()> {
        let check = |key, ok: bool, expected: &str| {
            if ok { Ok(()) } else { Err(Error::Config { key, problem: expected.to_owned() }) }
        };
        let some = |x: f64| x.is_finite() && x >= 0.0;
        let more = |x: f64| x.is_finite() && x > 0.0;
        let (clip, rule) = (self.clip(), self.loss_rule());
        check("grpo.clip_low", (0.0..=1.0).contains(&clip.low), "must be in 0..=1")?;
        check("grpo.clip_high", some(clip.high), "must be 0 or more")?;
        let dual = self.dual_clip == 0.0 || (self.dual_clip.is_finite() && self.dual_clip > 1.0);
        check("grpo.dual_clip", dual, "must be more than 1, or 0 for no bound")?;
        check("grpo.loss_constant", more(self.loss_constant), "must be more than 0")?;
        let epsilon = self.scale_epsilon.is_none_or(more);
        check("grpo.scale_epsilon", epsilon, "must be more than 0")?;
        check("grpo.kl_coefficient", some(self.kl_coefficient), "must be 0 or more")?;
        check("grpo.entropy_coefficient", some(self.entropy_coefficient), "must be 0 or more")?;
        check("grpo.correction_cap", more(self.correction_cap), "must be more than 0")?;
        let share = self.guard_share > 0.0 && self.guard_share <= 1.0;
        check("grpo.guard_share", share, "must be in 0..=1 and not 0")?;
        let bounds = self.guard_low.is_finite() && self.guard_low < self.guard_high;
        check("grpo.guard_low", bounds, "must be less than grpo.guard_high")?;
        check("grpo.guard_coefficient", some(self.guard_coefficient), "must be 0 or more")?;
        check("grpo.micro_batch_tokens", self.micro_batch_tokens > 0, "must be 1 or more")?;
        self.contradictions(&rule)
    }

    fn contradictions(&self, rule: &LossRule) -> Result<()> {
        let check = |key, ok: bool, problem: String| {
            if ok { Ok(()) } else { Err(Error::Config { key, problem }) }
        };
        let (loss, token) = (self.loss, rule.ratio == RatioLevel::Token);
        let mean = token || rule.aggregation == LossAggregation::SequenceMean;
        let problem = format!("must be `sequence-mean`: {loss} weighs sequences as wholes");
        check("grpo.aggregation", mean, problem)?;
        let problem = "must not be `k1` with a grpo.kl_coefficient: as a loss, k1 has the mean \
                       gradient 0; `unbiased` has the gradient of k1 in the reward";
        let pulls = self.kl != KlEstimator::K1 || self.kl_coefficient == 0.0;
        check("grpo.kl", pulls, problem.to_owned())?;
        let cispo = loss == LossKind::Cispo;
        let problem = format!("must be `none`: {loss} weighs tokens by their ratio already");
        check("grpo.correction", !(cispo && self.correction.is_some()), problem)?;
        let within = (0.0..=self.correction_cap).contains(&self.correction_floor);
        let problem = "must be in 0..=grpo.correction_cap".to_owned();
        check("grpo.correction_floor", within, problem)?;
        let masks = self.correction.masks() || self.correction_floor == 0.0;
        let problem = "must be 0: only `token-mask` and `sequence-mask` have a floor".to_owned();
        check("grpo.correction_floor", masks, problem)?;
        let guarded = self.guard == CovarianceGuard::None || (token && !cispo);
        let problem = format!("must be `none`: {loss} does not clip the ratios of tokens");
        check("grpo.guard", guarded, problem)
    }
}

impl GrpoConfig {
    /// Sets [`GrpoConfig::loss`].
    #[must_use]
    pub fn with_loss(mut self, loss: LossKind) -> Self {
        self.loss = loss;
        self
    }

    /// Sets [`GrpoConfig::baseline`].
    #[must_use]
    pub fn with_baseline(mut self, baseline: RewardBaseline) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Sets [`GrpoConfig::injector_baseline`].
    #[must_use]
    pub fn with_injector_baseline(mut self, injector_baseline: RewardBaseline) -> Self {
        self.injector_baseline = Some(injector_baseline);
        self
    }

    /// Sets [`GrpoConfig::scale`].
    #[must_use]
    pub fn with_scale(mut self, scale: AdvantageScale) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Sets [`GrpoConfig::scale_epsilon`].
    #[must_use]
    pub fn with_scale_epsilon(mut self, scale_epsilon: f64) -> Self {
        self.scale_epsilon = Some(scale_epsilon);
        self
    }

    /// Sets [`GrpoConfig::filter_flat_groups`].
    #[must_use]
    pub fn with_filter_flat_groups(mut self, filter_flat_groups: bool) -> Self {
        self.filter_flat_groups = Some(filter_flat_groups);
        self
    }

    /// Sets [`GrpoConfig::clip_low`].
    #[must_use]
    pub fn with_clip_low(mut self, clip_low: f64) -> Self {
        self.clip_low = Some(clip_low);
        self
    }

    /// Sets [`GrpoConfig::clip_high`].
    #[must_use]
    pub fn with_clip_high(mut self, clip_high: f64) -> Self {
        self.clip_high = Some(clip_high);
        self
    }

    /// Sets [`GrpoConfig::dual_clip`].
    #[must_use]
    pub fn with_dual_clip(mut self, dual_clip: f64) -> Self {
        self.dual_clip = dual_clip;
        self
    }

    /// Sets [`GrpoConfig::aggregation`].
    #[must_use]
    pub fn with_aggregation(mut self, aggregation: LossAggregation) -> Self {
        self.aggregation = Some(aggregation);
        self
    }

    /// Sets [`GrpoConfig::loss_constant`].
    #[must_use]
    pub fn with_loss_constant(mut self, loss_constant: f64) -> Self {
        self.loss_constant = loss_constant;
        self
    }

    /// Sets [`GrpoConfig::kl`].
    #[must_use]
    pub fn with_kl(mut self, kl: KlEstimator) -> Self {
        self.kl = kl;
        self
    }

    /// Sets [`GrpoConfig::kl_coefficient`].
    #[must_use]
    pub fn with_kl_coefficient(mut self, kl_coefficient: f64) -> Self {
        self.kl_coefficient = kl_coefficient;
        self
    }

    /// Sets [`GrpoConfig::entropy_coefficient`].
    #[must_use]
    pub fn with_entropy_coefficient(mut self, entropy_coefficient: f64) -> Self {
        self.entropy_coefficient = entropy_coefficient;
        self
    }

    /// Sets [`GrpoConfig::correction`].
    #[must_use]
    pub fn with_correction(mut self, correction: OffPolicyCorrection) -> Self {
        self.correction = correction;
        self
    }

    /// Sets [`GrpoConfig::correction_cap`].
    #[must_use]
    pub fn with_correction_cap(mut self, correction_cap: f64) -> Self {
        self.correction_cap = correction_cap;
        self
    }

    /// Sets [`GrpoConfig::correction_floor`].
    #[must_use]
    pub fn with_correction_floor(mut self, correction_floor: f64) -> Self {
        self.correction_floor = correction_floor;
        self
    }

    /// Sets [`GrpoConfig::guard`].
    #[must_use]
    pub fn with_guard(mut self, guard: CovarianceGuard) -> Self {
        self.guard = guard;
        self
    }

    /// Sets [`GrpoConfig::guard_share`].
    #[must_use]
    pub fn with_guard_share(mut self, guard_share: f64) -> Self {
        self.guard_share = guard_share;
        self
    }

    /// Sets [`GrpoConfig::guard_low`].
    #[must_use]
    pub fn with_guard_low(mut self, guard_low: f64) -> Self {
        self.guard_low = guard_low;
        self
    }

    /// Sets [`GrpoConfig::guard_high`].
    #[must_use]
    pub fn with_guard_high(mut self, guard_high: f64) -> Self {
        self.guard_high = guard_high;
        self
    }

    /// Sets [`GrpoConfig::guard_coefficient`].
    #[must_use]
    pub fn with_guard_coefficient(mut self, guard_coefficient: f64) -> Self {
        self.guard_coefficient = guard_coefficient;
        self
    }

    /// Sets [`GrpoConfig::max_staleness`].
    #[must_use]
    pub fn with_max_staleness(mut self, max_staleness: u64) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// Sets [`GrpoConfig::micro_batch_tokens`].
    #[must_use]
    pub fn with_micro_batch_tokens(mut self, micro_batch_tokens: usize) -> Self {
        self.micro_batch_tokens = micro_batch_tokens;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_todays_and_every_recipe_is_valid() {
        let rule = GrpoConfig::default().loss_rule();
        assert_eq!((rule.clip.low, rule.clip.high, rule.constant), (0.20, 0.25, 1024.0));
        assert_eq!(rule.aggregation, LossAggregation::Constant);
        let advantage = GrpoConfig::default().advantage_rule(Role::Injector);
        assert_eq!(advantage, AdvantageRule::default());
        for loss in LossKind::ALL {
            let config = GrpoConfig::default().with_loss(loss);
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert!(text.contains(&format!("loss = \"{loss}\"")), "{text}");
            assert_eq!(toml::from_str::<GrpoConfig>(&text).unwrap(), config);
        }
    }

    #[test]
    fn roles_may_have_different_baselines() {
        let config = GrpoConfig::default()
            .with_loss(LossKind::Grpo)
            .with_injector_baseline(RewardBaseline::RoleMean);
        assert_eq!(config.advantage_rule(Role::Injector).baseline, RewardBaseline::RoleMean);
        let solver = config.advantage_rule(Role::Solver);
        assert_eq!(solver.baseline, RewardBaseline::GroupMean);
        assert_eq!((solver.scale, solver.epsilon), (AdvantageScale::Sample, 1e-4));
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        for (text, key) in [
            ("clip_low = 1.5", "grpo.clip_low"),
            ("clip_high = nan", "grpo.clip_high"),
            ("dual_clip = 0.5", "grpo.dual_clip"),
            ("loss_constant = 0.0", "grpo.loss_constant"),
            ("scale_epsilon = 0.0", "grpo.scale_epsilon"),
            ("kl_coefficient = -1.0", "grpo.kl_coefficient"),
            ("entropy_coefficient = inf", "grpo.entropy_coefficient"),
            ("correction_cap = 0.0", "grpo.correction_cap"),
            ("guard_share = 0.0", "grpo.guard_share"),
            ("guard_low = 6.0", "grpo.guard_low"),
            ("guard_coefficient = -1.0", "grpo.guard_coefficient"),
            ("micro_batch_tokens = 0", "grpo.micro_batch_tokens"),
            ("loss = \"gspo\"\naggregation = \"token-mean\"", "grpo.aggregation"),
            ("loss = \"rloo\"\naggregation = \"constant\"", "grpo.aggregation"),
            ("kl = \"k1\"\nkl_coefficient = 0.1", "grpo.kl"),
            ("loss = \"cispo\"\ncorrection = \"token-mask\"", "grpo.correction"),
            ("correction = \"token-truncate\"\ncorrection_floor = 0.5", "grpo.correction_floor"),
            ("correction = \"token-mask\"\ncorrection_floor = 2.5", "grpo.correction_floor"),
            ("loss = \"gspo\"\nguard = \"clip-cov\"", "grpo.guard"),
            ("loss = \"cispo\"\nguard = \"kl-cov\"", "grpo.guard"),
        ] {
            let config: GrpoConfig = toml::from_str(text).unwrap();
            match config.validate() {
                Err(Error::Config { key: found, .. }) => assert_eq!(found, key, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in [
            "loss = \"reinforce++\"\nbaseline = \"group-mean\"",
            "loss = \"dapo\"\nguard = \"clip-cov\"\nentropy_coefficient = 0.001",
            "correction = \"sequence-mask\"\ncorrection_floor = 0.5",
            "kl = \"unbiased\"\nkl_coefficient = 0.04",
        ] {
            toml::from_str::<GrpoConfig>(text).unwrap().validate().unwrap();
        }
        assert!(toml::from_str::<GrpoConfig>("loss = \"ppo\"").is_err());
    }
}
