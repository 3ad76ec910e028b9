//! Tool calls of the Code World Model.

use ssr_core::Grammar;

use super::{AssistantTurn, FormatError, Tool, ToolCall, ToolFormat, reasoning};

const OPEN: &str = "<tool:";
const CLOSE: &str = "</tool>";
const GAP: &str = "\n";

/// The format of the Code World Model: plain text between tags, exactly one call in a turn. A turn
/// without a call ends the conversation.
///
/// ```
/// use ssr_policy::{CwmFormat, ToolFormat};
///
/// let format = CwmFormat::default().with_opened(true);
/// let turn = format.parse("Look first.\n</think>\n<tool: bash>\nls -la\n</tool>")?;
/// assert_eq!(turn.reasoning.as_deref(), Some("Look first."));
/// assert_eq!((turn.calls[0].name.as_str(), turn.calls[0].arguments.as_str()), ("bash", "ls -la"));
/// # Ok::<_, ssr_policy::FormatError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CwmFormat {
    /// Whether the prompt ends in `<think>\n`, so that a turn begins with reasoning. Otherwise only
    /// a turn that begins with `<think>` has some. Default: no.
    pub opened: bool,
}

impl CwmFormat {
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

impl ToolFormat for CwmFormat {
    fn describe(&self, tools: &[Tool]) -> String {
        let mut text = String::from(
            "You have these tools. Call exactly one in a turn, at its end, in this form:\n\n\
             <tool: NAME>\nARGUMENTS\n</tool>\n",
        );
        for tool in tools {
            text.push_str(&format!("\n- {}: {}", tool.name, tool.description));
        }
        text.push_str("\n\nA turn without a call ends the conversation.");
        text
    }

    fn parse(&self, turn: &str) -> Result<AssistantTurn, FormatError> {
        let count = reasoning::ends(turn);
        if count > 1 {
            return Err(FormatError::SeveralThinkEnds { count });
        }
        let (reasoning, said) = reasoning::split(turn, self.opened, GAP)?;
        if reasoning.is_none() && count > 0 {
            return Err(FormatError::Unbalanced { tag: "think" });
        }
        let opens = said.matches(OPEN).count();
        if opens != said.matches(CLOSE).count() {
            return Err(FormatError::Unbalanced { tag: "tool" });
        }
        if opens > 1 {
            return Err(FormatError::SeveralCalls { count: opens });
        }
        let Some((text, call)) = said.split_once(OPEN) else {
            return Ok(AssistantTurn { reasoning, text: said.to_owned(), calls: vec![] });
        };
        let (call, rest) = call.split_once(CLOSE).ok_or(FormatError::Unbalanced { tag: "tool" })?;
        if !rest.trim().is_empty() {
            return Err(FormatError::TextAfterCall);
        }
        let text = text.strip_suffix('\n').unwrap_or(text).to_owned();
        Ok(AssistantTurn { reasoning, text, calls: vec![parse_call(call)?] })
    }

    fn write(&self, turn: &AssistantTurn) -> String {
        let mut said = turn.text.clone();
        for call in &turn.calls {
            if !said.is_empty() {
                said.push('\n');
            }
            said.push_str(&format!("{OPEN} {}>\n{}\n{CLOSE}", call.name, call.arguments));
        }
        reasoning::write(turn.reasoning.as_deref(), self.opened, GAP, &said)
    }

    fn grammar(&self, tools: &[Tool]) -> Grammar {
        let names: Vec<String> = tools
            .iter()
            .filter(|tool| is_name(&tool.name))
            .map(|t| format!("{:?}", t.name))
            .collect();
        Grammar::Lark(format!(
            "start: {}CALL\n\
             CALL: \"<tool: \" ({}) \">\\n\" ARGUMENTS \"\\n</tool>\"\n\
             ARGUMENTS: /(?s:.*)\\S(?s:.*)/ & ~/(?s:.*)(<tool:|<\\/tool>)(?s:.*)/\n",
            reasoning::skipped(self.opened, GAP),
            names.join(" | ")
        ))
    }
}

/// ` NAME>\nARGUMENTS\n`, without the tags around it.
fn parse_call(call: &str) -> Result<ToolCall, FormatError> {
    let wrong = FormatError::Header { expected: "<tool: NAME> on a line of its own" };
    let name = call.strip_prefix(|c: char| c.is_ascii_whitespace()).ok_or(wrong.clone())?;
    let (name, arguments) = name.split_once('>').ok_or(wrong.clone())?;
    if !is_name(name) {
        return Err(FormatError::Name { name: name.to_owned() });
    }
    let arguments = arguments.strip_prefix('\n').ok_or(wrong)?;
    if arguments.trim().is_empty() {
        return Err(FormatError::EmptyArguments { name: name.to_owned() });
    }
    let arguments = arguments
        .strip_suffix('\n')
        .ok_or(FormatError::Header { expected: "its tag, and end with </tool> on its own line" })?;
    Ok(ToolCall { name: name.to_owned(), arguments: arguments.to_owned() })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}
