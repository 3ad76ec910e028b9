//! Chat templates in Jinja, rendered within bounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value};
use serde_json::{Map, Value as Json};

use super::python;
use crate::error::{Error, Result};

/// The longest template, in bytes; real ones have up to 20,000.
const MAX_SOURCE: usize = 1 << 20;
/// Steps that every rendering may take, and those it gets for each byte that it is given.
const FUEL: u64 = 2_000_000;
const FUEL_A_BYTE: u64 = 4;
/// The longest rendering, in bytes.
const MAX_OUTPUT: usize = 64 << 20;
const DEFAULT: &str = "default";
const WITH_TOOLS: &str = "tool_use";

const CHATML: &str = include_str!("chatml.jinja");
const HEADERS: &str = include_str!("headers.jinja");

/// A chat template: how a conversation becomes the text that a model was trained on.
///
/// Renders as `apply_chat_template` of Hugging Face's transformers does. Templates are not trusted:
/// their steps, recursion, memory and output are bounded.
///
/// ```
/// use ssr_policy::{ChatTemplate, TemplateInput};
///
/// let source = "{% for m in messages %}{{ bos_token }}[{{ m.role }}] {{ m.content | trim }}\n{% endfor %}";
/// let template = ChatTemplate::new(source)?.with_token("bos_token", "<s>");
/// let messages = [serde_json::json!({"role": "user", "content": " Hello "})];
/// let text = template.apply(&TemplateInput::new(&messages))?;
/// assert_eq!(text, "<s>[user] Hello\n");
/// # Ok::<_, ssr_policy::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    tokens: BTreeMap<String, String>,
    has_tool_template: bool,
    source: Arc<str>,
}

/// What a [`ChatTemplate`] is rendered with, in the JSON form of the OpenAI API.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TemplateInput<'a> {
    /// Objects with `role` and `content`, and whatever else the template knows of, such as
    /// `tool_calls`.
    pub messages: &'a [Json],
    /// The schemas of functions; none is `None` to the template.
    pub tools: &'a [Json],
    /// Whether the assistant's answer is opened.
    pub add_generation_prompt: bool,
    /// More variables, such as `enable_thinking`.
    pub variables: Option<&'a Map<String, Json>>,
}

impl<'a> TemplateInput<'a> {
    /// Messages alone.
    #[must_use]
    pub fn new(messages: &'a [Json]) -> Self {
        Self { messages, ..Self::default() }
    }

    /// Sets [`Self::tools`].
    #[must_use]
    pub fn with_tools(self, tools: &'a [Json]) -> Self {
        Self { tools, ..self }
    }

    /// Sets [`Self::add_generation_prompt`].
    #[must_use]
    pub fn with_add_generation_prompt(self, add_generation_prompt: bool) -> Self {
        Self { add_generation_prompt, ..self }
    }

    /// Sets [`Self::variables`].
    #[must_use]
    pub fn with_variables(self, variables: impl Into<Option<&'a Map<String, Json>>>) -> Self {
        Self { variables: variables.into(), ..self }
    }
}

impl ChatTemplate {
    /// A template in Jinja's language. Its clock is set to the present time and does not advance; see
    /// [`Self::with_time`].
    ///
    /// # Errors
    /// When the source is too long or not a template.
    pub fn new(source: &str) -> Result<Self> {
        Self::named([(DEFAULT, source)])
    }

    /// Qwen's format: `<|im_start|>ROLE\nTEXT<|im_end|>\n`.
    pub(crate) fn chatml() -> Result<Self> {
        Self::new(CHATML)
    }

    /// The format of Llama 3 and CWM: `<|start_header_id|>ROLE<|end_header_id|>\n\nTEXT<|eot_id|>`.
    pub(crate) fn headers() -> Result<Self> {
        Self::new(HEADERS)
    }

