//! Best of n, majority and tree search, over scripted policies and a model.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use proptest::prelude::*;
use ssr_core::{
    Completion, FinishReason, Message, Policy, PolicyError, Request, Seed, Segment, Usage,
};
use ssr_policy::{
    BestOfN, Environment, LocalPolicy, Majority, Model, ModelConfig, SequenceLogprob, Tokenizer,
    Transition, TreeSearch, Verifier,
};

/// Says a number below `kinds` that the seed decides, and remembers all it said.
struct Numbers {
    kinds: usize,
    said: Mutex<Vec<Completion>>,
}

impl Numbers {
    fn new(kinds: usize) -> Self {
        Self { kinds, said: Mutex::default() }
    }

    fn said(&self) -> Vec<Completion> {
        self.said.lock().unwrap().clone()
    }

    fn cost(&self) -> Usage {
        let mut usage = Usage::default();
        self.said().iter().for_each(|completion| usage += completion.usage);
        usage
    }
}

impl Policy for Numbers {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        let answers: Vec<Completion> = requests
            .iter()
            .map(|request| {
                let parts = vec![request.seed.below(self.kinds).to_string()];
                let usage = Usage::new(3, 1 + request.seed.value() % 4);
                Completion::new(parts, FinishReason::Stop).with_usage(usage)
            })
            .collect();
        self.said.lock().unwrap().extend(answers.iter().cloned());
        Ok(answers)
    }
}

fn request(seed: u64) -> Request {
    Request::new(
        vec![Message::user("Which?")],
        vec![Segment::Free { max_tokens: 4, stop: vec![] }],
        Seed::new(seed),
    )
}

fn number(completion: &Completion) -> usize {
    completion.text().parse().unwrap()
}

fn value(_: &Request, completion: &Completion) -> Result<f64, PolicyError> {
    Ok(number(completion) as f64)
}

fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

proptest! {
    #[test]
    fn the_best_is_no_worse_than_any_and_pays_for_all(
        n in 1usize..12, kinds in 1usize..9, seeds in prop::collection::vec(0u64..50, 1..4),
    ) {
        let policy = Numbers::new(kinds);
        let requests: Vec<Request> = seeds.iter().map(|&seed| request(seed)).collect();
        let best = BestOfN::new(&policy, count(n), value).complete(&requests).unwrap();
        let said = policy.said();
        prop_assert_eq!(said.len(), n * seeds.len());
        let mut usage = Usage::default();
        for (best, said) in best.iter().zip(said.chunks(n)) {
            prop_assert_eq!(number(best), said.iter().map(number).max().unwrap());
            usage += best.usage;
        }
        prop_assert_eq!(usage, policy.cost());
        let again = BestOfN::new(&policy, count(n), value).complete(&requests).unwrap();
        prop_assert_eq!(again, best);
        let ranked = BestOfN::new(&policy, count(n), value).rank(&requests).unwrap();
        for ranked in ranked {
            prop_assert!(ranked.answers.is_sorted_by(|(a, _), (b, _)| a >= b));
        }
    }

    #[test]
    fn the_majority_is_a_plurality_and_the_first_of_equals(
        n in 1usize..15, kinds in 1usize..6, seed in 0u64..200, mute in 0usize..6,
    ) {
        let policy = Numbers::new(kinds);
        let key = |completion: &Completion| {
            Some(number(completion)).filter(|number| *number != mute)
        };
        let vote = Majority::new(&policy, count(n), key).vote(&[request(seed)]).unwrap().remove(0);
        let said = policy.said();
        let voters: Vec<usize> = said.iter().filter_map(key).collect();
        prop_assert_eq!(vote.voters, voters.len());
        prop_assert_eq!(vote.answer.usage, policy.cost());
        let votes = |key: usize| voters.iter().filter(|voter| **voter == key).count();
        match key(&vote.answer) {
            None => prop_assert!(voters.is_empty() && vote.votes == 0),
            Some(winner) => {
                prop_assert_eq!(vote.votes, votes(winner));
                let first = voters.iter().find(|key| votes(**key) == vote.votes);
                prop_assert_eq!(first, Some(&winner));
                prop_assert!((0..kinds).all(|key| votes(key) <= vote.votes));
            }
        }
    }
}

/// A walk whose digits should be those of the goal; it is over after as many turns.
struct Digits(Vec<usize>);

impl Environment for Digits {
    type State = Vec<usize>;

    fn step(
        &self,
        walk: &Vec<usize>,
        turn: &Completion,
    ) -> Result<Transition<Vec<usize>>, PolicyError> {
        let walk = [&walk[..], &[number(turn)]].concat();
        let right = walk.iter().zip(&self.0).filter(|(a, b)| a == b).count();
        let done = walk.len() == self.0.len();
        let reply = vec![Message::user(format!("{right} right"))];
        Ok(Transition::new(walk, right as f64).with_reply(reply).with_done(done))
    }
}

