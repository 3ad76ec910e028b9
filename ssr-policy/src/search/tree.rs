//! Beam search over the turns of a conversation.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use ssr_core::{Completion, Message, Policy, PolicyError, Request, Seed, Segment, Usage};

use super::comparable;

/// Answers the turns of a conversation and scores its states.
pub trait Environment: Sync {
    /// The state of a conversation, such as a workspace. Branches of the tree have clones of it.
    type State: Clone + Send + Sync;

    /// The transition by a turn. Equal states and turns must give equal transitions.
    ///
    /// # Errors
    /// [`PolicyError`] when the environment itself fails. A bad turn is a low score.
    fn step(
        &self,
        state: &Self::State,
        turn: &Completion,
    ) -> Result<Transition<Self::State>, PolicyError>;
}

/// The consequence of a turn.
///
/// ```
/// use ssr_core::Message;
/// use ssr_policy::Transition;
///
/// let next = Transition::new(3, 0.5).with_reply(vec![Message::user("Go on.")]);
/// assert!(!next.done);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Transition<S> {
    /// The new state.
    pub state: S,
    /// The messages for the policy before its next turn.
    pub reply: Vec<Message>,
    /// How promising the state is; more is better, and NaN is worst.
    pub score: f64,
    /// Whether the conversation is over.
    pub done: bool,
}

impl<S> Transition<S> {
    /// A state and its score. Nothing is replied, and the conversation is not over.
    #[must_use]
    pub fn new(state: S, score: f64) -> Self {
        Self { state, reply: Vec::new(), score, done: false }
    }

    /// Sets [`Self::reply`].
    #[must_use]
    pub fn with_reply(self, reply: Vec<Message>) -> Self {
        Self { reply, ..self }
    }

    /// Sets [`Self::done`].
    #[must_use]
    pub fn with_done(self, done: bool) -> Self {
        Self { done, ..self }
    }
}

/// The shape and the budget of a search over the turns of a conversation: a beam search in which an
/// [`Environment`] scores each step.
///
/// In each round every conversation of the beam is continued in `width` ways, and the `beam` best
/// continuations that are not over stay. Equal scores keep the order in which they were sampled, so
/// equal seeds give equal results.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TreeSearch {
    /// Continuations of each conversation. Default: 4.
    pub width: usize,
    /// Conversations that are kept. Default: 2.
    pub beam: usize,
    /// Turns of a conversation. Default: 8.
    pub depth: usize,
    /// Turns of all conversations together. Default: no limit.
    pub max_turns: Option<usize>,
    /// Tokens of all answers together; never exceeded, since a turn is only begun when its longest
    /// possible answer fits. Default: no limit.
    pub max_tokens: Option<u64>,
    /// The search ends when a conversation is over with at least this score. Default: it goes on to its
    /// depth.
    pub enough: Option<f64>,
}

impl Default for TreeSearch {
    fn default() -> Self {
        Self { width: 4, beam: 2, depth: 8, max_turns: None, max_tokens: None, enough: None }
    }
}

/// The best conversation of a search.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Found<S> {
    /// The turns of the policy; empty when the budget left no turn.
    pub turns: Vec<Completion>,
    /// The whole conversation, from the first message of the request on.
    pub messages: Vec<Message>,
    /// Its state.
    pub state: S,
    /// Its score; negative infinity without a turn.
    pub score: f64,
    /// Whether it is over. A conversation that is over is preferred to one that is not.
    pub done: bool,
    /// What all conversations cost.
    pub usage: Usage,
    /// The turns of all conversations.
    pub explored: usize,
}

/// One conversation.
#[derive(Clone)]
struct Node<S> {
    turns: Vec<Completion>,
    messages: Vec<Message>,
    state: S,
    score: f64,
    done: bool,
    seed: Seed,
}

impl<S: Clone> Node<S> {
    /// The conversation after one more turn.
    fn child(&self, seed: Seed, turn: Completion, step: Transition<S>) -> Self {
        let mut node = self.clone();
        node.messages.push(turn.message());
        node.messages.extend(step.reply);
        node.turns.push(turn);
        Self { state: step.state, score: comparable(step.score), done: step.done, seed, ..node }
    }

    /// Strictly better, so that the earlier of equals stays.
    fn better_than(&self, other: &Self) -> bool {
        (self.done, self.score) > (other.done, other.score)
    }
}

impl TreeSearch {
    /// Sets [`Self::width`].
    #[must_use]
    pub fn with_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// Sets [`Self::beam`].
    #[must_use]
    pub fn with_beam(self, beam: usize) -> Self {
        Self { beam, ..self }
    }

