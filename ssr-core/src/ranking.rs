//! Edits of a text among which a policy chooses, and what is kept of such a choice.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A text and edits of it, to be ranked by a policy: a question whose answer is one of the edits.
///
/// A policy gives each edit a score that compares the tokens it writes with those that it takes away
/// ([`EditScore`]); the softmax over all scores is the distribution that it draws from.
///
/// ```
/// use ssr_core::{EditRanking, RankedEdit};
///
/// let ranking = EditRanking::new("return a < b\n")
///     .with_edits([RankedEdit::new(9..10, "<="), RankedEdit::new(9..10, ">")]);
/// assert_eq!(ranking.edited(0), "return a <= b\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EditRanking {
    /// What the model reads before the text, for example the same text once more, so that it knows
    /// what follows each place.
    pub context: String,
    /// The text that is edited.
    pub text: String,
    /// The edits; no two give the same text.
    pub edits: Vec<RankedEdit>,
    /// How many tokens of an edit count, from the first that differs. Default: 8.
    pub reach: usize,
    /// How edits are scored. Default: [`EditScore::Place`].
    pub score: EditScore,
}

/// How a policy scores an edit that writes the tokens `after` where `before` stood, both from the first
/// token that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EditScore {
    /// `Σⱼ 0.6ʲ (logit(afterⱼ) − logit(beforeⱼ))`, all from what the model expects at the first of these
    /// places: one forward pass of the unedited text. A small policy learns it from random weights.
    #[default]
    Place,
    /// `½ (log P(after | prefix) − log P(before | prefix))`, token by token, each given those before it:
    /// the edits are read as well, as branches of one forward pass. What a pretrained model knows; it
    /// is halved because such models are too sure of themselves.
    Likelihood,
}

/// One edit of an [`EditRanking`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RankedEdit {
    /// The bytes of the text that go; empty to insert.
    pub range: Range<usize>,
    /// What comes instead.
    pub replacement: String,
    /// What speaks for the edit before the policy sees it, in thousandths of a nat: it is added to the
    /// policy's score. Default: 0.
    pub prior: i32,
}

impl RankedEdit {
    /// Replaces a range of bytes, which has to lie between characters of the text.
    pub fn new(range: Range<usize>, replacement: impl Into<String>) -> Self {
        Self { range, replacement: replacement.into(), prior: 0 }
    }

    /// Sets what speaks for the edit, in thousandths of a nat.
    #[must_use]
    pub fn with_prior(mut self, prior: i32) -> Self {
        self.prior = prior;
        self
    }

    /// Whether the range lies between characters of `text`.
    pub fn fits(&self, text: &str) -> bool {
        text.get(self.range.clone()).is_some()
    }
}

impl EditRanking {
    /// A text without edits and without anything before it.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            context: String::new(),
            text: text.into(),
            edits: Vec::new(),
            reach: 8,
            score: EditScore::Place,
        }
    }

    /// Sets what the model reads before the text.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = context.into();
        self
    }

    /// Sets the edits.
    #[must_use]
    pub fn with_edits(mut self, edits: impl IntoIterator<Item = RankedEdit>) -> Self {
        self.edits = edits.into_iter().collect();
        self
    }

    /// Sets how many tokens of an edit count.
    #[must_use]
    pub fn with_reach(mut self, reach: usize) -> Self {
        self.reach = reach;
        self
    }

    /// Sets how edits are scored.
    #[must_use]
    pub fn with_score(mut self, score: EditScore) -> Self {
        self.score = score;
        self
    }

    /// The text after one edit; the text itself where there is no such edit or it does not fit.
    pub fn edited(&self, index: usize) -> String {
        let fitting = self.edits.get(index).filter(|edit| edit.fits(&self.text));
        fitting.map_or_else(
            || self.text.clone(),
            |RankedEdit { range, replacement, .. }| {
                [&self.text[..range.start], replacement, &self.text[range.end..]].concat()
            },
        )
    }
}

/// An edit as a model sees it: at a place, some tokens instead of others. Both lists begin with the
/// first token that differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenEdit {
    /// The position of the first token that differs, in the sequence of the unedited text; at least 1.
    pub position: usize,
    /// The tokens of the unedited text from there on.
    pub before: Vec<u32>,
    /// Those of the edited text.
    pub after: Vec<u32>,
    /// What is added to the model's score, in thousandths of a nat.
    #[serde(default)]
    pub prior: i32,
}

impl TokenEdit {
    /// An edit at `position`.
    pub fn new(position: usize, before: Vec<u32>, after: Vec<u32>) -> Self {
        Self { position, before, after, prior: 0 }
    }

    /// Sets what is added to the model's score, in thousandths of a nat.
    #[must_use]
    pub fn with_prior(mut self, prior: i32) -> Self {
        self.prior = prior;
        self
    }
}

/// An edit that was drawn from a ranking, with all that training needs to repeat it. The sequence
/// that was read stands in the turn's context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RankedDraw {
    /// All edits that were ranked.
    pub edits: Vec<TokenEdit>,
    /// How they were scored.
    #[serde(default)]
    pub score: EditScore,
    /// The position of the one that was drawn.
    pub chosen: usize,
    /// Natural-log probability of the choice under the distribution it was drawn from: after
    /// temperature.
    pub logprob: f32,
    /// The same at temperature 1, which is what the trainer recomputes.
    pub model_logprob: f32,
    /// The weight version that ranked.
    pub version: u64,
}

impl RankedDraw {
    /// The choice of one of `edits` by the weights of `version`, at temperature 1.
    pub fn new(edits: Vec<TokenEdit>, chosen: usize, logprob: f32, version: u64) -> Self {
        let score = EditScore::Place;
        Self { edits, score, chosen, logprob, model_logprob: logprob, version }
    }

    /// Sets how the edits were scored.
    #[must_use]
    pub fn with_score(mut self, score: EditScore) -> Self {
        self.score = score;
        self
    }

    /// Sets the log-probability under the distribution that was drawn from.
    #[must_use]
    pub fn with_logprob(mut self, logprob: f32) -> Self {
        self.logprob = logprob;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_does_not_fit_changes_nothing() {
        let ranking = EditRanking::new("naïve").with_edits(
            [(0, 9), (3, 4), (2, 1)].map(|(start, end)| RankedEdit::new(start..end, "x")),
        );
        for index in 0..4 {
            assert_eq!(ranking.edited(index), "naïve");
        }
        let fits = EditRanking::new("naïve").with_edits([RankedEdit::new(2..4, "i")]);
        assert_eq!(fits.edited(0), "naive");
    }
}
