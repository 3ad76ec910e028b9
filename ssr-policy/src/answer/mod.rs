//! What turns tokens into an answer: segments, choices, stop texts and sampling.
//!
//! The engine samples from its own logits, a remote policy from a server's; both fill an [`Answer`].

mod choice;
mod sample;
mod state;
mod stop;

#[cfg(feature = "remote")]
pub(crate) use sample::Drawn;
pub(crate) use sample::{check_sampling, draw};
pub(crate) use state::{Answer, Draw};
