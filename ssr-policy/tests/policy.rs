//! The engine: exactness, independence of the batch, constraints, stops.

use ssr_core::{
    Completion, FinishReason, Message, Policy, PolicyError, Request, Sampling, Seed, Segment,
};
use ssr_policy::{LocalPolicy, Model, ModelConfig, ScoredSequence, Target, Tokenizer};

const TEXT: &str =
    "def take(n, seq):\n    return itertools.islice(seq, n)\n\nfor x in seq:\n    n += 1\n";

fn policy() -> LocalPolicy {
    let tokenizer = Tokenizer::train([TEXT], 320).unwrap();
    let config = ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(64)
        .with_intermediate_size(96)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_max_position_embeddings(512);
    let model = Model::new(config, Seed::new(1)).unwrap();
    LocalPolicy::new(model, tokenizer).unwrap()
}

fn free(max_tokens: usize) -> Segment {
    Segment::Free { max_tokens, stop: vec![] }
}

fn choice(texts: &[&str]) -> Segment {
    Segment::Choice(texts.iter().map(|&text| text.to_owned()).collect())
}

fn request(prompt: &str, answer: Vec<Segment>, seed: u64) -> Request {
    Request::new(vec![Message::user(prompt)], answer, Seed::new(seed))
}

/// Requests of many shapes: shared and different prompts, longer than a block of keys.
fn mixed_requests() -> Vec<Request> {
    let long = TEXT.repeat(4);
    let mut requests: Vec<Request> =
        (0..5).map(|seed| request(&long, vec![free(40)], seed)).collect();
    requests.push(request("x", vec![free(7)], 5));
    let mut hot = request(TEXT, vec![free(30)], 6);
    hot.sampling = Sampling::default()
        .with_temperature(1.7)
        .with_top_p(0.8)
        .with_top_k(50)
        .with_min_p(0.01)
        .with_repetition_penalty(1.2);
    requests.push(hot);
    let shaped = vec![
        Segment::Forced("line ".into()),
        choice(&["10\n", "11\n", "2\n"]),
        Segment::Free { max_tokens: 20, stop: vec!["e".into()] },
    ];
    requests.extend((7..12).map(|seed| request(TEXT, shaped.clone(), seed)));
    requests
}

fn score(model: &Model, completions: &[Completion]) -> Vec<Vec<f32>> {
    let tokens: Vec<Vec<u32>> = completions
        .iter()
        .map(|c| [&c.prompt[..], &c.trace.as_ref().unwrap().ids].concat())
        .collect();
    let sequences: Vec<_> = completions
        .iter()
        .zip(&tokens)
        .map(|(completion, tokens)| {
            let trace = completion.trace.as_ref().unwrap();
            let target = |i| Target {
                position: completion.prompt.len() + i,
                allowed: trace.allowed.get(&i),
            };
            let targets = (0..trace.len()).filter(|&i| trace.loss_mask[i]).map(target).collect();
            ScoredSequence { tokens, targets }
        })
        .collect();
    let mut logprobs =
        model.score(&sequences).unwrap().logprobs.to_vec1::<f32>().unwrap().into_iter();
    sequences.iter().map(|s| logprobs.by_ref().take(s.targets.len()).collect()).collect()
}

#[test]
fn training_recomputes_the_recorded_log_probabilities_bit_for_bit() {
    let policy = policy();
    let completions = policy.complete(&mixed_requests()).unwrap();
    let scores = policy.with_model(|model| score(model, &completions));
    for (completion, scores) in completions.iter().zip(scores) {
        let trace = completion.trace.as_ref().unwrap();
        let recorded: Vec<f32> = (0..trace.len())
            .filter(|&i| trace.loss_mask[i])
            .map(|i| trace.model_logprobs[i])
            .collect();
        assert!(!recorded.is_empty());
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&recorded), bits(&scores), "{recorded:?} {scores:?}");
    }
}

