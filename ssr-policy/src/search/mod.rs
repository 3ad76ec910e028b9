//! Test-time search: policies that ask another policy several times.

mod best_of;
mod majority;
mod tree;
mod verifier;

use ssr_core::{Completion, Policy, PolicyError, Request, Usage};

pub use best_of::{BestOfN, Ranked};
pub use majority::{Majority, Vote};
pub use tree::{Environment, Found, Transition, TreeSearch};
pub use verifier::{SequenceLogprob, Verifier};

/// `n` answers to each request, in one batch. Each draws from a seed of its own.
fn candidates(
    policy: &impl Policy,
    requests: &[Request],
    n: usize,
) -> Result<Vec<Vec<Completion>>, PolicyError> {
    let tries: Vec<Request> = requests
        .iter()
        .flat_map(|request| {
            (0..n).map(|index| {
                let seed = request.seed.derive("candidate").index(index as u64);
                request.clone().with_seed(seed)
            })
        })
        .collect();
    let mut answers = policy.complete(&tries).map_err(|error| match error {
        PolicyError::Request { index, problem } => {
            PolicyError::Request { index: index / n.max(1), problem }
        }
        other => other,
    })?;
    if answers.len() != tries.len() {
        let problem = format!("{} answers to {} requests", answers.len(), tries.len());
        return Err(PolicyError::infrastructure("asking for candidates", problem));
    }
    let mut groups = Vec::with_capacity(requests.len());
    for _ in requests {
        let rest = answers.split_off(n);
        groups.push(std::mem::replace(&mut answers, rest));
    }
    Ok(groups)
}

/// What all answers together cost.
fn total(answers: &[Completion]) -> Usage {
    let mut usage = Usage::default();
    for answer in answers {
        usage += answer.usage;
    }
    usage
}

/// A score in a total order: NaN is worst, and there is one zero.
fn comparable(score: f64) -> f64 {
    if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 }
}
