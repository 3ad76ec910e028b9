//! The scheduler: the prefix cache, scarce memory, streams, cancelled requests, long answers.

use ssr_core::{Completion, Message, Policy, PolicyError, Request, Seed, Segment};
use ssr_policy::{
    Architecture, EngineConfig, Executor, LocalPolicy, Model, ModelConfig, ModelErrorKind,
    Precision, ScoredSequence, Target, Tokenizer,
};

fn config(architecture: Architecture) -> ModelConfig {
    ModelConfig::tiny_of(architecture, 300)
        .with_hidden_size(32)
        .with_intermediate_size(48)
        .with_num_hidden_layers(4)
        .with_num_attention_heads(4)
        .with_num_key_value_heads(2)
        .with_head_dim(8)
        .with_max_position_embeddings(1 << 15)
}

fn policy(config: ModelConfig, engine: EngineConfig) -> LocalPolicy {
    let tokenizer = Tokenizer::train([""; 0], 259).unwrap();
    LocalPolicy::with_engine(Model::new(config, Seed::new(1)).unwrap(), tokenizer, engine).unwrap()
}

fn request(prompt: &str, tokens: usize, seed: u64) -> Request {
    Request::new(
        vec![Message::user(prompt)],
        vec![Segment::Free { max_tokens: tokens, stop: vec![] }],
        Seed::new(seed),
    )
}

/// A group with one prompt and some with others, of different lengths.
fn requests() -> Vec<Request> {
    let long = "the quick brown fox jumps over the lazy dog. ".repeat(6);
    let mut requests: Vec<Request> = (0..6).map(|seed| request(&long, 50, seed)).collect();
    requests.extend((6..9).map(|seed| request(&long[..100 + seed as usize], 90, seed)));
    requests.push(request("x", 120, 9));
    requests
}

#[test]
fn neither_the_prefix_cache_nor_scarce_memory_changes_an_answer() {
    for architecture in [Architecture::Qwen3, Architecture::Cwm] {
        let plain = EngineConfig::default().with_prefix_cache(false);
        let expected = policy(config(architecture), plain).complete(&requests()).unwrap();
        let cached = policy(config(architecture), EngineConfig::default());
        assert_eq!(cached.complete(&requests()).unwrap(), expected);
        let first = cached.stats();
        assert!(first.cached_tokens > 5 * 200, "a group shares its prompt: {first:?}");
        assert_eq!(cached.complete(&requests()).unwrap(), expected);
        let second = cached.stats();
        assert!(second.fed_tokens - first.fed_tokens < first.fed_tokens, "{second:?}");
        for kv_bytes in [0, 40_000, 150_000, 400_000] {
            for (max_sequences, prefill_tokens) in [(64, 512), (3, 7), (1, 1)] {
                let engine = EngineConfig::default()
                    .with_kv_bytes(kv_bytes)
                    .with_max_sequences(max_sequences)
                    .with_prefill_tokens(prefill_tokens);
                let scarce = policy(config(architecture), engine);
                assert_eq!(scarce.complete(&requests()).unwrap(), expected, "{engine:?}");
                let stats = scarce.stats();
                assert!(
                    kv_bytes > 40_000 || max_sequences == 1 || stats.preemptions > 0,
                    "{stats:?}"
                );
            }
        }
    }
}

#[test]
fn an_update_of_the_weights_forgets_what_was_computed_with_the_old_ones() {
    let used = policy(config(Architecture::Qwen2), EngineConfig::default());
    let before = used.complete(&requests()).unwrap();
    let fresh = Model::new(config(Architecture::Qwen2), Seed::new(2)).unwrap();
    used.update(|model| model.copy_from(&fresh)).unwrap();
    let after = used.complete(&requests()).unwrap();
    let tokenizer = Tokenizer::train([""; 0], 259).unwrap();
    let expected = LocalPolicy::new(fresh, tokenizer).unwrap().complete(&requests()).unwrap();
    let ids = |completions: &[Completion]| -> Vec<Vec<u32>> {
        completions.iter().map(|c| c.trace.as_ref().unwrap().ids.clone()).collect()
    };
    assert_eq!(ids(&after), ids(&expected));
    assert_ne!(ids(&after), ids(&before));
}

