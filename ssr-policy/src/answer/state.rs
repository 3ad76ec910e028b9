//! An answer in the making: which tokens may come next, and the text and record of those that came.

use std::sync::Arc;

use ssr_core::{FinishReason, Segment, TokenTrace};

use super::choice::{Choice, Next};
use super::sample::Drawn;
use super::stop::{first_stop, overlap, whole_characters};
#[cfg(feature = "grammar")]
use crate::grammar::{Allowed, Matching};
use crate::tokenizer::Tokenizer;

/// A segment of a request, tokenised.
enum Part {
    Forced {
        tokens: Vec<u32>,
        text: String,
    },
    Choice(Choice),
    Free {
        max_tokens: usize,
        stop: Vec<Vec<u8>>,
    },
    #[cfg(feature = "grammar")]
    Grammar {
        matching: Matching,
        max_tokens: usize,
    },
}

/// An answer in the making: knows which tokens may come next and when it is finished. It samples
/// nothing itself, so that a server may do that as well as an engine.
pub(crate) struct Answer {
    tokenizer: Arc<Tokenizer>,
    plan: Vec<Part>,
    /// The segment that is being written.
    pub(crate) segment: usize,
    /// Bytes and tokens of the free segment that is being written.
    text: Vec<u8>,
    drawn: usize,
    /// Tokens that still fit into the context window.
    pub(crate) room: usize,
    pub(crate) trace: TokenTrace,
    pub(crate) parts: Vec<String>,
    pub(crate) finish: Option<FinishReason>,
    delivered: Delivered,
}

/// How much text [`Answer::take_text`] has returned: all parts before `part`, and of that one so
/// many bytes, which made so many bytes of `text`.
#[derive(Default)]
struct Delivered {
    part: usize,
    bytes: usize,
    text: usize,
}

/// What the next token may be.
pub(crate) enum Draw {
    /// Any token.
    Free,
    /// One of these, ascending.
    Among(Vec<u32>),
}

impl Answer {
    pub(crate) fn new(
        tokenizer: &Arc<Tokenizer>,
        segments: &[Segment],
        room: usize,
    ) -> Result<Self, String> {
        let part = |segment: &Segment| {
            Ok(match segment {
                Segment::Forced(text) => {
                    let tokens = tokenizer.encode(text).map_err(|e| e.to_string())?;
                    Part::Forced { tokens, text: text.clone() }
                }
                Segment::Choice(texts) => Part::Choice(Choice::new(tokenizer, texts)?),
                Segment::Free { max_tokens, stop } => {
                    if stop.iter().any(String::is_empty) {
                        return Err("an empty stop text; leave it out".to_owned());
                    }
                    let stop = stop.iter().map(|text| text.clone().into_bytes()).collect();
                    Part::Free { max_tokens: *max_tokens, stop }
                }
                #[cfg(feature = "grammar")]
                Segment::Grammar { grammar, max_tokens } => {
                    let matching = tokenizer.grammars()?.start(grammar)?;
                    Part::Grammar { matching, max_tokens: *max_tokens }
                }
                #[cfg(not(feature = "grammar"))]
                Segment::Grammar { .. } => {
                    return Err("grammars need the feature \"grammar\" of ssr-policy".to_owned());
                }
                Segment::Ranked(_) => {
                    return Err(
                        "edits are ranked by a `LocalPolicy` only, and are not streamed".into()
                    );
                }
                other => return Err(format!("the segment {other:?} is not supported")),
            })
        };
        Ok(Self {
            tokenizer: Arc::clone(tokenizer),
            plan: segments.iter().map(part).collect::<Result<_, String>>()?,
            segment: 0,
            text: Vec::new(),
            drawn: 0,
            room,
            trace: TokenTrace::default(),
            parts: Vec::new(),
            finish: None,
            delivered: Delivered::default(),
        })
    }