#[test]
fn the_batch_does_not_change_an_answer() {
    let policy = policy();
    let requests = mixed_requests();
    let together = policy.complete(&requests).unwrap();
    for (request, expected) in requests.iter().zip(&together) {
        let alone = policy.complete(std::slice::from_ref(request)).unwrap().remove(0);
        assert_eq!(alone, *expected);
    }
    let reversed: Vec<Request> = requests.iter().rev().cloned().collect();
    let mut answers = policy.complete(&reversed).unwrap();
    answers.reverse();
    assert_eq!(answers, together);
}

#[test]
fn more_requests_than_the_batch_holds_are_served_in_order() {
    let policy = policy();
    let requests: Vec<Request> =
        (0..150).map(|seed| request(&"ab"[..1 + seed as usize % 2], vec![free(2)], seed)).collect();
    let completions = policy.complete(&requests).unwrap();
    assert_eq!(completions.len(), 150);
    for index in [0, 1, 77, 149] {
        let alone = policy.complete(&requests[index..=index]).unwrap();
        assert_eq!(alone[0], completions[index]);
    }
    assert!(policy.complete(&[]).unwrap().is_empty());
}

#[test]
fn the_seed_decides() {
    let policy = policy();
    let ids = |seed| {
        let completion = policy.complete(&[request("x", vec![free(12)], seed)]).unwrap().remove(0);
        completion.trace.unwrap().ids
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}

#[test]
fn an_answer_has_the_shape_that_was_asked_for() {
    let policy = policy();
    let texts = ["+= 1\n", "-= 1\n", "+= 2\n"];
    let answer = vec![
        Segment::Forced("n ".into()),
        choice(&texts),
        choice(&["yes"]),
        Segment::Free { max_tokens: 9, stop: vec![] },
    ];
    let requests: Vec<Request> = (0..40).map(|seed| request("x", answer.clone(), seed)).collect();
    let mut seen = std::collections::BTreeSet::new();
    for completion in policy.complete(&requests).unwrap() {
        let [forced, chosen, only, _] = &completion.parts[..] else { panic!("{completion:?}") };
        assert_eq!((&forced[..], &only[..]), ("n ", "yes"));
        assert!(texts.contains(&&chosen[..]));
        seen.insert(chosen.clone());
        let trace = completion.trace.as_ref().unwrap();
        let shaped = format!("n {chosen}yes");
        assert!(policy.tokenizer().decode(&trace.ids).starts_with(&shaped));
        let lengths = [
            trace.logprobs.len(),
            trace.model_logprobs.len(),
            trace.loss_mask.len(),
            trace.versions.len(),
        ];
        assert_eq!(lengths, [trace.len(); 4]);
        for (position, allowed) in &trace.allowed {
            assert!(trace.loss_mask[*position] && allowed.len() > 1);
            assert!(allowed.contains(trace.ids[*position]));
            // Near-uniform weights: the mask must be what makes these likely.
            let uniform = (allowed.len() as f32).recip().ln();
            assert!((trace.logprobs[*position] - uniform).abs() < 1.0);
        }
        let undrawn = trace.loss_mask.iter().zip(&trace.logprobs).filter(|(sampled, _)| !**sampled);
        assert!(undrawn.clone().count() > 0 && undrawn.clone().all(|(_, logprob)| *logprob == 0.0));
        assert_eq!(completion.usage.completion_tokens, trace.len() as u64);
        assert_eq!(completion.usage.prompt_tokens, completion.prompt.len() as u64);
    }
    assert_eq!(seen.len(), 3, "40 draws among 3 texts found {seen:?}");
}

#[test]
fn free_text_ends_at_a_stop_text_a_limit_or_the_end_of_the_message() {
    let policy = policy();
    let stop = |stop: Vec<String>, seed| {
        let segments = vec![Segment::Free { max_tokens: 200, stop }, Segment::Forced("!".into())];
        policy.complete(&[request("x", segments, seed)]).unwrap().remove(0)
    };
    let letters: Vec<String> = ('a'..='z').map(String::from).collect();
    let mut ended_by_stop = 0;
    for seed in 0..10 {
        let completion = stop(letters.clone(), seed);
        let text = &completion.parts[0];
        assert!(!text.contains(|c: char| c.is_ascii_lowercase()), "{text:?}");
        if completion.parts.len() == 2 {
            ended_by_stop += 1;
            assert_eq!(
                (completion.parts[1].as_str(), completion.finish),
                ("!", FinishReason::Stop)
            );
        }
    }
    assert!(ended_by_stop > 5);
    let mut finishes = std::collections::HashSet::new();
    for seed in 0..20 {
        let completion = stop(vec![], seed);
        finishes.insert(completion.finish);
        assert_eq!(completion.parts.len(), 1, "the message ended before the last segment");
        let trace = completion.trace.unwrap();
        let ended = policy.tokenizer().is_end(*trace.ids.last().unwrap());
        assert_eq!(completion.finish == FinishReason::Stop, ended);
        assert_eq!(completion.finish == FinishReason::Length, trace.len() == 200);
    }
    assert_eq!(finishes.len(), 2, "200 draws from about 320 tokens should end some messages");
}

#[test]
fn the_context_window_ends_an_answer() {
    let policy = policy();
    let prompt = "x".repeat(480);
    let answers = [
        vec![free(1000)],
        vec![Segment::Forced("y".repeat(300)), free(1)],
        vec![free(2), choice(&[&"a1".repeat(200), &"b2".repeat(200)])],
    ];
    for answer in answers {
        let completion = policy.complete(&[request(&prompt, answer, 3)]).unwrap().remove(0);
        let len = completion.prompt.len() + completion.trace.as_ref().unwrap().len();
        assert!(len <= 512 && completion.finish == FinishReason::Length, "{completion:?}");
    }
}

#[test]
fn impossible_requests_are_refused_by_position() {
    let policy = policy();
    let refuse = |wrong: Request, reason: &str| {
        let good = request("x", vec![free(1)], 0);
        let error = policy.complete(&[good, wrong]).unwrap_err();
        assert!(matches!(error, PolicyError::Request { index: 1, .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    refuse(request("x", vec![choice(&[])], 0), "no texts");
    refuse(request("x", vec![choice(&["a", "a"])], 0), "begins with");
    refuse(
        request("x", vec![Segment::Free { max_tokens: 1, stop: vec![String::new()] }], 0),
        "stop",
    );
    refuse(request(&"x".repeat(600), vec![free(1)], 0), "prompt");
    let mut bad = request("x", vec![free(1)], 0);
    bad.sampling.temperature = f32::NAN;
    refuse(bad, "temperature");
}

#[test]
fn an_update_changes_the_version_and_the_answers() {
    let policy = policy();
    let ask =
        || policy.complete(&[request("x", vec![free(10)], 1)]).unwrap().remove(0).trace.unwrap();
    let before = ask();
    assert!(before.versions.iter().all(|&version| version == 0));
    let failed: Result<(), &str> = policy.update(|_| Err("no"));
    assert!(failed.is_err() && policy.weight_version() == 0);
    let other = Model::new(policy.with_model(|m| m.config().clone()), Seed::new(2)).unwrap();
    policy.update(|model| model.copy_from(&other)).unwrap();
    let after = ask();
    assert!(after.versions.iter().all(|&version| version == 1));
    assert_ne!(before.model_logprobs, after.model_logprobs);
}

#[test]
fn threads_share_a_policy() {
    let policy = policy();
    let requests = mixed_requests();
    let expected = policy.complete(&requests).unwrap();
    std::thread::scope(|scope| {
        let handles: Vec<_> =
            (0..3).map(|_| scope.spawn(|| policy.complete(&requests).unwrap())).collect();
        for handle in handles {
            assert_eq!(handle.join().unwrap(), expected);
        }
    });
}
