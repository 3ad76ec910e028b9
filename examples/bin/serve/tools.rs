//! Tools: described to the model, and read from what it says.

use std::hash::{BuildHasher, RandomState};

use serde_json::{Value, json};
use ssr_core::{ChatRole, Message, Segment};
use ssr_policy::{
    Architecture, AssistantTurn, CwmFormat, HermesFormat, LlamaFormat, RenderOptions, Tool,
    ToolCall, ToolFormat, render, render_with,
};

use crate::api::{Called, Chat, Common};
use crate::refuse::Refusal;
use crate::work::Server;

/// Tokens at the end of a prompt that may begin the reasoning.
const THINK: usize = 16;
/// Tokens of a call that has to be made.
const CALL: usize = 4096;

/// The form in which a model calls tools; `opened` where the prompt has begun its reasoning.
pub fn format(architecture: Architecture, opened: bool) -> &'static dyn ToolFormat {
    match (architecture, opened) {
        (Architecture::Cwm, false) => const { &CwmFormat::new() },
        (Architecture::Cwm, true) => const { &CwmFormat::new().with_opened(true) },
        (Architecture::Llama, _) => &LlamaFormat,
        (_, false) => const { &HermesFormat::new() },
        (_, true) => const { &HermesFormat::new().with_opened(true) },
    }
}

/// The tools that a request offers.
pub struct Tools {
    format: &'static dyn ToolFormat,
    tools: Vec<Tool>,
    /// Whether one has to be called.
    required: bool,
}

impl Tools {
    /// `None` where a request offers none.
    pub fn read(server: &Server, asked: &Chat) -> Result<Option<Self>, Refusal> {
        let offered = asked.tools.iter().flatten();
        let mut tools: Vec<Tool> = offered
            .map(|tool| Tool {
                name: tool.function.name.clone(),
                description: tool.function.description.clone(),
                parameters: tool.function.parameters.clone(),
            })
            .collect();
        let mut required = false;
        match &asked.tool_choice {
            None => {}
            Some(Value::String(choice)) => match choice.as_str() {
                "auto" => {}
                "none" => tools.clear(),
                "required" => required = true,
                other => return Err(Refusal::wrong(format!("the tool_choice {other:?}"))),
            },
            Some(choice) => {
                let name = choice["function"]["name"].as_str().unwrap_or_default();
                tools.retain(|tool| tool.name == name);
                if tools.is_empty() {
                    return Err(Refusal::wrong(format!(
                        "tool_choice: no tool {name:?} is offered"
                    )));
                }
                required = true;
            }
        }
        if tools.is_empty() {
            return Ok(None);
        }
        if asked.continue_final_message {
            return Err(Refusal::wrong(
                "tools need a new message: leave out continue_final_message",
            ));
        }
        Ok(Some(Self { format: server.tool_format(false), tools, required }))
    }

    /// The prompt's tokens: the chat template tells of the tools or, where it does not look at
    /// them, the system's message.
    pub fn prompt(&mut self, server: &Server, messages: &[Message]) -> Result<Vec<u32>, Refusal> {
        let prompt = self.rendered(server, messages)?;
        let end = &prompt[prompt.len().saturating_sub(THINK)..];
        let opened = server.policy.tokenizer().decode(end).trim_end().ends_with("<think>");
        self.format = server.tool_format(opened);
        Ok(prompt)
    }

    fn rendered(&self, server: &Server, messages: &[Message]) -> Result<Vec<u32>, Refusal> {
        let wrong = |error: ssr_policy::Error| Refusal::wrong(error.to_string());
        let tokenizer = server.policy.tokenizer();
        let schemas: Vec<Value> = self.tools.iter().map(Tool::schema).collect();
        let options = RenderOptions::default().with_tools(&schemas);
        let told = render_with(tokenizer, messages, &options).map_err(wrong)?.tokens;
        if told != render(tokenizer, messages).map_err(wrong)?.tokens {
            return Ok(told);
        }
        let described = self.format.describe(&self.tools);
        let mut messages = messages.to_vec();
        match messages.first_mut().filter(|first| first.role == ChatRole::System) {
            Some(first) => first.text = format!("{}\n\n{described}", first.text),
            None => messages.insert(0, Message::system(described)),
        }
        Ok(render(tokenizer, &messages).map_err(wrong)?.tokens)
    }

    /// What the model writes: a call, if one has to be made.
    pub fn segment(&self, common: &Common) -> Segment {
        match common.segment(usize::MAX) {
            Segment::Free { max_tokens, .. } if self.required => Segment::Grammar {
                grammar: self.format.grammar(&self.tools),
                max_tokens: max_tokens.min(CALL),
            },
            segment => segment,
        }
    }

    /// The message of an answer, and whether it calls tools. What does not follow the format is
    /// text.
    pub fn message(&self, text: &str) -> (Value, bool) {
        let Ok(turn) = self.format.parse(text) else {
            return (json!({"role": "assistant", "content": text}), false);
        };
        let mut message = json!({"role": "assistant", "content": turn.text});
        if let Some(reasoning) = turn.reasoning {
            message["reasoning_content"] = Value::String(reasoning);
        }
        let calls = turn.calls.iter().enumerate().map(|(index, ToolCall { name, arguments })| {
            let id = RandomState::new().hash_one((index, name, arguments));
            let function = json!({"name": name, "arguments": arguments});
            json!({"id": format!("call_{id:016x}"), "type": "function", "function": function})
        });
        let calls: Vec<Value> = calls.collect();
        let called = !calls.is_empty();
        if called {
            message["tool_calls"] = Value::Array(calls);
        }
        (message, called)
    }

    /// The same as one piece of a stream, in which calls are numbered.
    pub fn delta(&self, text: &str) -> (Value, bool) {
        let (mut message, called) = self.message(text);
        // The first piece has told it, and clients put strings together.
        message.as_object_mut().map(|message| message.remove("role"));
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        calls
            .into_iter()
            .flatten()
            .enumerate()
            .for_each(|(index, call)| call["index"] = json!(index));
        (message, called)
    }
}

/// What the assistant said when it called tools, as the model itself writes it.
pub fn said(format: &dyn ToolFormat, text: String, called: Vec<Called>) -> String {
    let calls = called.into_iter().map(|called| ToolCall {
        name: called.function.name,
        arguments: called.function.arguments,
    });
    format.write(&AssistantTurn { reasoning: None, text, calls: calls.collect() })
}