    /// Appends every token that leaves no choice and says what has to be sampled next; `None` when
    /// the answer is finished.
    pub(crate) fn next(&mut self, version: u64) -> Option<Draw> {
        while self.finish.is_none() {
            match self.plan.get_mut(self.segment) {
                None => self.finish = Some(FinishReason::Stop),
                Some(Part::Forced { tokens, text }) => {
                    let (tokens, text) = (std::mem::take(tokens), std::mem::take(text));
                    if tokens.len() > self.room {
                        self.finish = Some(FinishReason::Length);
                        break;
                    }
                    for token in tokens {
                        self.push(token, None, version);
                    }
                    self.end_segment(text);
                }
                Some(Part::Choice(choice)) => match choice.next() {
                    Next::Done(text) => self.end_segment(text),
                    _ if self.room == 0 => self.finish = Some(FinishReason::Length),
                    Next::Any(tokens) => return Some(Draw::Among(tokens)),
                    Next::Only(token) => {
                        choice.accept(token);
                        self.push(token, None, version);
                    }
                },
                Some(Part::Free { max_tokens, .. }) => {
                    if self.drawn < *max_tokens && self.room > 0 {
                        return Some(Draw::Free);
                    }
                    self.end_free_segment();
                    self.finish = Some(FinishReason::Length);
                }
                #[cfg(feature = "grammar")]
                Some(Part::Grammar { matching, max_tokens }) => {
                    let allowed = matching.next();
                    match allowed {
                        Allowed::Done => self.end_free_segment(),
                        _ if self.drawn >= *max_tokens || self.room == 0 => self.break_off(),
                        Allowed::Broken => self.break_off(),
                        Allowed::Any(tokens) => return Some(Draw::Among(tokens)),
                        Allowed::Only(token) => {
                            matching.accept(token);
                            self.push(token, None, version);
                            self.write_freely(token);
                        }
                    }
                }
            }
        }
        None
    }

    /// Ends the segment and the answer at a limit.
    #[cfg(feature = "grammar")]
    fn break_off(&mut self) {
        self.end_free_segment();
        self.finish = Some(FinishReason::Length);
    }

    /// Adds a token to a segment that the end of the message may end. Returns where its bytes
    /// begin, or `None` if it did end.
    fn write_freely(&mut self, token: u32) -> Option<usize> {
        self.drawn += 1;
        if self.tokenizer.is_end(token) {
            self.end_free_segment();
            self.finish = Some(FinishReason::Stop);
            return None;
        }
        let fresh = self.text.len();
        self.text.extend_from_slice(self.tokenizer.token_bytes(token));
        Some(fresh)
    }

    /// Appends the token that was sampled as [`Self::next`] asked.
    pub(crate) fn accept(&mut self, drawn: Drawn, draw: Draw, version: u64) {
        if let Draw::Among(allowed) = draw {
            self.trace.allowed.insert(self.trace.len(), allowed.into_iter().collect());
        }
        self.push(drawn.token, Some(drawn), version);
        match self.plan.get_mut(self.segment) {
            Some(Part::Choice(choice)) => choice.accept(drawn.token),
            Some(Part::Free { .. }) => {
                if let Some(fresh) = self.write_freely(drawn.token)
                    && let Some(Part::Free { stop, .. }) = self.plan.get(self.segment)
                    && let Some(end) = first_stop(&self.text, fresh, stop)
                {
                    self.text.truncate(end);
                    self.end_free_segment();
                }
            }
            #[cfg(feature = "grammar")]
            Some(Part::Grammar { matching, .. }) => {
                matching.accept(drawn.token);
                self.write_freely(drawn.token);
            }
            _ => {}
        }
    }

    /// The text that became final since the last call: whole characters, and nothing that may be the
    /// beginning of a stop text.
    pub(crate) fn take_text(&mut self) -> String {
        let mut taken = String::new();
        while let Some(part) = self.parts.get(self.delivered.part) {
            taken.push_str(&part[self.delivered.text..]);
            self.delivered = Delivered { part: self.delivered.part + 1, ..Delivered::default() };
        }
        let stop = match self.plan.get(self.segment) {
            Some(Part::Free { stop, .. }) => &stop[..],
            #[cfg(feature = "grammar")]
            Some(Part::Grammar { .. }) => &[],
            _ => return taken,
        };
        let open = stop.iter().map(|stop| overlap(&self.text, stop)).max().unwrap_or(0);
        let bytes = &self.text[self.delivered.bytes..self.text.len() - open];
        let bytes = &bytes[..whole_characters(bytes)];
        let text = String::from_utf8_lossy(bytes);
        self.delivered.bytes += bytes.len();
        self.delivered.text += text.len();
        taken.push_str(&text);
        taken
    }

    /// Ends the answer in its free segment, for a reason that its tokens do not show.
    #[cfg(feature = "remote")]
    pub(crate) fn end(&mut self, finish: FinishReason) {
        self.end_free_segment();
        self.finish = Some(finish);
    }

    fn push(&mut self, token: u32, drawn: Option<Drawn>, version: u64) {
        self.trace.ids.push(token);
        self.trace.logprobs.push(drawn.map_or(0.0, |drawn| drawn.logprob));
        self.trace.model_logprobs.push(drawn.map_or(0.0, |drawn| drawn.model_logprob));
        self.trace.loss_mask.push(drawn.is_some());
        self.trace.versions.push(version);
        self.room = self.room.saturating_sub(1);
    }

    fn end_segment(&mut self, text: String) {
        self.parts.push(text);
        self.segment += 1;
    }

    fn end_free_segment(&mut self) {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        self.text.clear();
        self.drawn = 0;
        self.end_segment(text);
    }
}
