//! The bodies of requests by token ids and what the answers to them hold.

use serde_json::{Map, Value, json};
use ssr_core::Sampling;

use super::settings::Dialect;

/// What a server is asked to write.
pub(super) struct Ask<'a> {
    pub(super) model: &'a str,
    pub(super) max_tokens: usize,
    pub(super) stop: &'a [String],
    pub(super) sampling: &'a Sampling,
    pub(super) seed: u64,
}

/// Tokens that a server wrote.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    /// `None` where the server tells the text alone.
    pub(super) ids: Option<Vec<u32>>,
    /// Natural-log probability of each token under the model, where it is told.
    pub(super) logprobs: Vec<Option<f32>>,
    pub(super) text: String,
    /// Whether a limit ended it.
    pub(super) length: bool,
    /// Tokens of the prompt and of the answer, as the server counts.
    pub(super) usage: ssr_core::Usage,
}

impl Dialect {
    /// Where tokens are asked for.
    pub(super) fn tokens_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Vllm => "/v1/completions",
            Self::SgLang => "/generate",
            Self::LlamaCpp => "/completion",
        }
    }

    /// The settings that all endpoints of OpenAI's protocol share.
    pub(super) fn openai_body(self, ask: &Ask<'_>) -> Map<String, Value> {
        let Sampling { temperature, top_p, top_k, min_p, repetition_penalty } = *ask.sampling;
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set("model", json!(ask.model));
        set("max_tokens", json!(ask.max_tokens));
        set("temperature", json!(temperature));
        set("top_p", json!(top_p));
        set("seed", json!(self.seed(ask.seed)));
        if !ask.stop.is_empty() {
            set("stop", json!(ask.stop));
        }
        if self != Self::OpenAi {
            set("top_k", self.top_k(top_k));
            // Neither the server's nor the model's own defaults shall change the distribution.
            set("min_p", json!(min_p));
            set("repetition_penalty", json!(repetition_penalty));
        }
        match self {
            Self::Vllm => set("include_stop_str_in_output", json!(true)),
            Self::SgLang => set("no_stop_trim", json!(true)),
            Self::LlamaCpp => set("repeat_penalty", json!(repetition_penalty)),
            Self::OpenAi => None,
        };
        body
    }

    /// Asks to continue tokens. The answer shall end at one of the tokens `ends` too.
    pub(super) fn tokens_body(self, ask: &Ask<'_>, prompt: &[u32], ends: &[u32]) -> Value {
        let Sampling { temperature, top_p, top_k, min_p, repetition_penalty } = *ask.sampling;
        match self {
            Self::OpenAi | Self::Vllm => {
                let mut body = self.openai_body(ask);
                body.insert("prompt".to_owned(), json!(prompt));
                body.insert("logprobs".to_owned(), json!(1));
                if self == Self::Vllm {
                    body.insert("return_token_ids".to_owned(), json!(true));
                    body.insert("stop_token_ids".to_owned(), json!(ends));
                    body.insert("skip_special_tokens".to_owned(), json!(false));
                }
                Value::Object(body)
            }
            Self::SgLang => json!({
                "input_ids": prompt,
                "return_logprob": true,
                "sampling_params": {
                    "max_new_tokens": ask.max_tokens,
                    "temperature": temperature,
                    "top_p": top_p,
                    "top_k": self.top_k(top_k),
                    "min_p": min_p,
                    "repetition_penalty": repetition_penalty,
                    "sampling_seed": self.seed(ask.seed),
                    "stop": ask.stop,
                    "stop_token_ids": ends,
                    "no_stop_trim": true,
                    "skip_special_tokens": false,
                },
            }),
            Self::LlamaCpp => json!({
                "prompt": prompt,
                "n_predict": ask.max_tokens,
                "temperature": temperature,
                "top_p": top_p,
                "top_k": top_k,
                "min_p": min_p,
                "repeat_penalty": repetition_penalty,
                // All of them; the server reserves room for as many as this.
                "repeat_last_n": prompt.len().saturating_add(ask.max_tokens).min(1 << 20),
                "seed": self.seed(ask.seed),
                "stop": ask.stop,
                "n_probs": 1,
                "return_tokens": true,
            }),
        }
    }

    pub(super) fn parse_tokens(self, bytes: &[u8]) -> Result<Reply, String> {
        let body = parse(bytes)?;
        match self {
            Self::OpenAi | Self::Vllm => openai_reply(&body),
            Self::SgLang => sglang_reply(&body),
            Self::LlamaCpp => llama_cpp_reply(&body),
        }
    }

    /// Asks for the log-probabilities of single tokens after a prompt; `None` where a server cannot
    /// tell them.
    pub(super) fn scores_body(
        self,
        model: &str,
        prompt: &[u32],
        tokens: &[u32],
        vocabulary: usize,
        end: u32,
    ) -> Option<Value> {
        match self {
            Self::OpenAi => None,
            Self::Vllm => {
                let prompts: Vec<Vec<u32>> =
                    tokens.iter().map(|token| [prompt, &[*token]].concat()).collect();
                Some(json!({
                    "model": model,
                    "prompt": prompts,
                    "max_tokens": 1,
                    "temperature": 0.0,
                    "prompt_logprobs": 0,
                }))
            }
            Self::SgLang => Some(json!({
                "input_ids": prompt,
                "return_logprob": true,
                "token_ids_logprob": tokens,
                "sampling_params": { "max_new_tokens": 1, "temperature": 0.0 },
            })),
            // The table comes with the token that is drawn, unless that is a part of a character:
            // the end of the message is a whole one.
            Self::LlamaCpp => Some(json!({
                "prompt": prompt,
                "n_predict": 1,
                "temperature": 0.0,
                "logit_bias": [[end, 1000.0]],
                "n_probs": vocabulary,
            })),
        }
    }

    /// The log-probabilities of the tokens, in their order.
    pub(super) fn parse_scores(self, bytes: &[u8], tokens: &[u32]) -> Result<Vec<f32>, String> {
        let body = parse(bytes)?;
        let find = |table: &Value, of: fn(&Value) -> Option<(u32, f32)>| {
            let table = table.as_array().ok_or("no table of log-probabilities")?;
            let entries: std::collections::HashMap<u32, f32> =
                table.iter().filter_map(of).collect();
            let score = |token| {
                entries.get(token).copied().ok_or(format!("no log-probability of token {token}"))
            };
            tokens.iter().map(score).collect::<Result<Vec<f32>, String>>()
        };
        match self {
            Self::OpenAi => Err("no log-probabilities".to_owned()),
            Self::Vllm => {
                let choices = body["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
                let mut scores = vec![None; tokens.len()];
                for (position, choice) in choices.iter().enumerate() {
                    let index = choice["index"].as_u64().map_or(position, |index| index as usize);
                    let Some(token) = tokens.get(index) else { continue };
                    let last = choice["prompt_logprobs"].as_array().and_then(|all| all.last());
                    let entry = last.map(|last| &last[token.to_string()]["logprob"]);
                    scores[index] = entry.and_then(logprob);
                }
                let scores: Option<Vec<f32>> = scores.into_iter().collect();
                scores.ok_or_else(|| "no prompt_logprobs for every candidate".to_owned())
            }
            Self::SgLang => find(&body["meta_info"]["output_token_ids_logprobs"][0], |entry| {
                Some((id(&entry[1])?, logprob(&entry[0])?))
            }),
            Self::LlamaCpp => find(&body["completion_probabilities"][0]["top_logprobs"], |entry| {
                Some((id(&entry["id"])?, logprob(&entry["logprob"])?))
            }),
        }
    }

    fn top_k(self, top_k: usize) -> Value {
        match (self, top_k) {
            (Self::LlamaCpp, 0) => json!(0),
            (_, 0) => json!(-1),
            _ => json!(top_k),
        }
    }

    /// Cut to the width that the server takes.
    fn seed(self, seed: u64) -> u64 {
        match self {
            Self::LlamaCpp => seed >> 33,
            _ => seed >> 1,
        }
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("the answer is not JSON: {error}"))
}

