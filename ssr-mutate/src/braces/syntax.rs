//! The table that describes one language with braces: node names, keywords, library functions.

use ssr_core::RepoPath;
use tree_sitter::Language;

use super::grammar::Kind;

/// A grammar that is linked in.
type Linked = fn() -> Language;

/// What tells one language with braces from another, as data: the names of its nodes, its words,
/// and the functions of its standard library that operators know.
pub struct Syntax {
    pub(crate) name: &'static str,
    pub(crate) extensions: &'static [&'static str],
    /// The grammar of a file, by its extension; the last one is for all others.
    pub(crate) grammars: &'static [(&'static [&'static str], Linked)],
    /// What each node is, by its name in the grammar.
    pub(crate) kinds: &'static [(&'static str, Kind)],
    /// How the compiler treats a mutant.
    pub(crate) rules: Rules,
    pub(crate) is_test: fn(&RepoPath) -> bool,
    pub(crate) is_foreign: fn(&RepoPath) -> bool,
    /// `null` and its like, the preferred spelling first.
    pub(crate) nulls: &'static [&'static str],
    /// What to write for nothing or zero of a type.
    pub(crate) zero: fn(&str) -> Option<&'static str>,
    pub(crate) integers: &'static [&'static str],
    pub(crate) floats: &'static [&'static str],
    pub(crate) texts: &'static [&'static str],
    pub(crate) booleans: &'static [&'static str],
    /// Functions and methods that give a whole number.
    pub(crate) counts: &'static [&'static str],
    /// Objects and functions that write messages, or check what must hold.
    pub(crate) silent: &'static [&'static str],
    /// Functions and methods whose result is of the same type as what they are given.
    pub(crate) wrappers: &'static [&'static str],
    /// Functions with a counterpart that takes the same and gives another value of the same type.
    pub(crate) opposites: &'static [(&'static str, &'static str)],
    /// The same for methods of strings and sequences.
    pub(crate) mirrored: &'static [(&'static str, &'static str)],
    /// Functions and methods that release what they are called on or with.
    pub(crate) releases: &'static [&'static str],
    /// Pairs of functions or methods that take and give back a lock.
    pub(crate) locks: &'static [(&'static str, &'static str)],
    /// Functions and methods that wait for a condition.
    pub(crate) waits: &'static [&'static str],
    /// Functions and methods that wake all and wake one.
    pub(crate) wakes: &'static [(&'static str, &'static str)],
    /// Functions and methods that wait for other threads or tasks.
    pub(crate) joins: &'static [&'static str],
    /// Functions and methods that take a string for what it says.
    pub(crate) lookups: &'static [&'static str],
    /// The statement `break`.
    pub(crate) break_: &'static str,
}

/// What a compiler refuses.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Names have types that must fit.
    pub(crate) typed: bool,
    /// A name that is declared and never read, or a package that is not used.
    pub(crate) no_unused: bool,
    /// A statement that is never reached.
    pub(crate) no_unreachable: bool,
    /// A name that is read before it surely has a value, or a function that may end without one.
    pub(crate) no_missing_value: bool,
    /// A value that is used after it was moved.
    pub(crate) moves: bool,
    /// Numbers are conditions, and whole numbers convert to each other.
    pub(crate) loose_numbers: bool,
    /// The last expression of a block is its value.
    pub(crate) tail_values: bool,
}
