//! Rankings of edits for a policy: texts to token edits, and draws from the ranks.

use std::sync::Arc;

use ssr_core::{
    Completion, EditRanking, EditScore, FinishReason, PolicyError, RankedDraw, RankedEdit, Request,
    Seed, Segment, TokenEdit, Usage,
};

use super::broke;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::rank::RankedSequence;
use crate::tokenizer::Tokenizer;

/// Tokens that are ranked in one forward pass.
const BATCH_TOKENS: usize = 4096;
/// The most tokens of a line that count.
const LINE_TOKENS: usize = 48;

/// The tokens of an [`EditRanking`] and what a model thinks of its edits.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RankedEdits {
    /// The sequence that is read: the context and the unedited text.
    pub tokens: Vec<u32>,
    /// The edits in tokens.
    pub edits: Vec<TokenEdit>,
    /// How they are scored.
    pub score: EditScore,
    /// Natural-log probabilities of the edits, at temperature 1.
    pub logprobs: Vec<f32>,
}

/// The ranking that a request asks for, if it asks for one.
pub(super) fn asked(request: &Request) -> Result<Option<&Arc<EditRanking>>, String> {
    match &request.answer[..] {
        [Segment::Ranked(ranking)] => Ok(Some(ranking)),
        segments if segments.iter().any(|s| matches!(s, Segment::Ranked(_))) => {
            Err("a ranking stands alone in an answer".to_owned())
        }
        _ => Ok(None),
    }
}

/// Answers requests for rankings; equal rankings are computed once.
pub(super) fn complete(
    model: &Model,
    tokenizer: &Tokenizer,
    version: u64,
    requests: &[(usize, &Request, &Arc<EditRanking>)],
) -> Result<Vec<Completion>, PolicyError> {
    let mut different: Vec<&Arc<EditRanking>> = Vec::new();
    let mut which = Vec::with_capacity(requests.len());
    for (index, request, ranking) in requests {
        let sampling = &request.sampling;
        let plain = sampling.top_p == 1.0 && sampling.top_k == 0 && sampling.min_p == 0.0;
        if !plain || sampling.repetition_penalty != 1.0 {
            let problem = "a ranking is drawn from as a whole; leave truncation and penalties out";
            return Err(PolicyError::Request { index: *index, problem: problem.to_owned() });
        }
        let known =
            different.iter().position(|known| Arc::ptr_eq(known, ranking) || *known == *ranking);
        which.push(known.unwrap_or_else(|| {
            different.push(ranking);
            different.len() - 1
        }));
    }
    let ranked = rank(model, tokenizer, &different).map_err(|(at, error)| {
        let first = which.iter().position(|which| *which == at).map_or(0, |at| requests[at].0);
        match error {
            Error::Input { .. } => {
                PolicyError::Request { index: first, problem: error.to_string() }
            }
            error => broke(error),
        }
    })?;
    let answer = |((_, request, _), which): (&(usize, &Request, &Arc<EditRanking>), &usize)| {
        drawn(&ranked[*which], request.sampling.temperature, request.seed, version)
    };
    Ok(requests.iter().zip(&which).map(answer).collect())
}

/// The ranks of several rankings; the error says which of them cannot be ranked.
pub(super) fn rank(
    model: &Model,
    tokenizer: &Tokenizer,
    rankings: &[&Arc<EditRanking>],
) -> Result<Vec<RankedEdits>, (usize, Error)> {
    let mut read = Vec::with_capacity(rankings.len());
    for (at, ranking) in rankings.iter().enumerate() {
        read.push(token_edits(tokenizer, ranking).map_err(|error| (at, error))?);
    }
    let mut start = 0;
    while start < read.len() {
        let mut end = start + 1;
        let width = |at: usize| read[at].sequence().width();
        let mut tokens = width(start);
        while end < read.len() && tokens + width(end) <= BATCH_TOKENS {
            tokens += width(end);
            end += 1;
        }
        let batch: Vec<_> = read[start..end].iter().map(RankedEdits::sequence).collect();
        let values = match model.rank(&batch) {
            Ok(ranks) => ranks.values,
            Err(error) => {
                let alone = |at: &usize| model.rank(&[read[*at].sequence()]).is_err();
                let wrong = (start..end).find(alone);
                return Err((wrong.unwrap_or(start), error));
            }
        };
        let mut values = values.into_iter();
        for read in &mut read[start..end] {
            read.logprobs = values.by_ref().take(read.edits.len()).collect();
        }
        start = end;
    }
    Ok(read)
}