/// The one choice of a completion in OpenAI's form.
pub(super) fn choice(body: &Value) -> Result<&Value, String> {
    body["choices"].get(0).ok_or_else(|| "the answer has no choices".to_owned())
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        // A message without a word.
        Value::Null => Ok(String::new()),
        _ => Err("the answer's text is no text".to_owned()),
    }
}

/// Whether a limit ended the text.
pub(super) fn length(reason: &Value) -> Result<bool, String> {
    match reason.as_str() {
        Some("length" | "limit") => Ok(true),
        Some("stop" | "eos" | "word" | "tool_calls") => Ok(false),
        _ => Err(format!("the answer ends for the reason {reason}")),
    }
}

pub(super) fn usage(prompt: &Value, completion: &Value) -> ssr_core::Usage {
    ssr_core::Usage {
        prompt_tokens: prompt.as_u64().unwrap_or(0),
        completion_tokens: completion.as_u64().unwrap_or(0),
    }
}

fn openai_reply(body: &Value) -> Result<Reply, String> {
    let choice = choice(body)?;
    let table = &choice["logprobs"];
    // OpenAI's lists, or llama.cpp's and the chat endpoint's entries.
    let entries = table["content"].as_array();
    let ids = match (&choice["token_ids"], entries) {
        (Value::Array(_), _) => Some(ids(&choice["token_ids"])?),
        (_, Some(entries)) => entries.iter().map(|entry| id(&entry["id"])).collect(),
        _ => None,
    };
    let told: Vec<Option<f32>> = match (entries, table["token_logprobs"].as_array()) {
        (Some(entries), _) => entries.iter().map(|entry| logprob(&entry["logprob"])).collect(),
        (None, Some(list)) => list.iter().map(logprob).collect(),
        _ => Vec::new(),
    };
    let count = ids.as_ref().map_or(0, Vec::len);
    let logprobs = if told.len() == count { told } else { vec![None; count] };
    Ok(Reply {
        ids,
        logprobs,
        text: text(&choice["text"])?,
        length: length(&choice["finish_reason"])?,
        usage: usage(&body["usage"]["prompt_tokens"], &body["usage"]["completion_tokens"]),
    })
}

