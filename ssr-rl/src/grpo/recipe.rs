//! The losses by name: what each author puts together.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AdvantageScale, Clip, LossAggregation, RatioLevel, RewardBaseline, Surrogate};

/// A policy loss by the name of its algorithm: a surrogate, and what its authors use for every
/// setting that is not given.
///
/// | name | surrogate | divided by | baseline | unit | clip |
/// |---|---|---|---|---|---|
/// | `cwm` | token ratio | C | length-weighted | none | 0.20 / 0.25 |
/// | `grpo` | token ratio | mean of sequence means | group mean | σ (G − 1) | 0.2 / 0.2 |
/// | `dr-grpo` | token ratio | sequences × C | group mean | none | 0.2 / 0.2 |
/// | `dapo` | token ratio | tokens | group mean | σ (G − 1) | 0.2 / 0.28 |
/// | `rloo` | sequence ratio | sequences | leave-one-out | none | 0.2 / 0.2 |
/// | `reinforce++` | token ratio | tokens | none | batch | 0.2 / 0.2 |
/// | `gspo` | geometric mean of the sequence | sequences | group mean | σ (G − 1) | 3e-4 / 4e-4 |
/// | `cispo` | detached token ratio | tokens | group mean | σ (G − 1) | 1 / 4 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossKind {
    /// CWM §5 (arXiv 2510.02387): constant normalisation, length-weighted baseline.
    #[default]
    Cwm,
    /// GRPO (arXiv 2402.03300 eq. 3), with σ and ε as in TRL.
    Grpo,
    /// Dr.GRPO (arXiv 2503.20783): neither length nor σ.
    DrGrpo,
    /// DAPO (arXiv 2503.14476 eq. 8): a higher clip above, the mean over tokens, groups without
    /// contrast left out (dynamic sampling without the sampling again).
    Dapo,
    /// RLOO (arXiv 2402.14740), clipped by sequence as in TRL.
    Rloo,
    /// REINFORCE++ (arXiv 2501.03262): the batch as the baseline. With the baseline `group-mean` it
    /// is REINFORCE++-baseline.
    #[serde(rename = "reinforce++")]
    ReinforcePlusPlus,
    /// GSPO (arXiv 2507.18071): the sequence is clipped as a whole.
    Gspo,
    /// CISPO (arXiv 2506.13585): the clipped ratio weighs REINFORCE. No bound below; 5 above, as in
    /// ScaleRL (arXiv 2510.13786) and TRL.
    Cispo,
}

/// What a [`LossKind`] stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LossRecipe {
    pub(super) ratio: RatioLevel,
    pub(super) surrogate: Surrogate,
    pub(super) aggregation: LossAggregation,
    pub(super) baseline: RewardBaseline,
    pub(super) scale: AdvantageScale,
    pub(super) clip: Clip,
    /// Whether groups without contrast are left out.
    pub(super) filter: bool,
}

impl LossKind {
    /// All losses.
    pub const ALL: [Self; 8] = [
        Self::Cwm,
        Self::Grpo,
        Self::DrGrpo,
        Self::Dapo,
        Self::Rloo,
        Self::ReinforcePlusPlus,
        Self::Gspo,
        Self::Cispo,
    ];

    /// The name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cwm => "cwm",
            Self::Grpo => "grpo",
            Self::DrGrpo => "dr-grpo",
            Self::Dapo => "dapo",
            Self::Rloo => "rloo",
            Self::ReinforcePlusPlus => "reinforce++",
            Self::Gspo => "gspo",
            Self::Cispo => "cispo",
        }
    }

    pub(super) fn recipe(self) -> LossRecipe {
        let grpo = LossRecipe {
            ratio: RatioLevel::Token,
            surrogate: Surrogate::Clipped,
            aggregation: LossAggregation::SequenceMean,
            baseline: RewardBaseline::GroupMean,
            scale: AdvantageScale::Sample,
            clip: Clip { low: 0.2, high: 0.2 },
            filter: false,
        };
        match self {
            Self::Cwm => LossRecipe {
                aggregation: LossAggregation::Constant,
                baseline: RewardBaseline::LengthWeighted,
                scale: AdvantageScale::None,
                clip: Clip { low: 0.20, high: 0.25 },
                filter: true,
                ..grpo
            },
            Self::Grpo => grpo,
            Self::DrGrpo => LossRecipe {
                aggregation: LossAggregation::SequenceConstant,
                scale: AdvantageScale::None,
                ..grpo
            },
            Self::Dapo => LossRecipe {
                aggregation: LossAggregation::TokenMean,
                clip: Clip { low: 0.2, high: 0.28 },
                filter: true,
                ..grpo
            },
            Self::Rloo => LossRecipe {
                ratio: RatioLevel::Sequence,
                baseline: RewardBaseline::LeaveOneOut,
                scale: AdvantageScale::None,
                ..grpo
            },
            Self::ReinforcePlusPlus => LossRecipe {
                aggregation: LossAggregation::TokenMean,
                baseline: RewardBaseline::None,
                scale: AdvantageScale::Batch,
                ..grpo
            },
            Self::Gspo => LossRecipe {
                ratio: RatioLevel::SequenceMean,
                clip: Clip { low: 3e-4, high: 4e-4 },
                ..grpo
            },
            Self::Cispo => LossRecipe {
                surrogate: Surrogate::DetachedWeight,
                aggregation: LossAggregation::TokenMean,
                clip: Clip { low: 1.0, high: 4.0 },
                ..grpo
            },
        }
    }
}

impl fmt::Display for LossKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
