//! Answers over the chat endpoint, where the server renders and tokenises the conversation.

use serde_json::{Value, json};
use ssr_core::{ChatRole, Completion, FinishReason, Grammar, Request, Segment, Usage};

use super::http::RemoteFailure;
use super::settings::Dialect;
use super::wire::{self, Ask};
use super::{NO_CHOICE, NO_RANKING, NO_SEGMENTS, RemotePolicy};

const PATH: &str = "/v1/chat/completions";
const DOING: &str = "asking a server for a chat completion";

/// The response of the chat endpoint.
struct Said {
    text: String,
    length: bool,
    usage: Usage,
}

impl RemotePolicy {
    /// One answer over messages.
    pub(super) fn complete_text(&self, request: &Request) -> Result<Completion, RemoteFailure> {
        self.check_sampling(&request.sampling)?;
        self.check_shape(request)?;
        let mut parts: Vec<String> = Vec::new();
        let mut usage = Usage::default();
        let mut finish = FinishReason::Stop;
        for (index, segment) in request.answer.iter().enumerate() {
            let said = match segment {
                Segment::Forced(text) => {
                    parts.push(text.clone());
                    continue;
                }
                Segment::Choice(texts) if texts.len() == 1 => {
                    parts.push(texts[0].clone());
                    continue;
                }
                Segment::Choice(texts) => {
                    let said = self.say(request, &parts.concat(), index)?;
                    let chosen =
                        texts.iter().find(|text| **text == said.text).ok_or_else(|| {
                            let problem =
                                format!("{:?} is none of the texts of a choice", said.text);
                            self.client.nonsense(DOING, PATH, problem)
                        })?;
                    Said { text: chosen.clone(), length: false, ..said }
                }
                Segment::Free { max_tokens: 0, .. } | Segment::Grammar { max_tokens: 0, .. } => {
                    Said { text: String::new(), length: true, usage: Usage::default() }
                }
                Segment::Free { .. } | Segment::Grammar { .. } => {
                    self.say(request, &parts.concat(), index)?
                }
                other => {
                    let problem = format!("the segment {other:?} is not supported by a server");
                    return Err(RemoteFailure::Request(problem));
                }
            };
            usage.prompt_tokens = usage.prompt_tokens.max(said.usage.prompt_tokens);
            usage.completion_tokens += said.usage.completion_tokens;
            let stop = match segment {
                Segment::Free { stop, .. } => &stop[..],
                _ => &[],
            };
            let cut = stop.iter().filter_map(|stop| said.text.find(stop.as_str())).min();
            parts.push(said.text[..cut.unwrap_or(said.text.len())].to_owned());
            let ended = match segment {
                Segment::Free { .. } => cut.is_none(),
                Segment::Grammar { .. } => said.length,
                _ => false,
            };
            if ended {
                finish = if said.length { FinishReason::Length } else { FinishReason::Stop };
                break;
            }
        }
        Ok(Completion::new(parts, finish).with_usage(usage))
    }

    /// Refuses shapes that the chat endpoint of the dialect cannot give.
    fn check_shape(&self, request: &Request) -> Result<(), RemoteFailure> {
        let refuse = |problem: &str| Err(RemoteFailure::Request(problem.to_owned()));
        let dialect = self.client.settings.dialect;
        for (index, segment) in request.answer.iter().enumerate() {
            let last = index + 1 == request.answer.len();
            match segment {
                Segment::Ranked(_) => return refuse(NO_RANKING),
                Segment::Free { stop, .. } if stop.iter().any(String::is_empty) => {
                    return refuse("an empty stop text; leave it out");
                }
                Segment::Choice(texts)
                    if texts.is_empty() || texts.iter().any(String::is_empty) =>
                {
                    return refuse("a choice among no texts, or with an empty one");
                }
                Segment::Choice(texts) if texts.len() > 1 && dialect == Dialect::OpenAi => {
                    return refuse(NO_CHOICE);
                }
                Segment::Free { stop, .. }
                    if !last
                        && !stop.is_empty()
                        && !matches!(dialect, Dialect::Vllm | Dialect::SgLang) =>
                {
                    return refuse(NO_SEGMENTS);
                }
                Segment::Grammar { grammar, .. } if formal(dialect, grammar).is_none() => {
                    return refuse(
                        "the server takes no grammar of this kind; a JSON schema may do, or set \
                         the dialect of the server (vLLM, SGLang, llama.cpp)",
                    );
                }
                _ => {}
            }
        }
        let asks = |segment: &Segment| !matches!(segment, Segment::Forced(_));
        let first = request.answer.iter().position(asks);
        if dialect == Dialect::OpenAi && first.is_some_and(|first| first > 0) {
            return refuse(NO_SEGMENTS);
        }
        Ok(())
    }

