//! Benchmark grading for code models, exactly as the official harnesses grade.
//!
//! - [`pass_at_k`]: the unbiased estimator of "one of k samples is right".
//! - [`humaneval`]: problems, samples, and their execution in any [`ssr_core::Sandbox`].
//! - [`swebench`]: instances, predictions, resolution under the rules of harness 4 and 5, and the
//!   official report files.
//!
//! Nothing here runs a model or reads a file: text comes in, verdicts and JSON go out.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod error;
pub mod humaneval;
mod pass_at_k;
mod rows;
pub mod swebench;

pub use error::{Error, Result};
pub use pass_at_k::{mean_pass_at_k, pass_at_k};

/// The example of the README runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
