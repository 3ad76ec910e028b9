//! Bug operators for training and mutation testing.
//!
//! A source file goes in, [`Site`]s come out: each is one place where one [`Operator`] can make
//! one [`Edit`](ssr_core::Edit), which renders straight to a patch. A file is parsed once and
//! walked once for all operators. The other half, [`weaken`], removes from the test files exactly
//! the tests that a bug breaks, and [`TestPoison`] makes tests fail on purpose.
//!
//! Nothing here runs code.
//!
//! # Which files
//! [`Mutator::sites`] changes no tests, build scripts, documentation, generated or vendored files.
//! [`is_source_file`] and [`is_test_file`] decide by the path; [`source_files`] lists the sources
//! of a tree.
//!
//! # Features
#![doc = document_features::document_features!()]
#![deny(missing_docs)]
#![forbid(unsafe_code)]
// Without a language nothing uses the engine.
#![cfg_attr(not(feature = "all"), allow(dead_code, unused_imports))]

#[cfg(any(
    feature = "rust",
    feature = "java",
    feature = "go",
    feature = "javascript",
    feature = "c"
))]
mod braces;
#[cfg(feature = "c")]
mod c;
mod catalogue;
mod coverage;
mod error;
mod files;
mod finds;
#[cfg(feature = "go")]
mod go;
#[cfg(feature = "java")]
mod java;
#[cfg(feature = "javascript")]
mod javascript;
mod language;
mod location;
mod mutator;
mod operator;
mod poison;
mod profile;
#[cfg(feature = "python")]
mod python;
mod repair;
#[cfg(feature = "rust")]
mod rust;
mod sample;
mod scale;
mod site;
mod syntax;
mod weaken;
mod weights;

pub use catalogue::catalogue;
pub use coverage::Coverage;
pub use error::{Error, MutateErrorKind, NotFound, Result};
pub use files::{is_source_file, is_test_file, source_files};
pub use language::{Language, languages, operators};
pub use location::Location;
pub use mutator::{Caps, Mutator, MutatorBuilder, sites};
pub use operator::{Difficulty, Family, Operator};
pub use poison::TestPoison;
pub use profile::Profile;
#[cfg(feature = "python")]
pub use python::{Removal, Remover};
pub use repair::RepairEdit;
pub use sample::{Sampler, sample};
pub use scale::{Bug, BugId, Composer, Composition, Interaction, Part, Relation, ScaleOperator};
#[cfg(feature = "history")]
pub use scale::{Commit, History, HistoryBounds};
pub use site::{Site, SiteId};
pub use weaken::{Style, weaken, weaken_least};

#[doc = include_str!("../README.md")]
#[cfg(all(doctest, feature = "python"))]
struct Readme;
