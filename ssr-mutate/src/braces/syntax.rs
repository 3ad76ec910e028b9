//! The table that describes one language with braces: node names, keywords, library functions.

use ssr_core::RepoPath;
use tree_sitter::Language;

use super::grammar::Kind;

/// The function that returns a linked tree-sitter grammar.
type Linked = fn() -> Language;

/// The description of one language with braces: the names of its nodes, its keywords and types, and
/// the functions of its standard library that operators know.
pub struct Syntax {
    pub(crate) name: &'static str,
    pub(crate) extensions: &'static [&'static str],
    /// Grammars with the extensions of their files. The last one is also used for all other files.
    pub(crate) grammars: &'static [(&'static [&'static str], Linked)],
    /// The kind of each node, by its name in the grammar.
    pub(crate) kinds: &'static [(&'static str, Kind)],
    /// What the compiler refuses.
    pub(crate) rules: CompilerRules,
    pub(crate) is_test: fn(&RepoPath) -> bool,
    pub(crate) is_foreign: fn(&RepoPath) -> bool,
    /// The spellings of `null`, the preferred one first.
    pub(crate) nulls: &'static [&'static str],
    /// The literal for the zero value of a type.
    pub(crate) zero: fn(&str) -> Option<&'static str>,
    pub(crate) integers: &'static [&'static str],
    pub(crate) floats: &'static [&'static str],
    pub(crate) texts: &'static [&'static str],
    pub(crate) booleans: &'static [&'static str],
    /// Functions and methods that return an integer.
    pub(crate) counts: &'static [&'static str],
    /// Objects and functions that write messages or check assertions.
    pub(crate) silent: &'static [&'static str],
    /// Functions and methods whose result has the type of their argument or receiver.
    pub(crate) wrappers: &'static [&'static str],
    /// Functions with a counterpart that has the same signature and returns another value.
    pub(crate) opposites: &'static [(&'static str, &'static str)],
    /// The same for methods of strings and sequences.
    pub(crate) mirrored: &'static [(&'static str, &'static str)],
    /// Functions and methods that release their receiver or argument.
    pub(crate) releases: &'static [&'static str],
    /// Pairs of functions or methods that acquire and release a lock.
    pub(crate) locks: &'static [(&'static str, &'static str)],
    /// Functions and methods that wait for a condition.
    pub(crate) waits: &'static [&'static str],
    /// Pairs of functions and methods that wake all waiters and one waiter.
    pub(crate) wakes: &'static [(&'static str, &'static str)],
    /// Functions and methods that wait for other threads or tasks.
    pub(crate) joins: &'static [&'static str],
    /// Functions and methods that look up their string argument.
    pub(crate) lookups: &'static [&'static str],
    /// The text of the statement `break`.
    pub(crate) break_: &'static str,
}

/// What the compiler of a language refuses. An operator makes no edit that the compiler would
/// refuse, because such a mutant tests nothing.
#[derive(Clone, Copy)]
pub struct CompilerRules {
    /// Values of the wrong type are errors.
    pub(crate) typed: bool,
    /// Local names that are never read, and unused imports, are errors.
    pub(crate) no_unused: bool,
    /// Unreachable statements are errors.
    pub(crate) no_unreachable: bool,
    /// Reading a name that may have no value, and a function that may end without a value, are
    /// errors.
    pub(crate) no_missing_value: bool,
    /// Using a moved value is an error.
    pub(crate) moves: bool,
    /// Numbers can be conditions, and integers convert to each other.
    pub(crate) loose_numbers: bool,
    /// The last expression of a block is its value.
    pub(crate) tail_values: bool,
}
