//! Conversations as tokens, with the span of each message.

use std::ops::Range;

use serde_json::{Map, Value as Json, json};
use ssr_core::{ChatRole, Message};

use super::template::{ChatTemplate, TemplateInput};
use crate::error::{Error, Result};
use crate::tokenizer::{Piece, Tokenizer};

/// A conversation as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// All tokens, headers and separators included.
    pub tokens: Vec<u32>,
    /// Where the text of each message lies in [`Self::tokens`]: the tokens that hold some of it.
    /// Empty where the template leaves the text out.
    pub texts: Vec<Range<usize>>,
    /// The loss mask: whether a token is the assistant's, the end of its message included.
    pub assistant: Vec<bool>,
}

/// What a conversation is rendered with.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RenderOptions<'a> {
    /// The schemas of functions for the template's variable `tools`. Default: none.
    pub tools: &'a [Json],
    /// Whether the assistant's answer is opened at the end. Default: yes.
    pub add_generation_prompt: bool,
    /// More variables of the template. Default: none.
    pub variables: Option<&'a Map<String, Json>>,
}

impl Default for RenderOptions<'_> {
    fn default() -> Self {
        Self { tools: &[], add_generation_prompt: true, variables: None }
    }
}

impl<'a> RenderOptions<'a> {
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

/// Renders a conversation with the chat template of the tokenizer and opens the assistant's answer.
///
/// The tokens are those of the rendered text, with two differences. Only what the template itself
/// writes becomes a special token: `<|im_end|>` in a message is text. And a message that carries
/// tokens appears as these tokens, right after the prompt that they answered: a conversation that
/// grows by its completions keeps all its earlier tokens, whatever the template does with the text
/// of an answer.
///
/// # Errors
/// When there is no chat template, it refuses the conversation or leaves out a message that carries
/// tokens, or the tokenizer cannot express a text.
pub fn render(tokenizer: &Tokenizer, messages: &[Message]) -> Result<Rendered> {
    render_with(tokenizer, messages, &RenderOptions::default())
}

/// [`render`] with tools, without an opened answer, or with more variables.
///
/// # Errors
/// Those of [`render`].
pub fn render_with(
    tokenizer: &Tokenizer,
    messages: &[Message],
    options: &RenderOptions<'_>,
) -> Result<Rendered> {
    let template = tokenizer.chat_template().ok_or_else(|| {
        Error::template("the tokenizer has none; add chat_template.jinja to its folder")
    })?;
    for name in messages.iter().filter_map(|message| message.name.as_deref()) {
        if tokenizer.pieces(name).any(|piece| matches!(piece, Piece::Special(_))) {
            let problem = format!("the name {name:?} holds a special token");
            return Err(Error::template(problem));
        }
    }
    let conversation = Conversation::new(template, messages, options);
    let mut out = Writer::new(tokenizer, messages);
    let mut start = 0;
    let answers = (0..messages.len()).filter(|&index| messages[index].tokens.is_some());
    for end in answers.chain([messages.len()]) {
        let mut part = conversation.part(start..end)?;
        part.drop_end_of(
            start.checked_sub(1).and_then(|last| messages[last].tokens.as_deref()),
            tokenizer,
        );
        out.part(&part)?;
        if let Some(tokens) = messages.get(end).and_then(|message| message.tokens.as_deref()) {
            out.answer(end, tokens);
        }
        start = end + 1;
    }
    Ok(out.rendered)
}

/// Stands for the text of a message, where it must be found again.
fn sentinel(index: usize) -> String {
    format!("\u{10FFFC}{index}\u{10FFFD}")
}

/// What a template writes between two answers that carry tokens, or before the first or after the
/// last of them.
struct Part {
    text: String,
    /// Where texts of messages lie in it, by message, ascending and apart.
    texts: Vec<(usize, Range<usize>)>,
}

impl Part {
    /// Leaves out the end of the message that the answer before this part has already.
    fn drop_end_of(&mut self, answer: Option<&[u32]>, tokenizer: &Tokenizer) {
        if !answer.and_then(<[u32]>::last).is_some_and(|&last| tokenizer.is_end(last)) {
            return;
        }
        let space = self.text.len() - self.text.trim_start().len();
        let end = match tokenizer.pieces(&self.text[space..]).next() {
            Some(Piece::Special(end)) if tokenizer.is_end(end.id) => space + end.text.len(),
            _ => 0,
        };
        if end > 0 {
            self.text.drain(..end);
            for (_, range) in &mut self.texts {
                *range = range.start.saturating_sub(end)..range.end.saturating_sub(end);
            }
        }
    }
}

struct Conversation<'a> {
    template: &'a ChatTemplate,
    messages: &'a [Message],
    json: Vec<Json>,
    options: &'a RenderOptions<'a>,
}

