mod attempts;
mod injector;
mod progress;
mod proposals;
mod protocol;
mod repository;
mod retrieval;
mod self_play;
mod source;
mod step;

pub use injector::{Candidate, Injector};
pub use progress::{Event, Progress};
pub use protocol::{LineEdit, NumberedLines, Question, SolverProtocol};
pub use repository::Repository;
pub use self_play::{SelfPlay, Start};
