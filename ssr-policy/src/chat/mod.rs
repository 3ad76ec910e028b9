//! Conversations as tokens: chat templates, rendering and tool calls.

mod python;
mod render;
mod template;
mod tools;

pub use render::{RenderOptions, Rendered, render, render_with};
pub use template::{ChatTemplate, TemplateInput};
pub use tools::{
    AssistantTurn, CwmFormat, FormatError, HermesFormat, LlamaFormat, Tool, ToolCall, ToolFormat,
};
