//! What a policy is asked and what it answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{EditRanking, RankedDraw, Seed, TokenTrace};

/// Completes conversations: a model in this process or behind a server.
pub trait Policy: Send + Sync {
    /// Completes every request; the answers are in the order of the requests. A batch is a hint:
    /// how requests are grouped never changes an answer.
    ///
    /// # Errors
    /// [`PolicyError`] when the infrastructure fails or a request cannot be served. What the model
    /// says is never an error.
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError>;
}

impl<P: Policy + ?Sized> Policy for &P {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        (**self).complete(requests)
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        (**self).complete(requests)
    }
}

impl<P: Policy + ?Sized> Policy for Arc<P> {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        (**self).complete(requests)
    }
}

/// A conversation to be continued by the assistant.
///
/// ```
/// use ssr_core::{Message, Request, Sampling, Seed, Segment};
///
/// let answer = vec![Segment::Choice(vec!["heads".into(), "tails".into()])];
/// let request = Request::new(vec![Message::user("Heads or tails?")], answer, Seed::new(1))
///     .with_sampling(Sampling::default().with_temperature(0.7));
/// assert_eq!(request.sampling.top_p, 1.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// What was said so far.
    pub messages: Vec<Message>,
    /// The shape of the answer, part by part.
    pub answer: Vec<Segment>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Where the randomness comes from: equal seeds and weights give equal answers.
    pub seed: Seed,
}

impl Request {
    /// A request with the default [`Sampling`].
    pub fn new(messages: Vec<Message>, answer: Vec<Segment>, seed: Seed) -> Self {
        Self { messages, answer, sampling: Sampling::default(), seed }
    }

    /// Sets the conversation.
    #[must_use]
    pub fn with_messages(mut self, messages: Vec<Message>) -> Self {
        self.messages = messages;
        self
    }

    /// Sets the shape of the answer.
    #[must_use]
    pub fn with_answer(mut self, answer: Vec<Segment>) -> Self {
        self.answer = answer;
        self
    }

    /// Sets where the randomness comes from.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how tokens are drawn.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: ChatRole,
    /// What is said.
    pub text: String,
    /// The tool that answers, for a message of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tokens that the model drew, for a message of the assistant that is a completion. They
    /// go into the next prompt as they are; the text is not tokenised again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<u32>>,
}

impl Message {
    /// A message of the system.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(ChatRole::System, text)
    }

    /// A message of the user.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(ChatRole::User, text)
    }

    /// A message of the assistant. Use [`Completion::message`] for what the model itself said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(ChatRole::Assistant, text)
    }

    /// What a tool returned.
    pub fn tool(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(ChatRole::Tool, text).with_name(name)
    }

    /// A message of `role`.
    pub fn new(role: ChatRole, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), name: None, tokens: None }
    }

    /// Sets the tool that answers.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the tokens that the model drew.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Vec<u32>) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

/// Who speaks in a [`Message`]: the role of chat templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    /// Instructions that hold for the whole conversation.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// One part of an answer. The parts follow each other in one assistant message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Segment {
    /// Text that is appended to the answer as it is: not sampled, not trained on.
    Forced(String),
    /// Exactly one of these texts, drawn token by token from the model's own distribution
    /// restricted to the tokenisations of the texts. They must be distinct and not empty, and no
    /// tokenisation may be a prefix of another's.
    Choice(Vec<String>),
    /// Free text until a stop text (which is not part of the answer's text), the end of the message
    /// or the limit.
    Free {
        /// The most tokens that are sampled.
        max_tokens: usize,
        /// Texts that end the segment.
        stop: Vec<String>,
    },
    /// Text of a formal language, drawn token by token from the model's own distribution restricted
    /// to the tokens that can still become such a text. It ends where nothing can follow, at the
    /// end of the message (allowed wherever the text is complete), or at the limit.
    Grammar {
        /// The language.
        grammar: Grammar,
        /// The most tokens that are sampled.
        max_tokens: usize,
    },
    /// One of the edits of a text, drawn from the policy's ranking of all of them
    /// ([`Completion::ranked`]); its part of the answer is the position of the edit as a number. It
    /// stands alone in an answer, and the messages of the request are not read. Requests that share
    /// the ranking are ranked once.
    Ranked(Arc<EditRanking>),
}

