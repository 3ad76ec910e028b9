//! The answer that most of several agree with.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;

use ssr_core::{Completion, Policy, PolicyError, Request};

use super::{candidates, total};

/// Samples several answers to each request and keeps the one that most of them agree with
/// (self-consistency, Wang et al., 2022).
///
/// Answers agree when a function maps them to equal keys; answers that it maps to `None` do not
/// vote. Of several keys with most votes the one that was sampled first wins, and of the answers with
/// this key the first.
#[derive(Debug, Clone)]
pub struct Majority<P, F> {
    policy: P,
    n: NonZeroUsize,
    key: F,
}

/// What a vote came to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Vote {
    /// The answer that won; the first one where none voted. Its usage is that of all answers.
    pub answer: Completion,
    /// How many answers agree with it, itself included; 0 where none voted.
    pub votes: usize,
    /// How many answers voted.
    pub voters: usize,
}

impl<P, F, K> Majority<P, F>
where
    P: Policy,
    F: Fn(&Completion) -> Option<K> + Send + Sync,
    K: Eq + Hash,
{
    /// The majority of `n` answers of a policy.
    pub fn new(policy: P, n: NonZeroUsize, key: F) -> Self {
        Self { policy, n, key }
    }

    /// The votes on each request.
    ///
    /// # Errors
    /// Those of the policy.
    pub fn vote(&self, requests: &[Request]) -> Result<Vec<Vote>, PolicyError> {
        let groups = candidates(&self.policy, requests, self.n.get())?;
        Ok(groups.into_iter().map(|answers| self.count(answers)).collect())
    }

    fn count(&self, mut answers: Vec<Completion>) -> Vote {
        // Key to the first answer with it and the number of them.
        let mut keys: HashMap<K, (usize, usize)> = HashMap::new();
        for (index, answer) in answers.iter().enumerate() {
            if let Some(key) = (self.key)(answer) {
                keys.entry(key).or_insert((index, 0)).1 += 1;
            }
        }
        let voters = keys.values().map(|(_, votes)| votes).sum();
        let most = keys.values().max_by_key(|(first, votes)| (*votes, std::cmp::Reverse(*first)));
        let (first, votes) = most.copied().unwrap_or((0, 0));
        let usage = total(&answers);
        Vote { answer: answers.swap_remove(first).with_usage(usage), votes, voters }
    }
}

impl<P, F, K> Policy for Majority<P, F>
where
    P: Policy,
    F: Fn(&Completion) -> Option<K> + Send + Sync,
    K: Eq + Hash,
{
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        Ok(self.vote(requests)?.into_iter().map(|vote| vote.answer).collect())
    }
}