    /// Asks for the segment after the beginning of the answer.
    fn say(&self, request: &Request, before: &str, index: usize) -> Result<Said, RemoteFailure> {
        let settings = &self.client.settings;
        let dialect = settings.dialect;
        let (max_tokens, stop) = match &request.answer[index] {
            Segment::Free { max_tokens, stop } => (*max_tokens, &stop[..]),
            Segment::Grammar { max_tokens, .. } => (*max_tokens, &[][..]),
            // A token is a byte at least.
            Segment::Choice(texts) => {
                (texts.iter().map(String::len).max().unwrap_or(0) + 1, &[][..])
            }
            _ => (0, &[][..]),
        };
        let ask = Ask {
            model: &settings.model,
            max_tokens,
            stop,
            sampling: &request.sampling,
            seed: request.seed.derive("segment").index(index as u64).value(),
        };
        let mut body = dialect.openai_body(&ask);
        let mut messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| json!({"role": role_name(message.role), "content": message.text}))
            .collect();
        if !before.is_empty() {
            messages.push(json!({"role": "assistant", "content": before}));
            if matches!(dialect, Dialect::Vllm | Dialect::SgLang) {
                body.insert("continue_final_message".to_owned(), json!(true));
                body.insert("add_generation_prompt".to_owned(), json!(false));
            }
        }
        body.insert("messages".to_owned(), Value::Array(messages));
        let constraint = match &request.answer[index] {
            Segment::Choice(texts) => Some(constraint(dialect, texts)),
            Segment::Grammar { grammar, .. } => formal(dialect, grammar),
            _ => None,
        };
        body.extend(constraint.map(|(name, value)| (name.to_owned(), value)));
        let bytes = self.client.post(DOING, PATH, &Value::Object(body), request.seed)?;
        let mut said =
            read(&bytes).map_err(|problem| self.client.nonsense(DOING, PATH, problem))?;
        // llama.cpp repeats the beginning that it was given.
        if dialect == Dialect::LlamaCpp
            && let Some(rest) = said.text.strip_prefix(before)
        {
            said.text = rest.to_owned();
        }
        Ok(said)
    }
}

fn role_name(role: ChatRole) -> &'static str {
    match role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
        ChatRole::Tool => "tool",
    }
}

/// The field of a request that constrains an answer to one of the texts.
fn constraint(dialect: Dialect, texts: &[String]) -> (&'static str, Value) {
    match dialect {
        Dialect::SgLang => {
            let texts: Vec<String> = texts.iter().map(|text| regex_literal(text)).collect();
            ("regex", json!(format!("({})", texts.join("|"))))
        }
        Dialect::LlamaCpp => {
            let texts: Vec<String> = texts.iter().map(|text| gbnf_literal(text)).collect();
            ("grammar", json!(format!("root ::= {}", texts.join(" | "))))
        }
        _ => ("structured_outputs", json!({ "choice": texts })),
    }
}

/// The field of a request that constrains an answer to a formal language; `None` where the server
/// does not support it.
fn formal(dialect: Dialect, grammar: &Grammar) -> Option<(&'static str, Value)> {
    let schema = match (dialect, grammar) {
        (Dialect::Vllm, Grammar::JsonSchema(schema)) => {
            return Some(("structured_outputs", json!({ "json": schema })));
        }
        (Dialect::Vllm, Grammar::Regex(regex)) => {
            return Some(("structured_outputs", json!({ "regex": regex })));
        }
        (Dialect::Vllm, Grammar::Lark(grammar)) => {
            return Some(("structured_outputs", json!({ "grammar": grammar })));
        }
        (Dialect::SgLang, Grammar::Regex(regex)) => return Some(("regex", json!(regex))),
        (_, Grammar::JsonSchema(schema)) => schema,
        _ => return None,
    };
    let schema: Value = serde_json::from_str(schema).ok()?;
    let format = json!({"name": "answer", "schema": schema, "strict": true});
    Some(("response_format", json!({"type": "json_schema", "json_schema": format})))
}

fn regex_literal(text: &str) -> String {
    let mut literal = String::new();
    for c in text.chars() {
        match c {
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            _ => {
                if r"\.+*?()|[]{}^$-/".contains(c) {
                    literal.push('\\');
                }
                literal.push(c);
            }
        }
    }
    literal
}

/// In llama.cpp's grammar notation.
fn gbnf_literal(text: &str) -> String {
    let mut literal = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_control() => literal.push_str(&format!("\\U{:08X}", c as u32)),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

fn read(bytes: &[u8]) -> Result<Said, String> {
    let body = wire::parse(bytes)?;
    let choice = wire::choice(&body)?;
    Ok(Said {
        text: wire::text(&choice["message"]["content"])?,
        length: wire::length(&choice["finish_reason"])?,
        usage: wire::usage(&body["usage"]["prompt_tokens"], &body["usage"]["completion_tokens"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_chat_answer_panics(text in any::<Option<String>>(), reason in "stop|length|x|") {
            let message = json!({"content": text});
            let body = json!({"choices": [{"message": message, "finish_reason": reason}]});
            let said = read(body.to_string().as_bytes());
            prop_assert_eq!(said.is_ok(), reason == "stop" || reason == "length");
        }
    }

    #[test]
    fn texts_are_quoted_for_each_constraint() {
        let texts = ["a\"\\\n".to_owned(), "(x)".to_owned()];
        let grammar = constraint(Dialect::LlamaCpp, &texts);
        assert_eq!(grammar, ("grammar", json!(r#"root ::= "a\"\\\n" | "(x)""#)));
        let regex = constraint(Dialect::SgLang, &texts);
        assert_eq!(regex, ("regex", json!(r#"(a"\\\n|\(x\))"#)));
    }
}
