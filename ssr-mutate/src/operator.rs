//! Operators, their families and their difficulty, as data.

use std::fmt;

/// One way to break a program, as data.
///
/// An operator belongs to one language. Its id is shared by all languages that have it, so `RBR`
/// is the boundary operator everywhere. The examples are the operator's tests, its documentation
/// and its entry in the [catalogue](crate::catalogue) at once.
#[derive(Debug)]
#[non_exhaustive]
pub struct Operator {
    /// The short name of the catalogue, for example `RBR`.
    pub id: &'static str,
    /// The version, which increases when the same source may give other sites. It is part of every
    /// [`SiteId`](crate::SiteId).
    pub version: u16,
    /// The kind of mistake that it imitates.
    pub family: Family,
    /// How hard the bug is to find for someone who sees a failing test.
    pub difficulty: Difficulty,
    /// One line: what is changed into what.
    pub description: &'static str,
    /// Pairs of source texts. The first has a site of this operator whose edit gives the second.
    pub examples: &'static [(&'static str, &'static str)],
    /// Source texts in which this operator finds no site, because a guard excludes them.
    pub untouched: &'static [&'static str],
    /// Whether an edit adds or removes whole syntax nodes, so that its result needs a syntax check.
    /// The other operators exchange one token or expression for another of the same kind.
    pub structural: bool,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// The families of the catalogue, by the kind of mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Arithmetic operators and operands.
    Arithmetic,
    /// Comparisons, conditions and boolean operators.
    Relational,
    /// Literals and off-by-one mistakes.
    Constants,
    /// Branches, loops and returns.
    ControlFlow,
    /// Exceptions and resources.
    Exceptions,
    /// Names, arguments, attributes and assignments.
    DataFlow,
    /// Types and conversions.
    Types,
    /// Shared and mutable state.
    State,
    /// Classes, inheritance and decorators.
    ObjectModel,
    /// Threads, locks and async code.
    Concurrency,
    /// Iteration and comprehensions.
    Iteration,
    /// Strings and encodings.
    Strings,
    /// Caches and their invalidation.
    Caching,
}

impl Family {
    /// Every family, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
        Self::Arithmetic,
        Self::Relational,
        Self::Constants,
        Self::ControlFlow,
        Self::Exceptions,
        Self::DataFlow,
        Self::Types,
        Self::State,
        Self::ObjectModel,
        Self::Concurrency,
        Self::Iteration,
        Self::Strings,
        Self::Caching,
    ];

    /// The name in the catalogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "Arithmetic",
            Self::Relational => "Relational and logical",
            Self::Constants => "Constants and off-by-one",
            Self::ControlFlow => "Control flow",
            Self::Exceptions => "Exceptions and resources",
            Self::DataFlow => "Data flow, names and arguments",
            Self::Types => "Types and conversions",
            Self::State => "State and mutability",
            Self::ObjectModel => "Object model",
            Self::Concurrency => "Concurrency and async",
            Self::Iteration => "Iteration and comprehensions",
            Self::Strings => "Strings and encodings",
            Self::Caching => "Caching",
        }
    }

    /// How often real bug fixes repair a mistake of this family, in per mille: the weight that
    /// [`sample`](crate::sample) gives it.
    ///
    /// The numbers are the shares of the single-statement Python fixes in TSSB-3M (Richter and
    /// Wehrheim, 2022), each class assigned to the family whose operators imitate it:
    ///
    /// | family | TSSB-3M classes | share |
    /// |---|---|---|
    /// | data flow | identifier 16.4, missing argument 10.4, function name 9.3, wrapper call 8.1, binary operand ⅔ of 12.1, attribute 7.2, missing method call 4.2, list element 4.0, extra argument 3.5, missing attribute access 2.2, caller 1.7, keyword 1.4, swapped arguments 0.6 | 77.1 % |
    /// | relational | more specific if 4.7, less specific if 1.5, half of binary operator 2.0, half of unary 1.0 | 7.7 % |
    /// | constants | numeric literal 6.7, boolean 2.6, constant type 0.4, binary operand ⅓ of 12.1 | 13.7 % |
    /// | arithmetic | half of binary operator 2.0, half of unary 1.0 | 1.5 % |
    ///
    /// TSSB-3M contains fixes of one statement only, so it has no class for the other families.
    /// They get a minimum share that keeps them present: 6 % for control flow, 1.5 % for each of
    /// the rest. The minimum is a choice of this library, not a measurement.
    #[must_use]
    pub fn weight(self) -> u32 {
        match self {
            Self::DataFlow => 771,
            Self::Constants => 137,
            Self::Relational => 77,
            Self::ControlFlow => 60,
            Self::Arithmetic
            | Self::Exceptions
            | Self::Types
            | Self::State
            | Self::ObjectModel
            | Self::Concurrency
            | Self::Iteration
            | Self::Strings
            | Self::Caching => 15,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How hard a bug is to find for someone who sees a failing test. This is an estimate, not a
/// measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Difficulty {
    /// The failing test shows where the bug is.
    Easy,
    /// One has to read the function.
    Medium,
    /// One has to understand an edge case or the data flow.
    Hard,
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        })
    }
}
