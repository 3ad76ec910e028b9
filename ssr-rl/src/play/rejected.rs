//! Why a proposal is no bug.

use std::fmt;

use ssr_core::{Check, ConsistencyReport};

/// Why a proposal is no bug. Its injector episode gets the reward of an invalid bug.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// The answer names no candidate.
    Malformed,
    /// A consistency check failed.
    #[non_exhaustive]
    Check {
        /// The check.
        check: Check,
        /// What it saw, in one line.
        evidence: String,
    },
    /// The audit found that it is not the code that fails.
    #[non_exhaustive]
    Audit {
        /// What was seen, in one line.
        evidence: String,
    },
}

impl Rejected {
    /// Why the artifact that this report is about is no bug.
    pub(super) fn by(report: &ConsistencyReport) -> Self {
        match report.failure() {
            Some(verdict) => {
                Self::Check { check: verdict.check, evidence: verdict.evidence.clone() }
            }
            None => Self::Check { check: Check::ALL[0], evidence: "not every check ran".into() },
        }
    }

    /// The name in [`StepMetrics::rejections`](crate::StepMetrics::rejections).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Check { check, .. } => check.name(),
            Self::Audit { .. } => "audit",
        }
    }

    /// What was seen, in one line.
    pub fn evidence(&self) -> &str {
        match self {
            Self::Malformed => "the answer names no candidate",
            Self::Check { evidence, .. } | Self::Audit { evidence } => evidence,
        }
    }
}

/// `name: evidence`, as [`Episode::verdict`](ssr_core::Episode::verdict) has it.
impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.evidence())
    }
}