impl RankedEdits {
    fn sequence(&self) -> RankedSequence<'_> {
        RankedSequence { tokens: &self.tokens, edits: &self.edits, score: self.score }
    }

    /// The edits, the likeliest first; equally likely ones in their order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.logprobs.len()).collect();
        order.sort_by(|a, b| self.logprobs[*b].total_cmp(&self.logprobs[*a]).then(a.cmp(b)));
        order
    }

    /// The edits in a random order, as drawn one after another without putting back at
    /// `temperature` (Plackett–Luce, by Gumbel noise).
    pub fn draws(&self, temperature: f32, seed: Seed) -> Vec<usize> {
        if temperature == 0.0 {
            return self.order();
        }
        let key = |at: usize| {
            let unit = seed.index(at as u64).unit().max(f64::MIN_POSITIVE);
            f64::from(self.logprobs[at]) / f64::from(temperature) - (-unit.ln()).ln()
        };
        let mut keyed: Vec<(f64, usize)> =
            (0..self.logprobs.len()).map(|at| (key(at), at)).collect();
        keyed.sort_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));
        keyed.into_iter().map(|(_, at)| at).collect()
    }

    /// The answer that chooses one of the edits, as if it had been drawn at temperature 1 by the weights
    /// of `version`: to train on an edit that is known to be right.
    ///
    /// # Panics
    /// When there is no such edit.
    pub fn choice(&self, chosen: usize, version: u64) -> Completion {
        self.completion(chosen, self.logprobs[chosen], version)
    }

    fn completion(&self, chosen: usize, logprob: f32, version: u64) -> Completion {
        let draw = RankedDraw::new(self.edits.clone(), chosen, self.logprobs[chosen], version)
            .with_score(self.score)
            .with_logprob(logprob);
        Completion::new(vec![chosen.to_string()], FinishReason::Stop)
            .with_prompt(self.tokens.clone())
            .with_ranked(draw)
            .with_usage(Usage::new(self.tokens.len() as u64, 1))
    }

    /// The log-probabilities at another temperature.
    fn at_temperature(&self, temperature: f32) -> Vec<f64> {
        let scaled = self.logprobs.iter().map(|p| f64::from(*p) / f64::from(temperature));
        let scaled: Vec<f64> = scaled.collect();
        let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mass: f64 = scaled.iter().map(|value| (value - largest).exp()).sum();
        scaled.into_iter().map(|value| value - largest - mass.ln()).collect()
    }
}

fn drawn(ranked: &RankedEdits, temperature: f32, seed: Seed, version: u64) -> Completion {
    let (chosen, logprob) = if temperature == 0.0 {
        (ranked.order()[0], 0.0)
    } else if temperature == 1.0 {
        let chosen = pick(ranked.logprobs.iter().map(|p| f64::from(*p)), seed.unit());
        (chosen, ranked.logprobs[chosen])
    } else {
        let logprobs = ranked.at_temperature(temperature);
        let chosen = pick(logprobs.iter().copied(), seed.unit());
        (chosen, logprobs[chosen] as f32)
    };
    ranked.completion(chosen, logprob, version)
}

/// The place at which the running sum of the probabilities passes `unit`.
fn pick(logprobs: impl ExactSizeIterator<Item = f64>, unit: f64) -> usize {
    let last = logprobs.len() - 1;
    let mut left = unit;
    for (at, logprob) in logprobs.enumerate() {
        left -= logprob.exp();
        if left < 0.0 {
            return at;
        }
    }
    last
}

/// Turns a ranking into tokens. Every line is encoded by itself, so that an edit changes the tokens of
/// its own lines only.
pub(super) fn token_edits(tokenizer: &Tokenizer, ranking: &EditRanking) -> Result<RankedEdits> {
    // The first token of the text needs one before it.
    let context = if ranking.context.is_empty() { "\n" } else { &ranking.context };
    let mut tokens = encode_lines(tokenizer, context)?.concat();
    let first = tokens.len();
    let lines = encode_lines(tokenizer, &ranking.text)?;
    let mut starts = vec![(0, 0)];
    for (line, text) in lines.iter().zip(ranking.text.split_inclusive('\n')) {
        let (bytes, tokens) = starts[starts.len() - 1];
        starts.push((bytes + text.len(), tokens + line.len()));
    }
    let text = lines.concat();
    let reach = ranking.reach.max(1);
    let edit = |edit: &RankedEdit| -> Result<TokenEdit> {
        if !edit.fits(&ranking.text) {
            let problem = format!("the edit of {:?} does not fit the text", edit.range);
            return Err(Error::input(problem));
        }
        let from = starts.partition_point(|(byte, _)| *byte <= edit.range.start) - 1;
        let (from_byte, from_token) = starts[from];
        // The end of a line belongs to it, so that an edit that takes it away joins two lines.
        let to = starts.partition_point(|(byte, _)| *byte <= edit.range.end);
        let (to_byte, to_token) = starts[to.min(starts.len() - 1)];
        let head = &ranking.text[from_byte..edit.range.start];
        let tail = &ranking.text[edit.range.end..to_byte.max(edit.range.end)];
        let written = [head, &edit.replacement, tail].concat();
        let mut after = encode_lines(tokenizer, &written)?.concat();
        let mut before = text[from_token..to_token].to_vec();
        // Lines in place of as many are compared up to the token after them. Of more or fewer lines,
        // as many tokens of both texts are: every one costs likelihood.
        let lines_stay = written.matches('\n').count() == (from..to).len();
        let ends = (ranking.score == EditScore::Likelihood && lines_stay)
            .then(|| (before.len() + 1, after.len() + 1));
        let common = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        // What follows shows where one of the two ends first.
        let following = text[to_token..].iter().take(reach);
        before.extend(following.clone());
        after.extend(following);
        let common = common
            + before[common..].iter().zip(&after[common..]).take_while(|(a, b)| a == b).count();
        let cut = |tokens: &[u32], end: Option<usize>| -> Vec<u32> {
            let most = end.map_or(reach, |end| end.saturating_sub(common).clamp(1, LINE_TOKENS));
            tokens[common.min(tokens.len())..].iter().copied().take(most).collect()
        };
        let (before_end, after_end) = ends.unzip();
        let position = first + from_token + common;
        Ok(TokenEdit::new(position, cut(&before, before_end), cut(&after, after_end))
            .with_prior(edit.prior))
    };
    let edits = ranking.edits.iter().map(edit).collect::<Result<Vec<_>>>()?;
    tokens.extend(text);
    Ok(RankedEdits { tokens, edits, score: ranking.score, logprobs: Vec::new() })
}

