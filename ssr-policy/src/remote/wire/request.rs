//! Requests of each dialect.

use serde_json::{Map, Value, json};
use ssr_core::Sampling;

use crate::remote::settings::Dialect;

/// What a server is asked to write.
pub(crate) struct Ask<'a> {
    pub(crate) model: &'a str,
    pub(crate) max_tokens: usize,
    pub(crate) stop: &'a [String],
    pub(crate) sampling: &'a Sampling,
    pub(crate) seed: u64,
}

impl Dialect {
    /// Where tokens are asked for.
    pub(crate) fn tokens_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Vllm => "/v1/completions",
            Self::SgLang => "/generate",
            Self::LlamaCpp => "/completion",
        }
    }

    /// The settings that all endpoints of OpenAI's protocol share.
    pub(crate) fn openai_body(self, ask: &Ask<'_>) -> Map<String, Value> {
        let Sampling { temperature, top_p, top_k, min_p, repetition_penalty, .. } = *ask.sampling;
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
    pub(crate) fn tokens_body(self, ask: &Ask<'_>, prompt: &[u32], ends: &[u32]) -> Value {
        let Sampling { temperature, top_p, top_k, min_p, repetition_penalty, .. } = *ask.sampling;
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

    /// Asks for the log-probabilities of single tokens after a prompt; `None` where a server cannot
    /// tell them.
    pub(crate) fn scores_body(
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