#[test]
fn windows_and_scaled_rotations_are_trained_as_they_are_generated() {
    let mut windowed = config(Architecture::Cwm);
    windowed.sliding_window = Some(40);
    for config in [config(Architecture::Llama), config(Architecture::Qwen2), windowed] {
        let policy = policy(config, EngineConfig::default());
        let completions = policy.complete(&requests()).unwrap();
        for completion in &completions {
            let trace = completion.trace.as_ref().unwrap();
            let tokens = [&completion.prompt[..], &trace.ids].concat();
            let target = |i| Target { position: completion.prompt.len() + i, allowed: None };
            let targets = (0..trace.len()).map(target).collect();
            let sequence = ScoredSequence { tokens: &tokens, targets };
            let scores = policy.with_model(|model| model.score(&[sequence]).unwrap().logprobs);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&trace.model_logprobs), bits(&scores.to_vec1::<f32>().unwrap()));
        }
    }
}

#[test]
fn a_stream_has_the_answer_token_by_token() {
    let policy = policy(config(Architecture::Qwen3), EngineConfig::default());
    for seed in 0..20 {
        let mut request = request("stream", 60, seed);
        let stop = vec!["e".into(), "a b".into()];
        request.answer.insert(0, Segment::Forced("forced é\n".into()));
        request.answer[1] = Segment::Free { max_tokens: 60, stop };
        let expected = policy.complete(std::slice::from_ref(&request)).unwrap().remove(0);
        let mut stream = policy.stream(&request).unwrap();
        let deltas: Vec<_> = stream.by_ref().collect();
        assert_eq!(stream.completion().unwrap(), expected);
        let text: String = deltas.iter().map(|delta| delta.text.as_str()).collect();
        assert_eq!(text, expected.text());
        let trace = expected.trace.unwrap();
        assert_eq!(deltas.iter().map(|delta| delta.id).collect::<Vec<_>>(), trace.ids);
        let logprobs: Vec<f32> = deltas.iter().map(|delta| delta.model_logprob).collect();
        assert_eq!(logprobs, trace.model_logprobs);
    }
}

#[test]
fn counts_are_never_behind_the_tokens_that_were_sent() {
    let policy = policy(config(Architecture::Qwen3), EngineConfig::default());
    for seed in 0..20 {
        let before = policy.stats();
        let mut stream = policy.stream(&request(&seed.to_string().repeat(40), 9, seed)).unwrap();
        let mut tokens = 0;
        while stream.next().is_some() {
            tokens += 1;
            let after = policy.stats();
            assert!(after.steps >= before.steps + tokens && after.busy > before.busy);
        }
        assert_eq!(policy.stats().steps, before.steps + tokens);
        let (prompt, after) = (stream.completion().unwrap().prompt.len() as u64, policy.stats());
        let known = after.cached_tokens - before.cached_tokens;
        assert_eq!(after.fed_tokens - before.fed_tokens + known, prompt + tokens - 1);
    }
}

#[test]
fn a_dropped_stream_leaves_the_batch() {
    let engine = EngineConfig::default().with_max_sequences(1);
    let policy = policy(config(Architecture::Qwen3), engine);
    let mut stream = policy.stream(&request("long", 30_000, 1)).unwrap();
    assert!(stream.next().is_some());
    drop(stream);
    let completion = policy.complete(&[request("short", 3, 2)]).unwrap().remove(0);
    assert_eq!(completion.usage.completion_tokens, 3);
    assert!(policy.stats().fed_tokens < 20_000);
}

#[test]
fn requests_from_many_threads_are_served_together() {
    let policy = policy(config(Architecture::Qwen3), EngineConfig::default());
    let expected = policy.complete(&requests()).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = requests()
            .into_iter()
            .map(|request| scope.spawn(|| policy.complete(&[request]).unwrap().remove(0)))
            .collect();
        let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(answers, expected);
    });
}

