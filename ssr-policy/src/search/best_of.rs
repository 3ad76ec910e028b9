//! The best of several answers by a score.

use std::num::NonZeroUsize;

use ssr_core::{Completion, Policy, PolicyError, Request};

use super::{Verifier, candidates, comparable, total};

/// Samples several answers to each request and keeps the one with the highest score, the earliest of
/// equals.
///
/// ```
/// # use ssr_core::{Completion, FinishReason, Policy, PolicyError, Request, Usage};
/// use std::num::NonZeroUsize;
/// use ssr_policy::BestOfN;
///
/// # fn short(policy: impl Policy) -> impl Policy {
/// // The shortest of eight.
/// let shortness = |_: &Request, answer: &Completion| Ok(-(answer.text().len() as f64));
/// BestOfN::new(policy, NonZeroUsize::new(8).unwrap(), shortness)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BestOfN<P, V> {
    policy: P,
    n: NonZeroUsize,
    verifier: V,
}

/// The answers to one request, best first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ranked {
    /// Score and answer; equal scores in the order in which they were sampled.
    pub answers: Vec<(f64, Completion)>,
}

impl<P: Policy, V: Verifier> BestOfN<P, V> {
    /// The best of `n` answers of a policy.
    pub fn new(policy: P, n: NonZeroUsize, verifier: V) -> Self {
        Self { policy, n, verifier }
    }

    /// All answers to each request with their scores.
    ///
    /// # Errors
    /// Those of the policy and of the verifier.
    pub fn rank(&self, requests: &[Request]) -> Result<Vec<Ranked>, PolicyError> {
        let groups = candidates(&self.policy, requests, self.n.get())?;
        let rank = |(request, answers): (&Request, Vec<Completion>)| {
            let mut scored = Vec::with_capacity(answers.len());
            for answer in answers {
                scored.push((comparable(self.verifier.score(request, &answer)?), answer));
            }
            scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            Ok(Ranked { answers: scored })
        };
        requests.iter().zip(groups).map(rank).collect()
    }
}

/// The usage of an answer is that of all its candidates.
impl<P: Policy, V: Verifier> Policy for BestOfN<P, V> {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        let best = |Ranked { answers }: Ranked| {
            let mut answers: Vec<Completion> =
                answers.into_iter().map(|(_, answer)| answer).collect();
            let usage = total(&answers);
            answers.swap_remove(0).with_usage(usage)
        };
        Ok(self.rank(requests)?.into_iter().map(best).collect())
    }
}
