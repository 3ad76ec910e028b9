//! The loop of self-play: proposals, checks, attempts, judgements.

mod attempts;
mod audited;
mod context;
mod injector;
mod progress;
mod proposals;
mod protocol;
mod rank_edits;
mod rejected;
mod repair_tasks;
mod repository;
mod retrieval;
mod self_play;
mod source;
mod step;
mod test_coverage;

pub use injector::{Candidate, Injector};
pub use progress::{Event, Progress};
pub use protocol::{LineEdit, NumberedLines, Question, SolverProtocol};
pub use rank_edits::{EditSource, RankEdits};
pub use rejected::Rejected;
pub use repair_tasks::{PairedGain, RepairRates, RepairTasks, TaskRanks, TaskScore};
pub use repository::Repository;
pub use self_play::{SelfPlay, Start};
pub use test_coverage::TestCoverage;