fn sglang_reply(body: &Value) -> Result<Reply, String> {
    let meta = &body["meta_info"];
    let entries = meta["output_token_logprobs"].as_array();
    let entries = entries.ok_or("the answer has no output_token_logprobs")?;
    let ids: Option<Vec<u32>> = entries.iter().map(|entry| id(&entry[1])).collect();
    Ok(Reply {
        ids: Some(ids.ok_or("output_token_logprobs without token ids")?),
        logprobs: entries.iter().map(|entry| logprob(&entry[0])).collect(),
        text: text(&body["text"])?,
        length: length(&meta["finish_reason"]["type"])?,
        usage: usage(&meta["prompt_tokens"], &meta["completion_tokens"]),
    })
}

fn llama_cpp_reply(body: &Value) -> Result<Reply, String> {
    let ids = ids(&body["tokens"])?;
    let entries = body["completion_probabilities"].as_array().map(Vec::as_slice);
    let entries = entries.unwrap_or_default();
    let listed: Vec<Option<u32>> = entries.iter().map(|entry| id(&entry["id"])).collect();
    let told = |entry: Option<usize>| logprob(&entries[entry?]["logprob"]);
    let logprobs = align(&ids, &listed).into_iter().map(told).collect();
    Ok(Reply {
        ids: Some(ids),
        logprobs,
        text: text(&body["content"])?,
        length: length(&body["stop_type"])?,
        usage: usage(&body["tokens_evaluated"], &body["tokens_predicted"]),
    })
}

/// The entry of each token, where some tokens have none: llama.cpp leaves out parts of characters and
/// the tokens of a stop text. A token that two entries may belong to gets none.
fn align(ids: &[u32], entries: &[Option<u32>]) -> Vec<Option<usize>> {
    let mut first = vec![None; ids.len()];
    let mut next = 0;
    for (id, entry) in ids.iter().zip(&mut first) {
        if entries.get(next) == Some(&Some(*id)) {
            *entry = Some(next);
            next += 1;
        }
    }
    if next < entries.len() {
        return vec![None; ids.len()];
    }
    let mut left = entries.len();
    for (id, entry) in ids.iter().zip(&mut first).rev() {
        let last = left.checked_sub(1).filter(|last| entries[*last] == Some(*id));
        left = last.unwrap_or(left);
        if *entry != last {
            *entry = None;
        }
    }
    first
}

fn ids(list: &Value) -> Result<Vec<u32>, String> {
    let list = list.as_array().ok_or("the answer has no list of token ids")?;
    let ids: Option<Vec<u32>> = list.iter().map(id).collect();
    ids.ok_or_else(|| "the list of token ids holds something else".to_owned())
}

fn id(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

/// A natural-log probability; servers round what is 0 to slightly more.
fn logprob(value: &Value) -> Option<f32> {
    let logprob = value.as_f64()? as f32;
    (logprob.is_finite() && logprob < 1e-3).then_some(logprob.min(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIALECTS: [Dialect; 4] =
        [Dialect::OpenAi, Dialect::Vllm, Dialect::SgLang, Dialect::LlamaCpp];

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
        let answers =
            [(Dialect::Vllm, vllm), (Dialect::SgLang, sglang), (Dialect::LlamaCpp, llama)];
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
        let answers =
            [(Dialect::Vllm, vllm), (Dialect::SgLang, sglang), (Dialect::LlamaCpp, llama)];
        for (dialect, body) in answers {
            let body = body.to_string();
            assert_eq!(dialect.parse_scores(body.as_bytes(), &[5, 6]).unwrap(), [-1.0, -2.0]);
            assert!(dialect.parse_scores(body.as_bytes(), &[5, 6, 7]).is_err());
        }
    }
}
