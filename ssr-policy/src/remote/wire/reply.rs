//! Replies of servers: parsing that never panics.

use serde_json::Value;

use crate::remote::settings::Dialect;

/// Tokens that a server wrote.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    /// `None` where the server tells the text alone.
    pub(crate) ids: Option<Vec<u32>>,
    /// Natural-log probability of each token under the model, where it is told.
    pub(crate) logprobs: Vec<Option<f32>>,
    pub(crate) text: String,
    /// Whether a limit ended it.
    pub(crate) length: bool,
    /// Tokens of the prompt and of the answer, as the server counts.
    pub(crate) usage: ssr_core::Usage,
}

impl Dialect {
    pub(crate) fn parse_tokens(self, bytes: &[u8]) -> Result<Reply, String> {
        let body = parse(bytes)?;
        match self {
            Self::OpenAi | Self::Vllm => openai_reply(&body),
            Self::SgLang => sglang_reply(&body),
            Self::LlamaCpp => llama_cpp_reply(&body),
        }
    }

    /// The log-probabilities of the tokens, in their order.
    pub(crate) fn parse_scores(self, bytes: &[u8], tokens: &[u32]) -> Result<Vec<f32>, String> {
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
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("the answer is not JSON: {error}"))
}

/// The one choice of a completion in OpenAI's form.
pub(crate) fn choice(body: &Value) -> Result<&Value, String> {
    body["choices"].get(0).ok_or_else(|| "the answer has no choices".to_owned())
}

pub(crate) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        // A message without a word.
        Value::Null => Ok(String::new()),
        _ => Err("the answer's text is no text".to_owned()),
    }
}

/// Whether a limit ended the text.
pub(crate) fn length(reason: &Value) -> Result<bool, String> {
    match reason.as_str() {
        Some("length" | "limit") => Ok(true),
        Some("stop" | "eos" | "word" | "tool_calls") => Ok(false),
        _ => Err(format!("the answer ends for the reason {reason}")),
    }
}

pub(crate) fn usage(prompt: &Value, completion: &Value) -> ssr_core::Usage {
    ssr_core::Usage::new(prompt.as_u64().unwrap_or(0), completion.as_u64().unwrap_or(0))
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
pub(super) fn align(ids: &[u32], entries: &[Option<u32>]) -> Vec<Option<usize>> {
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
