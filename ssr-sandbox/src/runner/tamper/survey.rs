//! What `ssr_witness.py` says about the objects of the interpreter, read from JSON.

use serde::Deserialize;

/// What `ssr_witness.survey` writes.
#[derive(Deserialize)]
pub(super) struct Survey {
    pub(super) version: (u32, u32),
    pub(super) namespaces: Vec<Namespace>,
    pub(super) functions: Vec<Object>,
    pub(super) types: Vec<Type>,
    /// Every code object of the test runner.
    pub(super) codes: Vec<u32>,
    /// The type of code objects.
    pub(super) code_type: u32,
    /// The code that writes events.
    pub(super) emit: u32,
    /// The code that every run starts from.
    pub(super) run: u32,
}

/// When a part is compared.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    /// At each result, and at each reading of the clock.
    Hot,
    /// The test runner: at the end of the collection and of the run, and at some results.
    Judge,
    /// Like `Judge`, and only between tests: a test may replace these parts while it runs.
    World,
}

/// A dict with those of its entries that nobody may replace.
#[derive(Deserialize)]
pub(super) struct Namespace {
    pub(super) label: String,
    pub(super) scope: Scope,
    pub(super) dict: u32,
    pub(super) len: usize,
    pub(super) names: Vec<String>,
    pub(super) values: Vec<u32>,
}

/// A function.
#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) label: String,
    pub(super) scope: Scope,
    pub(super) at: u32,
}

/// A class.
#[derive(Deserialize)]
pub(super) struct Type {
    pub(super) label: String,
    pub(super) scope: Scope,
    pub(super) at: u32,
    pub(super) dict: u32,
    /// Whether no session changes an attribute, not even for a while.
    pub(super) versioned: bool,
}
