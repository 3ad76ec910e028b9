//! Names, attributes, calls, arguments and assignments: what most real bugs are about.

pub(in crate::python) mod arguments;
mod assignments;
pub(in crate::python) mod attributes;
pub(in crate::python) mod callees;
pub(in crate::python) mod names;
pub(in crate::python) mod wrappers;

pub(super) use arguments::RULES as ARGUMENTS;
pub(super) use assignments::RULES as ASSIGNMENTS;
pub(super) use attributes::RULES as ATTRIBUTES;
pub(super) use callees::RULES as CALLEES;
pub(super) use names::RULES as NAMES;
pub(super) use wrappers::RULES as WRAPPERS;
