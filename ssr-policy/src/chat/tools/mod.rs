//! How a model calls tools: described, parsed, written and as a grammar.

mod cwm;
mod reasoning;
mod structured;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use ssr_core::{Grammar, Message};

pub use cwm::CwmFormat;
pub use structured::{HermesFormat, LlamaFormat};

/// A tool that a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name: letters, digits and `_`, `-`, `.`; CWM's format knows letters and `_` only.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON schema of its arguments, an object. CWM's format has plain text instead.
    pub parameters: Json,
}

impl Tool {
    /// The form of the OpenAI API, which chat templates read.
    pub fn schema(&self) -> Json {
        json!({
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self.parameters,
            },
        })
    }
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: a JSON object, or the plain text of CWM's format.
    pub arguments: String,
}

/// What a model said in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssistantTurn {
    /// Its reasoning, which precedes the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The text outside of reasoning and calls.
    pub text: String,
    /// The tools it called, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
}

/// How a model's turn violates the format. This is the model's mistake: it is shown to the model or
/// scored, and is never a failure of the infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// More calls than the format allows.
    #[error("{count} calls in one turn; make exactly one")]
    SeveralCalls {
        /// How many there are.
        count: usize,
    },
    /// A tag is opened and not closed, or closed and not opened.
    #[error("unbalanced {tag} tags; open and close each once")]
    Unbalanced {
        /// The name of the tag.
        tag: &'static str,
    },
    /// A call whose first line has another form.
    #[error("a call must begin with {expected}")]
    Header {
        /// The form that is expected.
        expected: &'static str,
    },
    /// A call without arguments.
    #[error("the call of {name} has no arguments")]
    EmptyArguments {
        /// The tool.
        name: String,
    },
    /// Text behind or between calls.
    #[error("text follows a call; a call must come last")]
    TextAfterCall,
    /// Reasoning that ends more than once.
    #[error("</think> stands {count} times; close the reasoning once")]
    SeveralThinkEnds {
        /// How often it ends.
        count: usize,
    },
    /// The JSON of a call does not parse or lacks something.
    #[error("the JSON of a call is wrong: {problem}")]
    Json {
        /// What is wrong.
        problem: String,
    },
    /// A name that no tool can have.
    #[error("{name:?} cannot be the name of a tool")]
    Name {
        /// The name.
        name: String,
    },
    /// A turn that the format cannot write so that it reads back.
    #[error("the format cannot express this turn")]
    Inexpressible,
}

/// A way in which models call tools.
pub trait ToolFormat: Send + Sync {
    /// Tells the model, as text for the system's message, which tools there are and how to call
    /// them. Where the chat template writes that itself, give it [`Tool::schema`] instead.
    fn describe(&self, tools: &[Tool]) -> String;

    /// Parses a turn. Total: every text gives a turn or an error.
    ///
    /// # Errors
    /// The first violation of the format.
    fn parse(&self, turn: &str) -> Result<AssistantTurn, FormatError>;

    /// Writes a turn without a check that it can be parsed back; see [`ToolFormat::render`].
    fn write(&self, turn: &AssistantTurn) -> String;

    /// Writes a turn as the model would, so that [`ToolFormat::parse`] gives it back.
    ///
    /// # Errors
    /// Those of `parse`, or [`FormatError::Inexpressible`] when another turn would come back.
    fn render(&self, turn: &AssistantTurn) -> Result<String, FormatError> {
        let text = self.write(turn);
        if self.parse(&text)? == *turn { Ok(text) } else { Err(FormatError::Inexpressible) }
    }

    /// The message with what a call returned.
    fn result(&self, call: &ToolCall, output: &str) -> Message {
        Message::tool(call.name.clone(), output)
    }

    /// The language of turns that consist of one call of one of the tools, without reasoning, for
    /// [`Segment::Grammar`](ssr_core::Segment::Grammar).
    fn grammar(&self, tools: &[Tool]) -> Grammar;
}

/// Whether JSON formats can call a tool by this name.
fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(good)
}

#[cfg(test)]
mod tests;
