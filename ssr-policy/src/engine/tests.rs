//! Snapshots of different weights in one engine.

use std::sync::Arc;

use candle_core::Device;
use ssr_core::{Completion, Message, Request, Seed, Segment};

use super::*;
use crate::chat::render;
use crate::config::{Executor, ModelConfig};
use crate::model::Model;
use crate::tokenizer::Tokenizer;

fn model(seed: u64) -> Model {
    let config = ModelConfig::tiny(300)
        .with_hidden_size(32)
        .with_intermediate_size(48)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_head_dim(8);
    Model::new(config, Seed::new(seed)).unwrap()
}

fn submit(weights: &dyn LoadedWeights, tokenizer: &Arc<Tokenizer>, seed: u64) -> Handle {
    let request = Request::new(
        vec![Message::user("one prompt of some length ".repeat(4))],
        vec![Segment::Free { max_tokens: 20, stop: vec![] }],
        Seed::new(seed),
    );
    let prompt = render(tokenizer, &request.messages).unwrap().tokens;
    let (config, id) = (weights.config(), weights.id());
    let sequence = Sequence::new(config, id, tokenizer, prompt, &request, 0);
    weights.submit(sequence.ok().unwrap(), false)
}

fn answer(handle: Handle) -> Completion {
    loop {
        if let Event::Done(done) = handle.events.recv().unwrap() {
            return done.ok().unwrap();
        }
    }
}

#[test]
fn sequences_of_two_snapshots_meet_in_one_engine_and_keep_their_own_weights() {
    let tokenizer = Arc::new(Tokenizer::train([""; 0], 259).unwrap());
    for executor in [Executor::Kernels, Executor::Tensors] {
        let config = EngineConfig::default()
            .with_executor(executor)
            .with_max_sequences(3)
            .with_kv_bytes(1 << 20);
        let start = || start(config, &Device::Cpu, &SharedStats::default()).unwrap();
        let alone = |weights: u64| -> Vec<Completion> {
            let engine = start();
            let loaded = engine.load(&model(weights)).unwrap();
            (0..4).map(|seed| answer(submit(&*loaded, &tokenizer, seed))).collect()
        };
        let (first, second) = (alone(1), alone(2));
        assert_ne!(first, second);
        let engine = start();
        let (old, new) = (engine.load(&model(1)).unwrap(), engine.load(&model(2)).unwrap());
        let handles: Vec<(Handle, Handle)> = (0..4)
            .map(|seed| (submit(&*old, &tokenizer, seed), submit(&*new, &tokenizer, seed)))
            .collect();
        for (index, (of_old, of_new)) in handles.into_iter().enumerate() {
            assert_eq!(answer(of_old).parts, first[index].parts, "{executor:?}");
            assert_eq!(answer(of_new).parts, second[index].parts, "{executor:?}");
        }
    }
}

#[test]
fn counts_go_on_when_an_engine_replaces_another() {
    let tokenizer = Arc::new(Tokenizer::train([""; 0], 259).unwrap());
    let stats = SharedStats::default();
    for rounds in 1..=2 {
        let engine = start(EngineConfig::default(), &Device::Cpu, &stats).unwrap();
        let loaded = engine.load(&model(1)).unwrap();
        let tokens = answer(submit(&*loaded, &tokenizer, 1)).usage.completion_tokens;
        assert_eq!(stats.read().steps, rounds * tokens);
    }
}
