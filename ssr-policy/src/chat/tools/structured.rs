//! Tool calls as JSON: Hermes and Llama 3.1.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use ssr_core::Grammar;

use super::{AssistantTurn, FormatError, Tool, ToolCall, ToolFormat, is_name, reasoning};

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";
const GAP: &str = "\n\n";

/// The format of Hermes and Qwen: JSON between `<tool_call>` tags, any number of calls in a turn.
///
/// ```
/// use ssr_policy::{HermesFormat, ToolFormat};
///
/// let turn = "On it.\n<tool_call>\n{\"name\": \"ls\", \"arguments\": {\"dir\": \".\"}}\n</tool_call>";
/// let parsed = HermesFormat::default().parse(turn)?;
/// assert_eq!((parsed.text.as_str(), parsed.calls[0].arguments.as_str()), ("On it.", "{\"dir\": \".\"}"));
/// assert_eq!(HermesFormat::default().render(&parsed)?, turn);
/// # Ok::<_, ssr_policy::FormatError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HermesFormat {
    /// Whether the prompt ends in `<think>\n`, so that a turn begins with reasoning. Otherwise only
    /// a turn that begins with `<think>` has some. Default: no.
    pub opened: bool,
}

/// The format of Llama 3.1: a turn is text, or one call as JSON and nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LlamaFormat;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HermesCall<'a> {
    name: String,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlamaCall<'a> {
    name: String,
    #[serde(borrow)]
    parameters: &'a RawValue,
}

fn call(name: String, arguments: &RawValue) -> Result<ToolCall, FormatError> {
    if !is_name(&name) {
        return Err(FormatError::Name { name });
    }
    let arguments = arguments.get();
    if !arguments.starts_with('{') {
        return Err(FormatError::Json { problem: "the arguments are not an object".into() });
    }
    Ok(ToolCall { name, arguments: arguments.to_owned() })
}

fn json_error(error: serde_json::Error) -> FormatError {
    FormatError::Json { problem: error.to_string() }
}

/// The schema of a call of one of the tools, its arguments under `key`.
fn call_schema(tools: &[Tool], key: &str) -> Json {
    let call = |tool: &Tool| {
        json!({
            "type": "object",
            "properties": { "name": { "const": tool.name }, key: tool.parameters },
            "required": ["name", key],
            "additionalProperties": false,
        })
    };
    json!({
        "anyOf": tools.iter().map(call).collect::<Vec<_>>(),
        "x-guidance": {
            "whitespace_flexible": false,
            "item_separator": ", ",
            "key_separator": ": ",
        },
    })
}

fn signatures(tools: &[Tool]) -> String {
    tools.iter().map(|tool| format!("\n{}", tool.schema())).collect()
}

impl HermesFormat {
    /// The format with its defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { opened: false }
    }

    /// Sets [`Self::opened`].
    #[must_use]
    pub const fn with_opened(self, opened: bool) -> Self {
        Self { opened, ..self }
    }
}

impl ToolFormat for HermesFormat {
    fn describe(&self, tools: &[Tool]) -> String {
        format!(
            "You may call functions. Their signatures:\n<tools>{}\n</tools>\n\nEnd your turn with a \
             JSON object for each call, in this form:\n{OPEN}\n{{\"name\": NAME, \"arguments\": \
             OBJECT}}\n{CLOSE}",
            signatures(tools)
        )
    }

    fn parse(&self, turn: &str) -> Result<AssistantTurn, FormatError> {
        let (reasoning, said) = reasoning::split(turn, self.opened, GAP)?;
        let unbalanced = FormatError::Unbalanced { tag: "tool_call" };
        let Some((text, mut rest)) = said.split_once(OPEN) else {
            return match said.contains(CLOSE) {
                true => Err(unbalanced),
                false => Ok(AssistantTurn { reasoning, text: said.to_owned(), calls: vec![] }),
            };
        };
        if text.contains(CLOSE) {
            return Err(unbalanced);
        }
        let mut calls = Vec::new();
        loop {
            // Where the JSON ends is for JSON to say: its strings may hold tags.
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<HermesCall<'_>>();
            let empty = || FormatError::Json { problem: "there is none".into() };
            let parsed = values.next().ok_or_else(empty)?.map_err(json_error)?;
            calls.push(call(parsed.name, parsed.arguments)?);
            rest = rest[values.byte_offset()..].trim_start();
            rest = rest.strip_prefix(CLOSE).ok_or(unbalanced.clone())?.trim_start();
            if rest.is_empty() {
                let text = text.strip_suffix('\n').unwrap_or(text).to_owned();
                return Ok(AssistantTurn { reasoning, text, calls });
            }
            rest = rest.strip_prefix(OPEN).ok_or(FormatError::TextAfterCall)?;
        }
    }

    fn write(&self, turn: &AssistantTurn) -> String {
        let mut said = turn.text.clone();
        for call in &turn.calls {
            if !said.is_empty() {
                said.push('\n');
            }
            let name = Json::from(call.name.as_str());
            let arguments = &call.arguments;
            said.push_str(&format!(
                "{OPEN}\n{{\"name\": {name}, \"arguments\": {arguments}}}\n{CLOSE}"
            ));
        }
        reasoning::write(turn.reasoning.as_deref(), self.opened, GAP, &said)
    }

    fn grammar(&self, tools: &[Tool]) -> Grammar {
        let schema = call_schema(tools, "arguments");
        let start = reasoning::skipped(self.opened, GAP);
        Grammar::Lark(format!(
            "start: {start}\"{OPEN}\\n\" call \"\\n{CLOSE}\"\ncall: %json {schema}\n"
        ))
    }
}

impl ToolFormat for LlamaFormat {
    fn describe(&self, tools: &[Tool]) -> String {
        format!(
            "You may call functions. Their signatures:{}\n\nTo call one, answer with nothing but a \
             JSON object in this form:\n{{\"name\": NAME, \"parameters\": OBJECT}}",
            signatures(tools)
        )
    }

    fn parse(&self, turn: &str) -> Result<AssistantTurn, FormatError> {
        let trimmed = turn.trim();
        let text = || AssistantTurn { text: turn.to_owned(), ..AssistantTurn::default() };
        // Only what begins like a call is one: other JSON may be an answer.
        let inside = trimmed.strip_prefix('{').map(str::trim_start);
        if !inside.is_some_and(|inside| inside.starts_with("\"name\"")) {
            return Ok(text());
        }
        let parsed: LlamaCall<'_> = serde_json::from_str(trimmed).map_err(json_error)?;
        let calls = vec![call(parsed.name, parsed.parameters)?];
        Ok(AssistantTurn { calls, ..AssistantTurn::default() })
    }

    fn write(&self, turn: &AssistantTurn) -> String {
        let call = turn.calls.iter().map(|call| {
            let name = Json::from(call.name.as_str());
            format!("{{\"name\": {name}, \"parameters\": {}}}", call.arguments)
        });
        turn.text.clone() + &call.collect::<String>()
    }

    fn grammar(&self, tools: &[Tool]) -> Grammar {
        Grammar::JsonSchema(call_schema(tools, "parameters").to_string())
    }
}