/// A formal language for [`Segment::Grammar`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Grammar {
    /// JSON that is valid against this JSON schema.
    JsonSchema(String),
    /// Texts that this regular expression matches from their start to their end.
    Regex(String),
    /// A context-free grammar in the notation of Lark; its first rule is `start`.
    Lark(String),
}

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Sampling {
    /// Divides the logits; 0 takes the most likely token. Default: 1.
    pub temperature: f32,
    /// Keeps the smallest set of most likely tokens with at least this mass. Default: 1 (all).
    pub top_p: f32,
    /// Keeps this many most likely tokens; 0 keeps all. Default: 0.
    pub top_k: usize,
    /// Keeps the tokens that are at least this many times as likely as the most likely one.
    /// Default: 0 (all).
    pub min_p: f32,
    /// Divides the positive logits of tokens that occurred already, in the conversation or in the
    /// answer, and multiplies the negative ones (Keskar et al., 2019). Default: 1 (no penalty).
    pub repetition_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0, repetition_penalty: 1.0 }
    }
}

impl Sampling {
    /// The most likely token always: a temperature of 0.
    pub fn greedy() -> Self {
        Self::default().with_temperature(0.0)
    }

    /// Sets [`Sampling::temperature`].
    #[must_use]
    pub fn with_temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// Sets [`Sampling::top_p`].
    #[must_use]
    pub fn with_top_p(self, top_p: f32) -> Self {
        Self { top_p, ..self }
    }

    /// Sets [`Sampling::top_k`].
    #[must_use]
    pub fn with_top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Sets [`Sampling::min_p`].
    #[must_use]
    pub fn with_min_p(self, min_p: f32) -> Self {
        Self { min_p, ..self }
    }

    /// Sets [`Sampling::repetition_penalty`].
    #[must_use]
    pub fn with_repetition_penalty(self, repetition_penalty: f32) -> Self {
        Self { repetition_penalty, ..self }
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Completion {
    /// The text of each segment of the request that was reached.
    pub parts: Vec<String>,
    /// The tokens of the rendered conversation, up to where the answer starts.
    pub prompt: Vec<u32>,
    /// The tokens of the answer; `None` where a server does not return them.
    pub trace: Option<TokenTrace>,
    /// The edit that was drawn, for [`Segment::Ranked`].
    pub ranked: Option<RankedDraw>,
    /// Why the answer ends.
    pub finish: FinishReason,
    /// What it cost.
    pub usage: Usage,
}

impl Completion {
    /// An answer of which only the texts are known.
    pub fn new(parts: Vec<String>, finish: FinishReason) -> Self {
        let (prompt, usage) = (Vec::new(), Usage::default());
        Self { parts, prompt, trace: None, ranked: None, finish, usage }
    }

    /// Sets the tokens of the conversation.
    #[must_use]
    pub fn with_prompt(mut self, prompt: Vec<u32>) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets the tokens of the answer.
    #[must_use]
    pub fn with_trace(mut self, trace: impl Into<Option<TokenTrace>>) -> Self {
        self.trace = trace.into();
        self
    }

    /// Sets the edit that was drawn.
    #[must_use]
    pub fn with_ranked(mut self, ranked: impl Into<Option<RankedDraw>>) -> Self {
        self.ranked = ranked.into();
        self
    }

    /// Sets what it cost.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The whole answer.
    pub fn text(&self) -> String {
        self.parts.concat()
    }

    /// The answer as a message that carries its tokens, for the next request of a conversation.
    pub fn message(&self) -> Message {
        let tokens = self.trace.as_ref().map(|trace| trace.ids.clone());
        Message { tokens, ..Message::assistant(self.text()) }
    }
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FinishReason {
    /// Every segment was completed, or the model ended its message.
    Stop,
    /// A token limit or the context window was reached first.
    Length,
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the conversation.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

impl Usage {
    /// So many tokens of the conversation and of the answer.
    pub fn new(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self { prompt_tokens, completion_tokens }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}

/// A failure of the policy's infrastructure or a request that it cannot serve; never scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The request itself is wrong.
    #[error("request {index} cannot be served: {problem}")]
    Request {
        /// The position in the batch.
        index: usize,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// The engine or the server broke.
    #[error("policy failed while {doing}: {source}")]
    Infrastructure {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The kinds of [`PolicyError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// A request that this policy cannot serve; others may be.
    Request,
    /// The engine or the server broke.
    Infrastructure,
}

impl PolicyError {
    /// What kind of failure this is.
    pub fn kind(&self) -> PolicyErrorKind {
        match self {
            Self::Request { .. } => PolicyErrorKind::Request,
            Self::Infrastructure { .. } => PolicyErrorKind::Infrastructure,
        }
    }

    /// Wraps a cause with what was being done.
    pub fn infrastructure(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Infrastructure { doing, source: source.into() }
    }
}