fn encode_lines(tokenizer: &Tokenizer, text: &str) -> Result<Vec<Vec<u32>>> {
    text.split_inclusive('\n').map(|line| tokenizer.encode(line)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokenizer() -> Tokenizer {
        Tokenizer::train(["def f(a, b):\n    return a <= b\n    x = [a, b]\n"; 3], 300).unwrap()
    }

    #[test]
    fn an_edit_begins_where_the_tokens_differ() {
        let tokenizer = tokenizer();
        let ranking = EditRanking::new("def f(a, b):\n    return a <= b\n").with_edits([
            RankedEdit::new(26..28, "<"),
            RankedEdit::new(0..13, ""),
            RankedEdit::new(30..31, ""),
        ]);
        let read = token_edits(&tokenizer, &ranking).unwrap();
        assert_eq!(tokenizer.decode(&read.tokens), format!("\n{}", ranking.text));
        for (at, edit) in read.edits.iter().enumerate() {
            assert_ne!(edit.before.first(), edit.after.first());
            let kept = tokenizer.decode(&read.tokens[1..edit.position]);
            let edited = ranking.edited(at);
            assert!(edited.starts_with(&kept), "{kept:?} {edited:?}");
            let written = tokenizer.decode(&edit.after);
            assert!(edited[kept.len()..].starts_with(&written), "{kept:?} {written:?} {edited:?}");
        }
    }

    proptest! {
        #[test]
        fn any_edit_is_a_prefix_that_both_texts_share(
            text in "[a-c =<\n]{1,40}",
            start in 0..40usize,
            length in 0..6usize,
            new in "[a-c =<\n]{0,6}",
        ) {
            let tokenizer = tokenizer();
            let start = start.min(text.len());
            let range = start..(start + length).min(text.len());
            let ranking = EditRanking::new(text.as_str()).with_edits([RankedEdit::new(range, new)]);
            let read = token_edits(&tokenizer, &ranking).unwrap();
            let edit = &read.edits[0];
            prop_assert!(edit.position >= 1 && edit.position <= read.tokens.len());
            let kept = tokenizer.decode(&read.tokens[1..edit.position]);
            let edited = ranking.edited(0);
            prop_assert!(edited.starts_with(&kept));
            prop_assert!(edited[kept.len()..].starts_with(&tokenizer.decode(&edit.after)));
            prop_assert!(text[kept.len()..].starts_with(&tokenizer.decode(&edit.before)));
        }
    }

    #[test]
    fn draws_without_putting_back_name_every_edit_once() {
        let logprobs = vec![0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln()];
        let ranked =
            RankedEdits { tokens: vec![1], edits: Vec::new(), score: EditScore::Place, logprobs };
        assert_eq!(ranked.order(), [0, 1, 2]);
        assert_eq!(ranked.draws(0.0, Seed::new(1)), [0, 1, 2]);
        let mut firsts = [0; 3];
        for seed in 0..2000 {
            let mut draws = ranked.draws(1.0, Seed::new(seed));
            firsts[draws[0]] += 1;
            draws.sort_unstable();
            assert_eq!(draws, [0, 1, 2]);
        }
        for (count, share) in firsts.into_iter().zip([0.5, 0.3, 0.2]) {
            assert!((f64::from(count) / 2000.0 - share).abs() < 0.05, "{firsts:?}");
        }
        let cold = ranked.at_temperature(0.5);
        assert!((cold[0].exp() - 0.25 / 0.38).abs() < 1e-6);
    }
}
