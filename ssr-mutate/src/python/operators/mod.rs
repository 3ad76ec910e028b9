//! The operators, one file a family.

mod arithmetic;
mod constants;
mod control_flow;
mod data_flow;
mod relational;

use super::Rule;

/// All rules, in the order of the catalogue.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    [arithmetic::RULES, relational::RULES, constants::RULES, control_flow::RULES, data_flow::RULES]
        .into_iter()
        .flatten()
}
