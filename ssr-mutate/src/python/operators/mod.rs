//! The operators, one file a family, more where a family is large.

mod arithmetic;
mod branches;
mod caching;
mod concurrency;
pub(super) mod constants;
mod control_flow;
pub(super) mod data_flow;
pub(super) mod exceptions;
mod iteration;
mod loops;
mod object_model;
mod relational;
mod resources;
mod state;
mod strings;
mod types;
pub(super) mod typos;

use super::Rule;

/// All rules, in the order of the catalogue.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        arithmetic::RULES,
        relational::RULES,
        constants::RULES,
        typos::RULES,
        branches::RULES,
        loops::RULES,
        control_flow::RULES,
        exceptions::RULES,
        resources::RULES,
        data_flow::NAMES,
        data_flow::ATTRIBUTES,
        data_flow::CALLEES,
        data_flow::ARGUMENTS,
        data_flow::WRAPPERS,
        data_flow::ASSIGNMENTS,
        types::RULES,
        state::RULES,
        object_model::RULES,
        concurrency::RULES,
        iteration::RULES,
        strings::RULES,
        caching::RULES,
    ]
    .into_iter()
    .flatten()
}
