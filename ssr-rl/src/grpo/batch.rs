use std::collections::{BTreeMap, HashMap};

use ssr_core::{Episode, Role};

use super::{GrpoConfig, advantages};
use crate::{Error, Result};

/// A token sequence to be scored once, however many episodes produced it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSequence {
    /// Contexts and answers, up to the last token to score.
    pub tokens: Vec<u32>,
    /// The tokens that the model drew itself.
    pub targets: Vec<TrainTarget>,
    /// The episodes that consist of exactly these tokens.
    pub uses: Vec<TrainUse>,
}

/// One token to score: `tokens[position]` given those before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrainTarget {
    /// Its position, 1 or more.
    pub position: usize,
    /// The tokens among which it was drawn, `None` for the whole vocabulary.
    pub allowed: Option<Vec<u32>>,
}

/// What one episode contributes to a [`TrainSequence`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrainUse {
    /// The advantage of the episode.
    pub advantage: f32,
    /// For each target, how it was drawn; `None` where that is too long ago to train on.
    pub behaviour: Vec<Option<Behaviour>>,
}

/// How a token was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behaviour {
    /// Its natural-log probability under the weights that drew it.
    pub logprob: f32,
    /// How many versions ago these weights were current.
    pub staleness: u64,
}

/// The episodes of one update as the trainer needs them: flat, distinct, and only those that teach
/// something.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// What to score, in the order of the episodes.
    pub sequences: Vec<TrainSequence>,
    /// Episodes that are trained on.
    pub episodes: usize,
    /// Episodes that are not, because their group has nothing to tell apart or they have no tokens.
    pub skipped_episodes: usize,
    /// Tokens to train on.
    pub tokens: usize,
    /// Tokens that were drawn too long ago.
    pub stale_tokens: usize,
}

impl Batch {
    /// Groups `episodes` by role and [`Episode::group`], compares rewards within each group and
    /// lays out the sequences of those with a non-zero advantage. `version` is the current weight
    /// version.
    ///
    /// # Errors
    /// [`Error::Episode`] when a trace contradicts itself or a reward is not finite.
    pub fn new(episodes: &[Episode], version: u64, config: &GrpoConfig) -> Result<Self> {
        let mut batch = Self::default();
        let mut known = HashMap::new();
        for (episode, advantage) in episodes.iter().zip(group_advantages(episodes, config)?) {
            let sequence = match advantage {
                advantage if advantage == 0.0 => None,
                advantage => layout(episode, advantage as f32, version, config.max_staleness)?,
            };
            let Some((sequence, stale)) = sequence else {
                batch.skipped_episodes += 1;
                continue;
            };
            let fresh = sequence.targets.len() - stale;
            batch.stale_tokens += stale;
            if fresh == 0 {
                batch.skipped_episodes += 1;
                continue;
            }
            batch.episodes += 1;
            batch.tokens += fresh;
            let key = (sequence.tokens.clone(), sequence.targets.clone());
            match known.get(&key) {
                Some(at) => batch.sequences[*at as usize].uses.extend(sequence.uses),
                None => {
                    known.insert(key, batch.sequences.len() as u32);
                    batch.sequences.push(sequence);
                }
            }
        }
        Ok(batch)
    }

    /// Whether there is nothing to train on.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// The sequences in consecutive runs of at most `tokens` tokens; a longer one stands alone.
    pub fn micro_batches(&self, tokens: usize) -> Vec<&[TrainSequence]> {
        let mut runs = Vec::new();
        let (mut start, mut filled) = (0, 0);
        for (index, sequence) in self.sequences.iter().enumerate() {
            if index > start && filled + sequence.tokens.len() > tokens {
                runs.push(&self.sequences[start..index]);
                (start, filled) = (index, 0);
            }
            filled += sequence.tokens.len();
        }
        if start < self.sequences.len() {
            runs.push(&self.sequences[start..]);
        }
        runs
    }
}

fn group_advantages(episodes: &[Episode], config: &GrpoConfig) -> Result<Vec<f64>> {
    let mut groups: BTreeMap<(Role, &str), Vec<usize>> = BTreeMap::new();
    for (at, episode) in episodes.iter().enumerate() {
        if !episode.reward.is_finite() {
            return Err(wrong(episode, format!("its reward is {}", episode.reward)));
        }
        groups.entry((episode.role, episode.group.as_str())).or_default().push(at);
    }
    let mut result = vec![0.0; episodes.len()];
    for members in groups.values() {
        let rewards: Vec<f64> = members.iter().map(|at| episodes[*at].reward).collect();
        let lengths: Vec<usize> =
            members.iter().map(|at| episodes[*at].trajectory.sampled_tokens()).collect();
        let group = advantages(&rewards, &lengths, config.baseline, config.normalise_std);
        for (at, advantage) in members.iter().zip(group) {
            result[*at] = advantage;
        }
    }
    Ok(result)
}

/// The sequence of one episode and how many of its targets are too old; `None` without targets.
fn layout(
    episode: &Episode,
    advantage: f32,
    version: u64,
    max_staleness: u64,
) -> Result<Option<(TrainSequence, usize)>> {
    let (mut tokens, mut targets, mut behaviour) = (Vec::new(), Vec::new(), Vec::new());
    for turn in &episode.trajectory.turns {
        let trace = &turn.answer;
        let lengths = [
            trace.logprobs.len(),
            trace.model_logprobs.len(),
            trace.sampled.len(),
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
            if !trace.sampled[at] {
                continue;
            }
            let (logprob, allowed) = (trace.model_logprobs[at], trace.allowed.get(&at));
            if position == 0 {
                return Err(wrong(episode, "its first token was drawn without a context"));
            }
            if !logprob.is_finite() {
                return Err(wrong(episode, format!("token {at} has log-probability {logprob}")));
            }
            if allowed.is_some_and(|allowed| !allowed.contains(&trace.ids[at])) {
                return Err(wrong(episode, format!("token {at} is not among its allowed tokens")));
            }
            let staleness = version.saturating_sub(trace.versions[at]);
            targets.push(TrainTarget { position, allowed: allowed.cloned() });
            behaviour
                .push((staleness <= max_staleness).then_some(Behaviour { logprob, staleness }));
        }
    }
    let Some(last) = targets.last() else { return Ok(None) };
    tokens.truncate(last.position + 1);
    let stale = behaviour.iter().filter(|drawn| drawn.is_none()).count();
    let uses = vec![TrainUse { advantage, behaviour }];
    Ok(Some((TrainSequence { tokens, targets, uses }, stale)))
}

fn wrong(episode: &Episode, problem: impl Into<String>) -> Error {
    Error::Episode { group: episode.group.clone(), index: episode.index, problem: problem.into() }
}
