//! GRPO: advantages, the clipped loss and its gradient.

mod advantage;
mod batch;
mod config;
mod loss;
mod update;

pub use advantage::{RewardBaseline, advantages};
pub use batch::{Batch, Behaviour, TrainSequence, TrainTarget, TrainUse};
pub use config::GrpoConfig;
pub use loss::{Clip, ClippedLoss, LossToken, clipped_loss};
pub use update::{TargetScores, UpdateMetrics, policy_gradient};