    /// Several named templates, of which `default` is used, or `tool_use` where there are tools.
    pub(crate) fn named<'s>(sources: impl IntoIterator<Item = (&'s str, &'s str)>) -> Result<Self> {
        let mut environment = environment(seconds_now())?;
        let (mut default, mut with_tools) = (None, None);
        for (name, source) in sources {
            if source.len() > MAX_SOURCE {
                let problem = format!("{} bytes, more than {MAX_SOURCE}", source.len());
                return Err(Error::template(problem));
            }
            match name {
                DEFAULT => default = Some(source),
                WITH_TOOLS => with_tools = Some(source),
                _ => {}
            }
            environment
                .add_template_owned(name.to_owned(), without_generation_tags(source))
                .map_err(template_error)?;
        }
        let Some(default) = default else {
            return Err(Error::template("none is named \"default\""));
        };
        // Empty texts keep the ends of the templates from being trimmed.
        let source = match with_tools {
            None => default.to_owned(),
            Some(tools) => format!(
                "{{% if tools %}}{{{{ '' }}}}{tools}{{{{ '' }}}}{{% else %}}{{{{ '' }}}}{default}{{{{ '' }}}}{{% endif %}}"
            ),
        };
        let has_tool_template = with_tools.is_some();
        Ok(Self { environment, tokens: BTreeMap::new(), has_tool_template, source: source.into() })
    }

    /// The source, of several templates in one.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Defines a variable like `bos_token`.
    #[must_use]
    pub fn with_token(mut self, name: &str, token: &str) -> Self {
        self.tokens.insert(name.to_owned(), token.to_owned());
        self
    }

    /// Sets the clock that `strftime_now` reads: seconds since 1970, UTC. It does not advance, so that
    /// a template that writes the date gives equal prompts for equal conversations.
    ///
    /// # Errors
    /// When the time lies outside the years that a date can have.
    pub fn with_time(mut self, seconds: i64) -> Result<Self> {
        add_clock(&mut self.environment, seconds)?;
        Ok(self)
    }

    /// Renders a conversation.
    ///
    /// # Errors
    /// [`Error::Template`] when the template refuses the conversation, uses something that does not
    /// exist, or exceeds its bounds.
    pub fn apply(&self, input: &TemplateInput<'_>) -> Result<String> {
        let messages: Vec<Json> = input.messages.iter().map(aliased).collect();
        let mut context: Vec<(String, Value)> =
            self.tokens.iter().map(|(name, token)| (name.clone(), token.as_str().into())).collect();
        let tools =
            if input.tools.is_empty() { Value::from(()) } else { Value::from(Serde(input.tools)) };
        context.extend([
            ("messages".to_owned(), Value::from(Serde(&messages))),
            ("tools".to_owned(), tools),
            ("documents".to_owned(), Value::from(())),
            ("add_generation_prompt".to_owned(), input.add_generation_prompt.into()),
        ]);
        for (name, value) in input.variables.into_iter().flatten() {
            context.push((name.clone(), Value::from(Serde(value))));
        }
        let size: usize = input.messages.iter().chain(input.tools).map(json_size).sum();
        // Cheap: the compiled templates are shared.
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL + FUEL_A_BYTE * size as u64));
        let name =
            if self.has_tool_template && !input.tools.is_empty() { WITH_TOOLS } else { DEFAULT };
        let template = environment.get_template(name).map_err(template_error)?;
        let text = template.render(Value::from_pairs(context)).map_err(template_error)?;
        if text.len() > MAX_OUTPUT {
            let problem = format!("it renders {} bytes, more than {MAX_OUTPUT}", text.len());
            return Err(Error::template(problem));
        }
        Ok(text)
    }
}

fn environment(seconds: i64) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(template_error)?);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(200);
    environment.set_formatter(|out, _, value| {
        out.write_str(&python::text(value)?).map_err(minijinja::Error::from)
    });
    environment.set_unknown_method_callback(|state, value, name, args| {
        let known = minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args);
        match known {
            Err(error) if error.kind() == ErrorKind::UnknownMethod => {
                python::method(value, name, args)
            }
            known => known,
        }
    });
    environment.add_filter("tojson", python::tojson);
    environment.add_filter("indent", python::indent);
    environment.add_test("iterable", |value: &Value| python::is_iterable(value));
    environment.add_test("sequence", |value: &Value| python::is_sequence(value));
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_function("raise_exception", |message: String| -> Result<String, _> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
    });
    add_clock(&mut environment, seconds)?;
    Ok(environment)
}

fn add_clock(environment: &mut Environment<'static>, seconds: i64) -> Result<()> {
    let now = jiff::Timestamp::from_second(seconds).map_err(|e| Error::Template {
        problem: format!("the time {seconds}: {e}"),
        source: Some(e.into()),
    })?;
    let now = jiff::tz::Offset::UTC.to_datetime(now);
    environment.add_function("strftime_now", move |format: &str| {
        jiff::fmt::strtime::format(format, now)
            .map_err(|e| minijinja::Error::new(ErrorKind::InvalidOperation, e.to_string()))
    });
    Ok(())
}

fn seconds_now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(0)
}

/// Transformers marks what the assistant says with `{% generation %}`, which prints what it holds.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        rest = tag;
        let word = tag.trim_start_matches(['-', '+']).trim_start();
        for (name, replacement) in [("generation", "if true"), ("endgeneration", "endif")] {
            let is_tag = word.strip_prefix(name).is_some_and(|end| {
                end.trim_start().trim_start_matches(['-', '+']).starts_with("%}")
            });
            if is_tag {
                let start = tag.len() - word.len();
                out.push_str(&tag[..start]);
                out.push_str(replacement);
                rest = &word[name.len()..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The message with its reasoning under each name that templates read it by, as transformers does.
fn aliased(message: &Json) -> Json {
    let mut message = message.clone();
    if let Json::Object(fields) = &mut message {
        let names = ["reasoning_content", "thinking", "reasoning"];
        let reasoning = names.iter().find_map(|name| fields.get(*name).filter(|v| !v.is_null()));
        if let Some(reasoning) = reasoning.cloned() {
            fields.entry("thinking").or_insert_with(|| reasoning.clone());
            fields.insert("reasoning_content".into(), reasoning);
        }
    }
    message
}

fn json_size(value: &Json) -> usize {
    8 + match value {
        Json::String(text) => text.len(),
        Json::Array(values) => values.iter().map(json_size).sum(),
        Json::Object(fields) => fields.iter().map(|(key, v)| key.len() + json_size(v)).sum(),
        _ => 0,
    }
}

fn template_error(error: minijinja::Error) -> Error {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    Error::Template {
        problem: format!("{}{detail}{line}", error.kind()),
        source: Some(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_tags_print_what_they_hold() {
        let source = "a {%- generation -%} b {%- endgeneration %} {% generationx %}";
        let expected = "a {%- if true -%} b {%- endif %} {% generationx %}";
        assert_eq!(without_generation_tags(source), expected);
    }
}