impl<'a> Conversation<'a> {
    fn new(
        template: &'a ChatTemplate,
        messages: &'a [Message],
        options: &'a RenderOptions<'a>,
    ) -> Self {
        let json = messages.iter().enumerate().map(|(index, message)| {
            let role = match message.role {
                ChatRole::System => "system",
                ChatRole::User => "user",
                ChatRole::Assistant => "assistant",
                ChatRole::Tool => "tool",
            };
            let content = match &message.tokens {
                Some(_) => sentinel(index),
                None => message.text.clone(),
            };
            match &message.name {
                Some(name) => json!({"role": role, "name": name, "content": content}),
                None => json!({"role": role, "content": content}),
            }
        });
        Self { template, messages, json: json.collect(), options }
    }

    /// What the messages of a range add to those before.
    fn part(&self, range: Range<usize>) -> Result<Part> {
        let text = self.write(&range, |_| false)?;
        let texts = match self.write(&range, |_| true).ok().and_then(|marked| {
            let marked = pieces_between_sentinels(&marked);
            TRIMS.iter().find_map(|trim| self.substitute(&text, &marked, &range, *trim))
        }) {
            Some(texts) => texts,
            None => self.differences(&text, &range)?,
        };
        Ok(Part { text, texts })
    }

    /// The part's text, with sentinels for the messages that are `hidden`.
    fn write(&self, range: &Range<usize>, hidden: impl Fn(usize) -> bool) -> Result<String> {
        let mut messages = self.json[..range.end].to_vec();
        for (message, index) in messages[range.start..].iter_mut().zip(range.clone()) {
            if hidden(index) {
                message["content"] = sentinel(index).into();
            }
        }
        let ends = range.end == self.messages.len();
        let mut text = self.template.apply(&TemplateInput {
            messages: &messages,
            tools: self.options.tools,
            add_generation_prompt: !ends || self.options.add_generation_prompt,
            variables: self.options.variables,
        })?;
        if let Some(last) = range.start.checked_sub(1) {
            let sentinel = sentinel(last);
            let at = text.rfind(&sentinel).ok_or_else(|| {
                let problem = format!("it leaves out message {last}, which carries tokens");
                Error::template(problem)
            })?;
            text.drain(..at + sentinel.len());
        }
        Ok(text)
    }

    /// Where the texts lie if the template does no more to each of them than to trim it.
    fn substitute(
        &self,
        text: &str,
        marked: &[(&str, Option<usize>)],
        range: &Range<usize>,
        trim: fn(&str) -> &str,
    ) -> Option<Vec<(usize, Range<usize>)>> {
        let mut texts = Vec::new();
        let mut at = 0;
        for (piece, index) in marked {
            at += text[at..].starts_with(piece).then_some(piece.len())?;
            let Some(index) = *index else { continue };
            if !range.contains(&index) {
                return None;
            }
            let content = trim(&self.messages[index].text);
            at += text[at..].starts_with(content).then_some(content.len())?;
            texts.push((index, at - content.len()..at));
        }
        (at == text.len()).then_some(texts)
    }

    /// Where the text of each message lies, seen by what changes when it is replaced.
    fn differences(&self, text: &str, range: &Range<usize>) -> Result<Vec<(usize, Range<usize>)>> {
        let mut texts: Vec<(usize, Range<usize>)> = Vec::new();
        for index in range.clone() {
            let marked = self.write(range, |hidden| hidden == index)?;
            let sentinel = sentinel(index);
            let (Some(first), Some(last)) = (marked.find(&sentinel), marked.rfind(&sentinel))
            else {
                continue;
            };
            let before = common_prefix(&marked[..first], text);
            let after = common_suffix(&marked[last + sentinel.len()..], &text[before..]);
            texts.push((index, before..text.len() - after));
        }
        Ok(texts)
    }
}

/// What a template may do to a text without losing track of it.
const TRIMS: [fn(&str) -> &str; 4] = [|text| text, str::trim, str::trim_end, str::trim_start];