proptest! {
    #[test]
    fn a_wide_search_finds_the_planted_walk(
        goal in prop::collection::vec(0usize..3, 1..5), seed in 0u64..1000,
    ) {
        let policy = Numbers::new(3);
        let search = TreeSearch::default().with_width(40).with_beam(1).with_depth(6);
        let found = search.run(&policy, &Digits(goal.clone()), &request(seed), vec![]).unwrap();
        prop_assert!(found.done);
        prop_assert_eq!(&found.state, &goal);
        prop_assert_eq!(found.score, goal.len() as f64);
        prop_assert_eq!(found.turns.iter().map(number).collect::<Vec<_>>(), goal.clone());
        prop_assert_eq!(found.messages.len(), 1 + 2 * goal.len());
        prop_assert_eq!(found.explored, 40 * goal.len());
        prop_assert_eq!(found.usage, policy.cost());
        let again = search.run(&Numbers::new(3), &Digits(goal), &request(seed), vec![]).unwrap();
        prop_assert_eq!(again, found);
    }

    #[test]
    fn no_search_exceeds_its_budget(
        width in 0usize..6, beam in 0usize..4, depth in 0usize..6,
        max_turns in 0usize..30, max_tokens in 0u64..80, seed in 0u64..1000,
    ) {
        let policy = Numbers::new(4);
        let search = TreeSearch::default()
            .with_width(width)
            .with_beam(beam)
            .with_depth(depth)
            .with_enough(2.0)
            .with_max_turns(max_turns)
            .with_max_tokens(max_tokens);
        let goal = Digits(vec![1, 2, 3]);
        let found = search.run(&policy, &goal, &request(seed), vec![]).unwrap();
        prop_assert!(found.explored <= max_turns && found.usage.completion_tokens <= max_tokens);
        prop_assert_eq!((found.explored, found.usage), (policy.said().len(), policy.cost()));
        prop_assert!(found.turns.len() <= depth);
        prop_assert_eq!(found.turns.is_empty(), found.score == f64::NEG_INFINITY);
    }
}

/// Answers by what the conversation says, so that a detour pays only a turn later.
struct Honest;

impl Environment for Honest {
    type State = usize;

    fn step(&self, depth: &usize, turn: &Completion) -> Result<Transition<usize>, PolicyError> {
        let score = if number(turn) == 0 { f64::NAN } else { -(number(turn) as f64) };
        Ok(Transition::new(depth + 1, score))
    }
}

#[test]
fn a_search_that_ends_nowhere_returns_its_best_and_nan_is_worst() {
    let search = TreeSearch::default().with_width(30).with_beam(2).with_depth(2);
    let found = search.run(&Numbers::new(3), &Honest, &request(1), 0).unwrap();
    assert!(!found.done);
    assert_eq!((found.score, found.turns.len()), (-1.0, 1), "the earlier of equals");
}

#[test]
fn failures_pass_through_with_the_index_of_the_request() {
    struct Broken;
    impl Policy for Broken {
        fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
            Err(PolicyError::Request { index: requests.len() - 1, problem: "no".into() })
        }
    }
    let requests = [request(1), request(2), request(3)];
    let error = BestOfN::new(Broken, count(4), value).complete(&requests).unwrap_err();
    assert!(matches!(error, PolicyError::Request { index: 2, .. }), "{error}");
    let lost = |_: &Request, _: &Completion| -> Result<f64, PolicyError> {
        Err(PolicyError::infrastructure("verifying", "the sandbox is lost"))
    };
    let error = BestOfN::new(Numbers::new(2), count(2), lost).complete(&requests).unwrap_err();
    assert!(error.to_string().contains("sandbox"));
    let unknown = BestOfN::new(Numbers::new(2), count(2), SequenceLogprob::Sum);
    assert!(unknown.complete(&requests).is_err());
}

#[test]
fn a_model_is_wrapped_like_any_policy() {
    let tokenizer = Tokenizer::train(["one two three"], 262).unwrap();
    let config = ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(32)
        .with_intermediate_size(32)
        .with_num_hidden_layers(1)
        .with_num_attention_heads(2)
        .with_max_position_embeddings(128);
    let model = Model::new(config, Seed::new(1)).unwrap();
    let policy = LocalPolicy::new(model, tokenizer).unwrap();
    let requests = [request(1), request(2)];
    let best = BestOfN::new(&policy, count(6), SequenceLogprob::Mean);
    let ranked = best.rank(&requests).unwrap();
    for (answer, ranked) in best.complete(&requests).unwrap().iter().zip(&ranked) {
        assert_eq!(answer.trace, ranked.answers[0].1.trace);
        let score = SequenceLogprob::Mean.score(&requests[0], answer).unwrap();
        assert!(score < 0.0 && ranked.answers.iter().all(|(other, _)| score >= *other));
        assert_eq!(answer.usage.completion_tokens, {
            let tokens = |(_, c): &(f64, Completion)| c.usage.completion_tokens;
            ranked.answers.iter().map(tokens).sum::<u64>()
        });
    }
    let first = |completion: &Completion| completion.text().chars().next();
    let majority = Majority::new(&best, count(3), first).complete(&requests).unwrap();
    assert_eq!(majority.len(), 2, "wrappers wrap each other");
}
