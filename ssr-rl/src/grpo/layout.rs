//! Turns the trajectory of an episode into the sequence that the trainer scores.

use ssr_core::{Episode, RankedDraw};

use super::{Behaviour, TrainSequence, TrainTarget, TrainUse};
use crate::{Error, Result};

/// The sequence of one episode, with its advantage still 0, and how many of its targets are too old.
pub(super) fn layout(
    episode: &Episode,
    version: u64,
    max_staleness: u64,
) -> Result<(TrainSequence, usize)> {
    if !episode.reward.is_finite() {
        return Err(wrong(episode, format!("its reward is {}", episode.reward)));
    }
    let (mut tokens, mut targets, mut behaviour) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(draw) = episode.trajectory.turns.iter().find_map(|turn| turn.ranked.as_ref()) {
        return ranked(episode, draw, version, max_staleness);
    }
    for turn in &episode.trajectory.turns {
        let trace = &turn.answer;
        let lengths = [
            trace.logprobs.len(),
            trace.model_logprobs.len(),
            trace.loss_mask.len(),
            trace.versions.len(),
        ];
        if lengths.iter().any(|length| *length != trace.len()) {
            let problem = format!("{} tokens with {lengths:?} records", trace.len());
            return Err(wrong(episode, problem));
        }
        tokens.extend_from_slice(&turn.context);
        for at in 0..trace.len() {
            let position = tokens.len();
            tokens.push(trace.ids[at]);
            if !trace.loss_mask[at] {
                continue;
            }
            let (logprob, allowed) = (trace.model_logprobs[at], trace.allowed.get(&at));
            if position == 0 {
                return Err(wrong(episode, "its first token was drawn without a context"));
            }
            if !logprob.is_finite() {
                return Err(wrong(episode, format!("token {at} has log-probability {logprob}")));
            }
            if allowed.is_some_and(|allowed| !allowed.contains(trace.ids[at])) {
                return Err(wrong(episode, format!("token {at} is not among its allowed tokens")));
            }
            if (trace.logprobs[at] - logprob).abs() > SAMPLER_TOLERANCE {
                return Err(wrong(episode, biased(&format!("token {at}"))));
            }
            let staleness = staleness(episode, version, trace.versions[at])?;
            targets.push(TrainTarget::Token { position, allowed: allowed.cloned() });
            behaviour
                .push((staleness <= max_staleness).then_some(Behaviour { logprob, staleness }));
        }
    }
    if let Some(TrainTarget::Token { position, .. }) = targets.last() {
        tokens.truncate(position + 1);
    }
    let stale = behaviour.iter().filter(|drawn| drawn.is_none()).count();
    let uses = vec![TrainUse { advantage: 0.0, behaviour }];
    let sequence = TrainSequence { tokens, targets, uses, ..TrainSequence::default() };
    Ok((sequence, stale))
}

/// The sequence of an episode whose only turn is a ranked edit.
fn ranked(
    episode: &Episode,
    draw: &RankedDraw,
    version: u64,
    max_staleness: u64,
) -> Result<(TrainSequence, usize)> {
    let [turn] = &episode.trajectory.turns[..] else {
        return Err(wrong(episode, "a ranked edit among other turns"));
    };
    let RankedDraw { edits, chosen, model_logprob: logprob, .. } = draw;
    if !turn.answer.is_empty() || turn.context.is_empty() || *chosen >= edits.len() {
        let (tokens, edits) = (turn.answer.len(), edits.len());
        let problem = format!("edit {chosen} of {edits}, with {tokens} tokens besides");
        return Err(wrong(episode, problem));
    }
    if !logprob.is_finite() {
        return Err(wrong(episode, format!("its edit has log-probability {logprob}")));
    }
    if (draw.logprob - logprob).abs() > SAMPLER_TOLERANCE {
        return Err(wrong(episode, biased("its edit")));
    }
    let staleness = staleness(episode, version, draw.version)?;
    let fresh = staleness <= max_staleness;
    let behaviour = vec![fresh.then_some(Behaviour { logprob: *logprob, staleness })];
    let sequence = TrainSequence {
        tokens: turn.context.clone(),
        edits: edits.clone(),
        score: draw.score,
        targets: vec![TrainTarget::Edit(*chosen)],
        uses: vec![TrainUse { advantage: 0.0, behaviour }],
    };
    Ok((sequence, usize::from(!fresh)))
}

/// How far the sampler's log-probability of a token may be from the model's: rounding.
const SAMPLER_TOLERANCE: f32 = 1e-3;

/// How many versions ago the weights of version `drawn` were current.
fn staleness(episode: &Episode, version: u64, drawn: u64) -> Result<u64> {
    version.checked_sub(drawn).ok_or_else(|| {
        let problem = format!("weight version {drawn} drew it, and the learner is at {version}");
        wrong(episode, problem)
    })
}

fn biased(what: &str) -> String {
    format!(
        "{what} was drawn at a temperature other than 1 or with truncation, which the loss does not \
         correct; sample with temperature = 1, top_p = 1, top_k = 0 and min_p = 0"
    )
}

fn wrong(episode: &Episode, problem: impl Into<String>) -> Error {
    Error::Episode { group: episode.group.clone(), index: episode.index, problem: problem.into() }
}
