//! The requests, as far as they are understood; other fields are ignored as other servers do.

use serde::Deserialize;
use serde_json::Value;
use ssr_core::{ChatRole, Grammar, Message, Segment};
use ssr_policy::ToolFormat;

use crate::refuse::Refusal;
use crate::tools::said;

/// What both endpoints take.
#[derive(Debug, Deserialize)]
pub struct Common {
    pub model: Option<String>,
    pub max_tokens: Option<usize>,
    pub max_completion_tokens: Option<usize>,
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    /// −1 and 0 keep all tokens.
    pub top_k: Option<i64>,
    pub min_p: Option<f32>,
    pub repetition_penalty: Option<f32>,
    pub seed: Option<u64>,
    pub n: Option<usize>,
    #[serde(default)]
    pub stop: Stop,
    #[serde(default, deserialize_with = "or_default")]
    pub include_stop_str_in_output: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub return_token_ids: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub stream: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub stream_options: StreamOptions,
    /// OpenAI's form.
    pub response_format: Option<ResponseFormat>,
    /// vLLM's form.
    pub structured_outputs: Option<StructuredOutputs>,
}

/// Clients send null for what they leave out.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Stop {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
pub struct StreamOptions {
    #[serde(default, deserialize_with = "or_default")]
    pub include_usage: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: NamedSchema },
}

#[derive(Debug, Deserialize)]
pub struct NamedSchema {
    pub schema: Value,
}

/// One language of answers. What is not known is refused: an answer that does not keep to it would
/// be wrong.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StructuredOutputs {
    Choice(Vec<String>),
    /// A schema, or its text.
    Json(Value),
    Regex(String),
    /// In the notation of Lark.
    Grammar(String),
}

/// `/v1/completions`.
#[derive(Debug, Deserialize)]
pub struct Completions {
    pub prompt: Prompt,
    /// Any number tells the log-probabilities of the drawn tokens.
    pub logprobs: Option<u32>,
    /// Any number tells those of the prompt's tokens.
    pub prompt_logprobs: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    pub echo: bool,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
    Texts(Vec<String>),
    ManyTokens(Vec<Vec<u32>>),
}

/// `/v1/chat/completions`.
#[derive(Debug, Deserialize)]
pub struct Chat {
    pub messages: Vec<ChatMessage>,
    #[serde(default, deserialize_with = "or_default")]
    pub logprobs: bool,
    /// The last message is the beginning of the answer.
    #[serde(default, deserialize_with = "or_default")]
    pub continue_final_message: bool,
    /// The functions that the model may call.
    pub tools: Option<Vec<OfferedTool>>,
    /// `none`, `auto`, `required`, or the function that has to be called.
    pub tool_choice: Option<Value>,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Deserialize)]
pub struct OfferedTool {
    pub function: Function,
}

#[derive(Debug, Deserialize)]
pub struct Function {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default = "any_object")]
    pub parameters: Value,
}

fn any_object() -> Value {
    serde_json::json!({"type": "object"})
}

#[derive(Debug, Deserialize)]
pub struct ChatMessage {
    pub role: String,
    pub content: Option<Content>,
    pub name: Option<String>,
    /// What the assistant called.
    pub tool_calls: Option<Vec<Called>>,
}

#[derive(Debug, Deserialize)]
pub struct Called {
    pub function: CalledFunction,
}

#[derive(Debug, Deserialize)]
pub struct CalledFunction {
    pub name: String,
    pub arguments: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
pub struct Part {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
}

impl ChatMessage {
    /// The message; calls of tools in the model's own format.
    pub fn read(self, format: &dyn ToolFormat) -> Result<Message, Refusal> {
        let text = match self.content {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts
                .into_iter()
                .map(|part| match (part.kind.as_str(), part.text) {
                    ("text", Some(text)) => Ok(text),
                    (kind, _) => {
                        Err(Refusal::wrong(format!("content of type {kind:?}; only text is read")))
                    }
                })
                .collect::<Result<String, Refusal>>()?,
        };
        let mut message = match self.role.as_str() {
            "system" | "developer" => Message::system(text),
            "user" => Message::user(text),
            "assistant" => match self.tool_calls.filter(|calls| !calls.is_empty()) {
                Some(calls) => Message::assistant(said(format, text, calls)),
                None => Message::assistant(text),
            },
            "tool" => Message::new(ChatRole::Tool, text),
            role => return Err(Refusal::wrong(format!("a message of the role {role:?}"))),
        };
        message.name = self.name;
        Ok(message)
    }
}

impl Common {
    pub fn stop(&self) -> Vec<String> {
        match &self.stop {
            Stop::None => Vec::new(),
            Stop::One(text) => vec![text.clone()],
            Stop::Many(texts) => texts.clone(),
        }
    }

    /// The part of the answer that the model writes.
    pub fn segment(&self, max_tokens: usize) -> Segment {
        let max_tokens = self.max_completion_tokens.or(self.max_tokens).unwrap_or(max_tokens);
        let schema = |schema: &Value| match schema {
            Value::String(text) => Grammar::JsonSchema(text.clone()),
            schema => Grammar::JsonSchema(schema.to_string()),
        };
        let grammar = match (&self.structured_outputs, &self.response_format) {
            (Some(StructuredOutputs::Choice(texts)), _) => return Segment::Choice(texts.clone()),
            (Some(StructuredOutputs::Json(value)), _) => schema(value),
            (Some(StructuredOutputs::Regex(regex)), _) => Grammar::Regex(regex.clone()),
            (Some(StructuredOutputs::Grammar(lark)), _) => Grammar::Lark(lark.clone()),
            (None, Some(ResponseFormat::JsonSchema { json_schema })) => schema(&json_schema.schema),
            (None, Some(ResponseFormat::JsonObject)) => schema(&any_object()),
            (None, Some(ResponseFormat::Text) | None) => {
                return Segment::Free { max_tokens, stop: self.stop() };
            }
        };
        Segment::Grammar { grammar, max_tokens }
    }
}