    /// Sets [`Self::depth`].
    #[must_use]
    pub fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Sets [`Self::max_turns`].
    #[must_use]
    pub fn with_max_turns(self, max_turns: impl Into<Option<usize>>) -> Self {
        Self { max_turns: max_turns.into(), ..self }
    }

    /// Sets [`Self::max_tokens`].
    #[must_use]
    pub fn with_max_tokens(self, max_tokens: impl Into<Option<u64>>) -> Self {
        Self { max_tokens: max_tokens.into(), ..self }
    }

    /// Sets [`Self::enough`].
    #[must_use]
    pub fn with_enough(self, enough: impl Into<Option<f64>>) -> Self {
        Self { enough: enough.into(), ..self }
    }

    /// Searches the conversations that begin with a request. Its answer's shape, sampling and seed
    /// serve for every turn.
    ///
    /// # Errors
    /// Those of the policy and of the environment.
    pub fn run<E: Environment>(
        &self,
        policy: &impl Policy,
        environment: &E,
        request: &Request,
        state: E::State,
    ) -> Result<Found<E::State>, PolicyError> {
        let root = Node {
            turns: Vec::new(),
            messages: request.messages.clone(),
            state,
            score: f64::NEG_INFINITY,
            done: false,
            seed: request.seed.derive("tree"),
        };
        let mut best = root.clone();
        let mut beam = vec![root];
        let (mut usage, mut explored) = (Usage::default(), 0);
        for _ in 0..self.depth {
            let tokens = self.max_tokens.unwrap_or(u64::MAX);
            let left = tokens.saturating_sub(usage.completion_tokens);
            let affordable = left / longest(&request.answer).max(1);
            let turns = self.max_turns.unwrap_or(usize::MAX) - explored;
            let count = beam.len().saturating_mul(self.width).min(turns);
            let count = count.min(usize::try_from(affordable).unwrap_or(usize::MAX));
            // Every conversation gets its first continuation before any gets its second.
            let (wide, beam_len) = (self.width, beam.len());
            let mut places: Vec<(usize, usize)> = (0..wide.min(count))
                .flat_map(|way| (0..beam_len).map(move |parent| (parent, way)))
                .take(count)
                .collect();
            places.sort_unstable();
            if places.is_empty() {
                break;
            }
            let children = self.grow(policy, environment, request, &beam, &places)?;
            explored += children.len();
            for child in &children {
                if let Some(turn) = child.turns.last() {
                    usage += turn.usage;
                }
                if child.better_than(&best) {
                    best = child.clone();
                }
            }
            if best.done && self.enough.is_some_and(|enough| best.score >= enough) {
                break;
            }
            beam = children.into_iter().filter(|child| !child.done).collect();
            beam.sort_by(|a, b| b.score.total_cmp(&a.score));
            beam.truncate(self.beam);
        }
        let Node { turns, messages, state, score, done, .. } = best;
        Ok(Found { turns, messages, state, score, done, usage, explored })
    }

    /// The continuations at the places (parent, way), in their order.
    fn grow<E: Environment>(
        &self,
        policy: &impl Policy,
        environment: &E,
        request: &Request,
        beam: &[Node<E::State>],
        places: &[(usize, usize)],
    ) -> Result<Vec<Node<E::State>>, PolicyError> {
        let seed = |&(parent, way): &(usize, usize)| beam[parent].seed.index(way as u64);
        let requests: Vec<Request> = places
            .iter()
            .map(|place| {
                request.clone().with_messages(beam[place.0].messages.clone()).with_seed(seed(place))
            })
            .collect();
        let turns = policy.complete(&requests).map_err(|error| match error {
            // The first conversation is the caller's only request.
            PolicyError::Request { problem, .. } => PolicyError::Request { index: 0, problem },
            other => other,
        })?;
        if turns.len() != places.len() {
            let problem = format!("{} answers to {} requests", turns.len(), places.len());
            return Err(PolicyError::infrastructure("searching", problem));
        }
        places
            .par_iter()
            .zip(turns)
            .map(|(place, turn)| {
                let parent = &beam[place.0];
                let step = environment.step(&parent.state, &turn)?;
                Ok(parent.child(seed(place), turn, step))
            })
            .collect()
    }
}

/// The most tokens that an answer of this shape can have; a token has a byte at least.
fn longest(answer: &[Segment]) -> u64 {
    let most = |segment: &Segment| match segment {
        Segment::Forced(text) => text.len() as u64,
        Segment::Choice(texts) => texts.iter().map(String::len).max().unwrap_or(0) as u64,
        Segment::Free { max_tokens, .. } | Segment::Grammar { max_tokens, .. } => {
            *max_tokens as u64
        }
        _ => 0,
    };
    answer.iter().map(most).fold(0, u64::saturating_add)
}
