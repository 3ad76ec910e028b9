//! GRPO and its relatives: advantages, losses and their gradients.

mod advantage;
mod batch;
mod config;
mod correction;
mod covariance;
mod layout;
mod loss;
mod penalty;
mod preference;
mod recipe;
mod update;

pub use advantage::{
    AdvantageRule, AdvantageScale, RewardBaseline, RewardGroup, advantages, role_advantages,
};
pub use batch::{Batch, Behaviour, TrainSequence, TrainTarget, TrainUse};
pub use config::GrpoConfig;
pub use correction::{CorrectionRule, OffPolicyCorrection};
pub use covariance::{CovarianceGuard, GuardRule};
pub use loss::{
    Clip, LossAggregation, LossRule, LossToken, LossTotals, PolicyLoss, RatioLevel, Surrogate,
    policy_loss,
};
pub use penalty::KlEstimator;
pub use preference::{
    PreferenceLoss, PreferencePair, PreferenceRule, SupervisedLoss, preference_loss, sft_loss,
};
pub use recipe::LossKind;
pub use update::{TargetScores, UpdateMetrics, policy_gradient};

/// Log-ratios are cut at this bound, far outside of every clip range, so that no exponential
/// overflows.
const MAX_LOG_RATIO: f64 = 30.0;