/// Cuts a text at its sentinels; each piece comes with the message whose sentinel follows it.
fn pieces_between_sentinels(text: &str) -> Vec<(&str, Option<usize>)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((piece, marked)) = rest.split_once('\u{10FFFC}')
        && let Some((index, after)) = marked.split_once('\u{10FFFD}')
        && let Ok(index) = index.parse()
    {
        pieces.push((piece, Some(index)));
        rest = after;
    }
    pieces.push((rest, None));
    pieces
}

fn common_prefix(a: &str, b: &str) -> usize {
    let equal = a.char_indices().zip(b.chars()).take_while(|((_, a), b)| a == b);
    equal.last().map_or(0, |((at, character), _)| at + character.len_utf8())
}

fn common_suffix(a: &str, b: &str) -> usize {
    let equal = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b);
    equal.map(|(character, _)| character.len_utf8()).sum()
}

/// Writes tokens and keeps account of them.
struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    messages: &'a [Message],
    rendered: Rendered,
    /// Whether what comes next stands directly after a special token.
    section: bool,
}

impl<'a> Writer<'a> {
    fn new(tokenizer: &'a Tokenizer, messages: &'a [Message]) -> Self {
        let texts = vec![0..0; messages.len()];
        let rendered = Rendered { tokens: Vec::new(), texts, assistant: Vec::new() };
        Self { tokenizer, messages, rendered, section: true }
    }

    /// An answer as the model gave it.
    fn answer(&mut self, index: usize, tokens: &[u32]) {
        let start = self.rendered.tokens.len();
        self.rendered.tokens.extend_from_slice(tokens);
        self.rendered.assistant.resize(self.rendered.tokens.len(), true);
        let end = tokens.last().is_some_and(|&last| self.tokenizer.is_end(last));
        self.rendered.texts[index] = start..start + tokens.len() - usize::from(end);
        self.section = end;
    }

    fn part(&mut self, part: &Part) -> Result<()> {
        // A special token that touches a message's text was not written by the template alone.
        let touches = |piece: &Range<usize>| {
            part.texts.iter().any(|(_, text)| text.start < piece.end && piece.start < text.end)
        };
        let (mut start, mut at) = (0, 0);
        for piece in self.tokenizer.pieces(&part.text) {
            let span = at..at + piece.text().len();
            at = span.end;
            if let Piece::Special(special) = piece
                && !touches(&span)
            {
                let before = &part.text[start..span.start];
                let kept = if special.lstrip { before.trim_end() } else { before };
                self.run(part, start..start + kept.len())?;
                self.special(special.id, part, span.start);
                start = span.end;
                if special.rstrip {
                    start = part.text.len() - part.text[start..].trim_start().len();
                }
            }
        }
        self.run(part, start..part.text.len())
    }

    fn special(&mut self, id: u32, part: &Part, at: usize) {
        // The end of the assistant's message belongs to it.
        let speaks = |(index, text): &(usize, Range<usize>)| {
            self.messages[*index].role == ChatRole::Assistant
                && text.end <= at
                && part.text[text.end..at].trim().is_empty()
        };
        let ends = self.tokenizer.is_end(id) && part.texts.iter().any(speaks);
        self.rendered.tokens.push(id);
        self.rendered.assistant.push(ends);
        self.section = true;
    }

    /// Text without special tokens.
    fn run(&mut self, part: &Part, run: Range<usize>) -> Result<()> {
        if run.is_empty() {
            return Ok(());
        }
        let first = self.rendered.tokens.len();
        let (tokens, spans) =
            self.tokenizer.encode_section(&part.text[run.clone()], self.section, first == 0)?;
        self.rendered.assistant.resize(first + tokens.len(), false);
        self.rendered.tokens.extend(tokens);
        self.section = false;
        for (index, text) in &part.texts {
            let (start, end) = (text.start.max(run.start), text.end.min(run.end));
            if start >= end {
                continue;
            }
            let (start, end) = (start - run.start, end - run.start);
            let from = first + spans.partition_point(|span| span.end <= start);
            let to = first + spans.partition_point(|span| span.start < end);
            let tokens = &mut self.rendered.texts[*index];
            *tokens = if tokens.end == 0 { from..to } else { tokens.start..to };
            if self.messages[*index].role == ChatRole::Assistant {
                self.rendered.assistant[from..to].fill(true);
            }
        }
        Ok(())
    }
}
