//! Constrained decoding: which tokens can still become a text of a formal language.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use ssr_core::Grammar;

use crate::tokenizer::Tokenizer;

/// The longest grammar, in bytes.
const MAX_GRAMMAR: usize = 1 << 20;
/// Longer tokens (there are none in practice) are never offered.
const MAX_TOKEN: usize = 200;
/// Grammars that are kept ready.
const KEPT: usize = 16;

/// The grammars of one tokenizer.
pub(crate) struct Grammars {
    factory: ParserFactory,
    end: u32,
    /// Compiled grammars, the last used at the end.
    compiled: Mutex<Vec<(Grammar, Matcher)>>,
}

/// What may come next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Several tokens, ascending.
    Any(Vec<u32>),
    /// Only this token.
    Only(u32),
    /// Nothing: the text is complete.
    Done,
    /// The grammar has become too complex to go on.
    Broken,
}

/// A text in the making.
pub(crate) struct Matching {
    matcher: Box<Matcher>,
    /// The end of a message, allowed wherever the text is complete.
    end: u32,
}

impl Grammars {
    pub(crate) fn new(tokenizer: &Tokenizer) -> Result<Self, String> {
        let word = |token: u32| -> Vec<u8> {
            let marker = TokTrie::SPECIAL_TOKEN_MARKER;
            match (tokenizer.special_spelling(token), tokenizer.token_bytes(token)) {
                (Some(spelling), _) => [&[marker], spelling.as_bytes()].concat(),
                // No text has this byte; it would be taken for a special token.
                (None, bytes) if bytes.first() == Some(&marker) => Vec::new(),
                (None, bytes) => bytes.to_vec(),
            }
        };
        let mut words: Vec<Vec<u8>> = (0..tokenizer.vocab_size() as u32).map(word).collect();
        words.iter_mut().filter(|word| word.len() > MAX_TOKEN).for_each(Vec::clear);
        let end = tokenizer.end_of_message();
        let info = TokRxInfo::new(words.len() as u32, end);
        let build = || -> Result<ParserFactory, String> {
            let environment: TokEnv =
                Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
            let capabilities = InferenceCapabilities::default();
            let factory = ParserFactory::new(&environment, capabilities, &[]);
            let mut factory = factory.map_err(|e| e.to_string())?;
            factory.quiet();
            factory.limits_mut().verbose_errors = false;
            Ok(factory)
        };
        let factory = catch_unwind(AssertUnwindSafe(build))
            .map_err(|_| "the vocabulary has no form that grammars can use".to_owned())?
            .map_err(|e| format!("grammars cannot use the vocabulary: {e}"))?;
        Ok(Self { factory, end, compiled: Mutex::new(Vec::new()) })
    }

    /// Begins a text.
    pub(crate) fn start(&self, grammar: &Grammar) -> Result<Matching, String> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let known = compiled.iter().position(|(known, _)| known == grammar);
        let entry = match known {
            Some(index) => compiled.remove(index),
            None => (grammar.clone(), self.compile(grammar)?),
        };
        // Sequences run on several threads: none shares its caches with another.
        let matching = Matching { matcher: Box::new(entry.1.deep_clone()), end: self.end };
        if compiled.len() == KEPT {
            compiled.remove(0);
        }
        compiled.push(entry);
        Ok(matching)
    }

    fn compile(&self, grammar: &Grammar) -> Result<Matcher, String> {
        let (Grammar::JsonSchema(text) | Grammar::Regex(text) | Grammar::Lark(text)) = grammar
        else {
            return Err("a grammar of an unknown kind".into());
        };
        if text.len() > MAX_GRAMMAR {
            return Err(format!("a grammar of {} bytes; at most {MAX_GRAMMAR}", text.len()));
        }
        let top = match grammar {
            Grammar::JsonSchema(schema) => {
                let schema = serde_json::from_str(schema)
                    .map_err(|e| format!("the JSON schema is not JSON: {e}"))?;
                TopLevelGrammar::from_json_schema(schema)
            }
            Grammar::Regex(regex) => TopLevelGrammar::from_regex(regex),
            _ => TopLevelGrammar::from_lark(text.clone()),
        };
        let compile = || Matcher::new(self.factory.create_parser(top));
        let matcher = catch_unwind(AssertUnwindSafe(compile))
            .map_err(|_| "the grammar cannot be compiled".to_owned())?;
        match matcher.get_error() {
            None => Ok(matcher),
            Some(error) => Err(format!("the grammar is wrong: {error}")),
        }
    }
}

