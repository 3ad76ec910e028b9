//! Reads and checks the sampling fields that all endpoints share.

use std::hash::{BuildHasher, RandomState};

use ssr_core::{Sampling, Seed};

use crate::api::Common;
use crate::refuse::Refusal;
use crate::work::Server;

/// The most answers to one prompt.
const MOST: usize = 64;

/// What the fields that all endpoints share say.
pub struct Plan {
    pub sampling: Sampling,
    /// One for each answer to a prompt.
    pub seeds: Vec<Seed>,
}

impl Plan {
    pub fn read(server: &Server, common: &Common) -> Result<Self, Refusal> {
        if let Some(name) = common.model.as_ref().filter(|name| **name != server.name) {
            let message = format!("there is no model {name:?}; there is {:?}", server.name);
            return Err(Refusal::not_found(message));
        }
        let n = common.n.unwrap_or(1);
        if !(1..=MOST).contains(&n) {
            return Err(Refusal::wrong(format!("n is {n}; it must lie between 1 and {MOST}")));
        }
        let plain = Sampling::default();
        let penalty = common.repetition_penalty.unwrap_or(plain.repetition_penalty);
        let sampling = plain
            .with_temperature(common.temperature.unwrap_or(plain.temperature))
            .with_top_p(common.top_p.unwrap_or(plain.top_p))
            .with_top_k(common.top_k.map_or(0, |k| usize::try_from(k).unwrap_or(0)))
            .with_min_p(common.min_p.unwrap_or(plain.min_p))
            .with_repetition_penalty(penalty);
        let seed = common.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let first = Seed::new(seed);
        let further = (1..n).map(|index| first.derive("answer").index(index as u64));
        Ok(Self { sampling, seeds: std::iter::once(first).chain(further).collect() })
    }
}
