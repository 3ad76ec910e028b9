//! Reinforcement learning for self-play on repositories (arXiv 2512.18552): GRPO as CWM does it, an
//! optimiser whose state can be resumed, run folders that survive a kill, and the loop in which one
//! policy breaks a repository and repairs it.
//!
//! The parts stand alone. [`advantages`], [`policy_loss`] and [`policy_gradient`] need no
//! repository, [`RunDir`] no model, and [`SelfPlay`] is generic over the sandbox, the injector, the
//! learner and the way the solver is asked.
//!
//! ## Features
//!
//! They are those of [`ssr_policy`], which is built with none of them otherwise.
#![doc = document_features::document_features!()]
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod config;
mod error;
mod files;
mod grpo;
mod grpo_learner;
mod learner;
mod optim;
mod play;
mod run;

/// The tensors of [`TargetScores`], [`AdamW`] and [`Gradients`].
pub use candle_core;
pub use config::{Config, LineEditConfig, RankEditsConfig, Scaffold, SolverKind};
pub use error::{Error, LearningErrorKind, Result};
pub use grpo::{
    AdvantageRule, AdvantageScale, Batch, Behaviour, Clip, CorrectionRule, CovarianceGuard,
    GrpoConfig, GuardRule, KlEstimator, LossAggregation, LossKind, LossRule, LossToken, LossTotals,
    OffPolicyCorrection, PolicyLoss, PreferenceLoss, PreferencePair, PreferenceRule, RatioLevel,
    RewardBaseline, RewardGroup, SupervisedLoss, Surrogate, TargetScores, TrainSequence,
    TrainTarget, TrainUse, UpdateMetrics, advantages, policy_gradient, policy_loss,
    preference_loss, role_advantages, sft_loss,
};
pub use grpo_learner::{GrpoLearner, score};
pub use learner::{Frozen, Learner};
pub use optim::{AdamW, Gradients, OptimizerConfig, StepOutcome};
pub use play::{
    Candidate, EditSource, Event, Injector, LineEdit, NumberedLines, PairedGain, Progress,
    Question, RankEdits, Rejected, RepairRates, RepairTasks, Repository, SelfPlay, SolverProtocol,
    Start, TaskRanks, TaskScore, TestCoverage,
};
pub use run::{BugRecord, Checkpoint, Manifest, RunDir, StepMetrics, Summary, report_html};

/// Keeps the examples of the README working.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
