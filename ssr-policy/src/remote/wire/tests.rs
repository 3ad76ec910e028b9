//! Bodies of each dialect, byte by byte, and replies of any bytes.

use serde_json::{Value, json};

use super::reply::align;
use crate::remote::settings::Dialect;
use proptest::prelude::*;

const DIALECTS: [Dialect; 4] = [Dialect::OpenAi, Dialect::Vllm, Dialect::SgLang, Dialect::LlamaCpp];

fn json_value() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "choices",
        "index",
        "text",
        "logprobs",
        "content",
        "id",
        "logprob",
        "token_ids",
        "token_logprobs",
        "finish_reason",
        "meta_info",
        "output_token_logprobs",
        "type",
        "output_token_ids_logprobs",
        "tokens",
        "completion_probabilities",
        "stop_type",
        "top_logprobs",
        "prompt_logprobs",
        "usage",
        "message",
        "3",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|x| json!(x)),
        (0u32..9).prop_map(Value::from),
        prop::sample::select(vec!["stop", "length", "eos", "limit", ""]).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_of_a_server_panics(body in json_value(), cut in 0usize..2000) {
        let bytes = body.to_string().into_bytes();
        for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
            for dialect in DIALECTS {
                if let Ok(reply) = dialect.parse_tokens(bytes)
                    && let Some(ids) = &reply.ids
                {
                    prop_assert_eq!(ids.len(), reply.logprobs.len());
                    prop_assert!(reply.logprobs.iter().flatten().all(|l| *l <= 0.0));
                }
                if let Ok(scores) = dialect.parse_scores(bytes, &[3, 1]) {
                    prop_assert_eq!(scores.len(), 2);
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for dialect in DIALECTS {
            let _ = dialect.parse_tokens(&bytes);
            let _ = dialect.parse_scores(&bytes, &[0]);
        }
    }
}

#[test]
fn each_dialect_tells_ids_and_log_probabilities() {
    let vllm = json!({"choices": [{"text": "ab", "token_ids": [5, 6], "finish_reason": "stop",
        "logprobs": {"token_logprobs": [-0.5, -1.0], "tokens": ["a", "b"]}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    let sglang = json!({"text": "ab", "meta_info": {"finish_reason": {"type": "stop"},
        "output_token_logprobs": [[-0.5, 5, null], [-1.0, 6, null]],
        "prompt_tokens": 3, "completion_tokens": 2}});
    let llama = json!({"content": "ab", "tokens": [5, 6], "stop_type": "word",
        "completion_probabilities": [{"id": 5, "logprob": -0.5}, {"id": 6, "logprob": -1.0}],
        "tokens_evaluated": 3, "tokens_predicted": 2});
    let answers = [(Dialect::Vllm, vllm), (Dialect::SgLang, sglang), (Dialect::LlamaCpp, llama)];
    for (dialect, body) in answers {
        let reply = dialect.parse_tokens(body.to_string().as_bytes()).unwrap();
        assert_eq!(reply.ids.as_deref(), Some(&[5, 6][..]), "{dialect:?}");
        assert_eq!(reply.logprobs, [Some(-0.5), Some(-1.0)], "{dialect:?}");
        assert_eq!((reply.usage.prompt_tokens, reply.usage.completion_tokens), (3, 2));
        assert!(!reply.length);
    }
}

proptest! {
    #[test]
    fn entries_go_to_their_tokens_or_to_none(
        tokens in prop::collection::vec((0u32..3, any::<bool>()), 0..12),
    ) {
        let ids: Vec<u32> = tokens.iter().map(|(id, _)| *id).collect();
        let mut entries = Vec::new();
        let truth: Vec<Option<usize>> = tokens
            .iter()
            .map(|(id, listed)| {
                listed.then(|| {
                    entries.push(Some(*id));
                    entries.len() - 1
                })
            })
            .collect();
        for (found, truth) in align(&ids, &entries).into_iter().zip(truth) {
            prop_assert!(found.is_none() || found == truth);
        }
    }
}

#[test]
fn all_tokens_with_entries_are_told() {
    assert_eq!(align(&[5, 5, 6], &[Some(5), Some(5), Some(6)]), [Some(0), Some(1), Some(2)]);
    assert_eq!(align(&[8, 5, 5, 6], &[Some(5), Some(6)]), [None, None, None, Some(1)]);
    assert_eq!(align(&[5], &[Some(6)]), [None]);
}

#[test]
fn tokens_without_an_entry_have_no_log_probability() {
    let body = json!({"content": "é!", "tokens": [8, 9, 7], "stop_type": "limit",
        "completion_probabilities": [{"id": 9, "logprob": -0.25}]});
    let reply = Dialect::LlamaCpp.parse_tokens(body.to_string().as_bytes()).unwrap();
    assert_eq!(reply.logprobs, [None, Some(-0.25), None]);
    assert!(reply.length);
}

#[test]
fn candidates_are_scored_in_their_order() {
    let vllm = json!({"choices": [
        {"index": 1, "prompt_logprobs": [null, {"6": {"logprob": -2.0}}]},
        {"index": 0, "prompt_logprobs": [null, {"5": {"logprob": -1.0}}]}]});
    let sglang = json!({"meta_info": {"output_token_ids_logprobs":
        [[[-2.0, 6, null], [-1.0, 5, null]]]}});
    let llama = json!({"completion_probabilities": [{"top_logprobs":
        [{"id": 6, "logprob": -2.0}, {"id": 1, "logprob": -9.0}, {"id": 5, "logprob": -1.0}]}]});
    let answers = [(Dialect::Vllm, vllm), (Dialect::SgLang, sglang), (Dialect::LlamaCpp, llama)];
    for (dialect, body) in answers {
        let body = body.to_string();
        assert_eq!(dialect.parse_scores(body.as_bytes(), &[5, 6]).unwrap(), [-1.0, -2.0]);
        assert!(dialect.parse_scores(body.as_bytes(), &[5, 6, 7]).is_err());
    }
}
