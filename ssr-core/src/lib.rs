//! Vocabulary and pure logic of Self-play SWE-RL (arXiv 2512.18552).
//!
//! Everything here is data and functions over data: a repository is an immutable [`Tree`],
//! a step of self-play is a function from trees and patches to trees, reports and rewards, and
//! everything with an effect sits behind two small traits, [`Sandbox`] and [`Policy`].
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod artifact;
mod audit;
mod baseline;
mod consistency;
mod edit;
mod error;
mod judge;
mod line_index;
#[cfg(feature = "logs")]
mod logs;
mod object_id;
mod patch;
mod path;
mod policy;
mod pytest;
mod ranking;
mod report;
mod reward;
mod sandbox;
mod seed;
mod suite;
mod token_set;
mod trajectory;
mod tree;

pub use artifact::{BugArtifact, BugInstance, Provenance};
pub use audit::{Audit, Dose, Poison, RepairRule, RuleBreach, audit, audit_bug, broken_rules};
pub use baseline::Baseline;
pub use consistency::{
    Check, CheckedArtifact, ConsistencyReport, Thresholds, Verdict, check_applied,
    check_consistency,
};
pub use edit::{Edit, EditRenderer, apply_edits, render_edits};
pub use error::{CoreErrorKind, Error, Result};
pub use judge::{Judgement, judge, judge_patch};
pub use line_index::LineIndex;
#[cfg(feature = "logs")]
pub use logs::{LogFormat, UnknownLogFormat};
pub use object_id::git_object_id;
pub use patch::{FileChange, FileMode, FilePatch, Hunk, HunkLine, HunkSyntax, LineKind, Patch};
pub use path::RepoPath;
pub use policy::{
    ChatRole, Completion, FinishReason, Grammar, Message, Policy, PolicyError, PolicyErrorKind,
    Request, Sampling, Segment, Usage,
};
pub use pytest::{PYTEST_PARSER, pytest_run, pytest_script};
pub use ranking::{EditRanking, EditScore, RankedDraw, RankedEdit, TokenEdit};
pub use report::{Outcome, TestCounts, TestId, TestReport};
pub use reward::{InjectorReward, SOLVER_FAILURE, SOLVER_SUCCESS, solver_reward};
pub use sandbox::{
    Command, DynSandbox, DynWorkspace, Exit, Limits, Output, Program, Sandbox, SandboxError,
    SandboxErrorKind, TestRun, TestRunner, TestSelection, Workspace,
};
pub use seed::{Seed, SeedRng};
pub use suite::{SuiteRun, Suites};
pub use token_set::TokenSet;
pub use trajectory::{Episode, Role, Strategy, TokenTrace, Trajectory, Turn};
pub use tree::{File, Tree, TreeHash};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
