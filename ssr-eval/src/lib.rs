//! Grades code models on benchmarks, exactly as the official harnesses do.
//!
//! - [`pass_at_k`]: the unbiased estimate of the probability that one of k samples is right.
//! - [`humaneval`]: problems and samples of HumanEval, graded in any [`ssr_core::Sandbox`].
//! - [`swebench`]: instances and predictions of SWE-bench, resolved by the rules of harness 4 or 5,
//!   and the official report files.
//!
//! Nothing here runs a model or reads a file. The input is text, the output is grades and JSON.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod error;
pub mod humaneval;
mod pass_at_k;
mod rows;
pub mod swebench;

pub use error::{Error, EvalErrorKind, Result};
pub use pass_at_k::{mean_pass_at_k, pass_at_k};

/// Runs the examples of the README as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