impl Matching {
    pub(crate) fn next(&mut self) -> Allowed {
        if self.matcher.is_stopped() {
            return if self.matcher.stop_reason().is_ok() {
                Allowed::Done
            } else {
                Allowed::Broken
            };
        }
        let Ok(mask) = self.matcher.compute_mask() else { return Allowed::Broken };
        let tokens: Vec<u32> = mask.iter().collect();
        match tokens[..] {
            [] => Allowed::Broken,
            // Some grammars see only here that nothing can follow.
            [only] if only == self.end => Allowed::Done,
            [only] => Allowed::Only(only),
            _ => Allowed::Any(tokens),
        }
    }

    /// Goes on with one of the tokens of [`Self::next`].
    pub(crate) fn accept(&mut self, token: u32) {
        // A failure shows in what is allowed next.
        let _ = self.matcher.consume_token(token);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::{
        AssistantTurn, CwmFormat, HermesFormat, LlamaFormat, Tool, ToolCall, ToolFormat,
    };

    /// Feeds a text to a grammar; fails with what it does not take.
    fn feed(
        grammars: &Grammars,
        tokenizer: &Tokenizer,
        grammar: &Grammar,
        text: &str,
    ) -> Result<(), String> {
        let mut matching = grammars.start(grammar)?;
        let tokens = tokenizer.encode(text).unwrap();
        for (position, &token) in tokens.iter().enumerate() {
            let allowed = matching.next();
            let taken = match &allowed {
                Allowed::Any(tokens) => tokens.binary_search(&token).is_ok(),
                Allowed::Only(only) => *only == token,
                Allowed::Done | Allowed::Broken => false,
            };
            if !taken {
                let read = tokenizer.decode(&tokens[..position]);
                return Err(format!("token {token} after {read:?}: {allowed:?}"));
            }
            matching.accept(token);
        }
        match matching.next() {
            Allowed::Done => Ok(()),
            allowed => Err(format!("{text:?} goes on: {allowed:?}")),
        }
    }

    #[test]
    fn calls_are_accepted_as_each_format_writes_them() {
        let tokenizer = Tokenizer::train(["<tool: bash>", "{\"name\": \"bash\"}"], 280).unwrap();
        let grammars = Grammars::new(&tokenizer).unwrap();
        let tools = [Tool {
            name: "bash".into(),
            description: String::new(),
            parameters: json!({"type": "object", "properties": {"command": {"type": "string"}},
                               "required": ["command"], "additionalProperties": false}),
        }];
        let formats: [(&dyn ToolFormat, &str); 3] = [
            (&CwmFormat::default(), "ls\n\n<b> é"),
            (&HermesFormat::default(), "{\"command\": \"ls </tool_call>\"}"),
            (&LlamaFormat, "{\"command\": \"é\"}"),
        ];
        for (format, arguments) in formats {
            let grammar = format.grammar(&tools);
            let call = |name: &str, arguments: &str| {
                let call = ToolCall { name: name.into(), arguments: arguments.into() };
                format.write(&AssistantTurn { calls: vec![call], ..AssistantTurn::default() })
            };
            let feed = |text: &str| feed(&grammars, &tokenizer, &grammar, text);
            let good = call("bash", arguments);
            assert_eq!(feed(&good), Ok(()));
            for wrong in [&call("other", arguments), &format!("{good} "), &call("bash", " \n")] {
                assert!(feed(wrong).is_err(), "{wrong}");
            }
        }
        let cwm = CwmFormat::default().grammar(&tools);
        let nested = "<tool: bash>\nls <tool: x\n</tool>";
        assert!(feed(&grammars, &tokenizer, &cwm, nested).is_err());
    }
}