#[test]
fn ten_thousand_steps_take_no_more_memory_than_their_window() {
    let mut config = config(Architecture::Cwm);
    config.sliding_window = Some(64);
    config.layer_types = vec![ssr_policy::LayerType::Sliding; 4];
    let policy = policy(config, EngineConfig::default().with_prefix_cache(false));
    let mut request = request("on and on", 0, 3);
    // Free text could end by itself.
    request.answer = vec![Segment::Choice(vec!["a".into(), "b".into()]); 10_000];
    let mut stream = policy.stream(&request).unwrap();
    let mut peak = 0;
    let mut tokens = 0;
    while stream.next().is_some() {
        tokens += 1;
        peak = peak.max(policy.stats().kv_bytes);
    }
    assert_eq!(tokens, 10_000);
    // Four layers of four blocks at most: 2 heads of 8 numbers padded to 16, 32 positions, f32.
    let block = 2 * (8 + 16) * 32 * 4;
    assert!(peak > 0 && peak <= 4 * 4 * block, "{peak} bytes");
}

#[test]
fn quantised_weights_give_nearly_the_same_logits_and_do_not_depend_on_the_batch() {
    let wide = config(Architecture::Qwen2).with_intermediate_size(64);
    let exact = policy(wide.clone(), EngineConfig::default());
    for (precision, tolerance) in [(Precision::Q8, 0.01), (Precision::Q4, 0.15)] {
        let engine = EngineConfig::default().with_precision(precision);
        let policy = policy(wide.clone(), engine);
        let together = policy.complete(&requests()).unwrap();
        for (request, completion) in requests().iter().zip(together) {
            let alone = policy.complete(std::slice::from_ref(request)).unwrap().remove(0);
            assert_eq!(alone, completion);
            let trace = completion.trace.unwrap();
            let tokens = [&completion.prompt[..], &trace.ids].concat();
            let target = |i| Target { position: completion.prompt.len() + i, allowed: None };
            let targets = (0..trace.len()).map(target).collect();
            let sequence = ScoredSequence { tokens: &tokens, targets };
            let scores = exact.with_model(|model| model.score(&[sequence]).unwrap().logprobs);
            let scores = scores.to_vec1::<f32>().unwrap();
            let gaps = trace.model_logprobs.iter().zip(&scores).map(|(a, b)| (a - b).abs());
            let largest = gaps.fold(0.0, f32::max);
            assert!(largest > 0.0 && largest < tolerance, "{precision:?}: {largest}");
        }
    }
}

#[test]
fn tensors_compute_what_the_kernels_do() {
    let mut windowed = config(Architecture::Cwm);
    windowed.sliding_window = Some(40);
    for config in [config(Architecture::Llama), config(Architecture::Qwen2), windowed] {
        let exact = policy(config.clone(), EngineConfig::default());
        let tensors = EngineConfig::default().with_executor(Executor::Tensors);
        let slow = policy(config, tensors);
        let expected = exact.complete(&requests()).unwrap();
        for (completion, expected) in slow.complete(&requests()).unwrap().iter().zip(&expected) {
            let (trace, exact) = (completion.trace.as_ref().unwrap(), expected.trace.as_ref());
            assert_eq!(trace.ids, exact.unwrap().ids);
            let gaps = trace.model_logprobs.iter().zip(&exact.unwrap().model_logprobs);
            let largest = gaps.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-5, "{largest}");
        }
        let cached = slow.stats().cached_tokens;
        assert!(cached > 5 * 200, "{:?}", slow.stats());
    }
}

#[test]
fn a_device_without_room_fails_the_request_and_goes_on() {
    let engine = EngineConfig::default().with_executor(Executor::Tensors).with_kv_bytes(70_000);
    let policy = policy(config(Architecture::Qwen2), engine);
    let long = "a".repeat(400);
    let error = policy.complete(&[request(&long, 3, 1)]).unwrap_err();
    assert!(error.to_string().contains("generating"), "{error}");
    let PolicyError::Infrastructure { source, .. } = error else { panic!("{error}") };
    let cause = source.downcast_ref::<ssr_policy::Error>().unwrap();
    assert_eq!(cause.kind(), ModelErrorKind::Device, "{cause}");
    assert_eq!(policy.complete(&[request("b", 3, 1)]).unwrap().len(), 1);
}

#[test]
fn an_engine_without_a_sequence_is_refused() {
    let model = Model::new(config(Architecture::Qwen3), Seed::new(1)).unwrap();
    let tokenizer = Tokenizer::train([""; 0], 259).unwrap();
    let engine = EngineConfig::default().with_max_sequences(0);
    let error = LocalPolicy::with_engine(model, tokenizer, engine).unwrap_err().to_string();
    assert!(error.contains("max_sequences"), "{error}");
}
