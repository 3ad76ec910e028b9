//! Lays out episodes as the sequences that the trainer scores.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use ssr_core::{Episode, RankedDraw, Role, TokenEdit, TokenSet};

use super::{GrpoConfig, advantages};
use crate::{Error, Result};

/// A token sequence to be scored once, however many episodes produced it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSequence {
    /// Contexts and answers, up to the last token to score.
    pub tokens: Vec<u32>,
    /// The edits of `tokens` among which [`TrainTarget::Edit`] was drawn.
    pub edits: Vec<TokenEdit>,
    /// What the model drew itself.
    pub targets: Vec<TrainTarget>,
    /// The episodes that consist of exactly these tokens.
    pub uses: Vec<TrainUse>,
}

/// One draw to score.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrainTarget {
    /// `tokens[position]` given those before it.
    Token {
        /// Its position, 1 or more.
        position: usize,
        /// The tokens among which it was drawn, `None` for the whole vocabulary.
        allowed: Option<TokenSet>,
    },
    /// One of the ranked edits of the sequence, by its position among them.
    Edit(usize),
}

/// What one episode contributes to a [`TrainSequence`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrainUse {
    /// The advantage of the episode.
    pub advantage: f32,
    /// For each target, how it was drawn; `None` where this episode did not draw it, or too long ago
    /// to train on. Targets beyond the end are not this episode's.
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

/// The episodes of one update as the trainer needs them: as token sequences, equal ones once, without
/// those whose advantage is 0.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Batch {
    /// What to score, in the order of the episodes.
    pub sequences: Vec<TrainSequence>,
    /// Episodes that are trained on.
    pub episodes: usize,
    /// Episodes that are not, because all rewards of their group are equal or they have no tokens.
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
        let mut known: HashMap<_, usize> = HashMap::new();
        for (episode, advantage) in episodes.iter().zip(group_advantages(episodes, config)?) {
            let sequence = match advantage {
                0.0 => None,
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
            match known.entry(sequence.key()) {
                Entry::Occupied(at) => batch.sequences[*at.get()].merge(sequence),
                Entry::Vacant(free) => {
                    free.insert(batch.sequences.len());
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

impl TrainSequence {
    /// What sequences have to share to be scored as one. All choices from a ranking are, whichever
    /// edit was drawn.
    fn key(&self) -> (Vec<u32>, Vec<TokenEdit>, Vec<TrainTarget>) {
        let targets = if self.edits.is_empty() { self.targets.clone() } else { Vec::new() };
        (self.tokens.clone(), self.edits.clone(), targets)
    }

    /// Takes in the uses of a sequence with the same key.
    fn merge(&mut self, other: Self) {
        if self.edits.is_empty() {
            self.uses.extend(other.uses);
            return;
        }
        for (target, one) in other.targets.into_iter().zip(other.uses) {
            let known = self.targets.iter().position(|known| *known == target);
            let at = known.unwrap_or_else(|| {
                self.targets.push(target);
                self.targets.len() - 1
            });
            let mut behaviour = vec![None; at];
            behaviour.extend(one.behaviour);
            self.uses.push(TrainUse { behaviour, ..one });
        }
    }
}

/// A batch of sequences that were laid out by hand.
impl FromIterator<TrainSequence> for Batch {
    fn from_iter<I: IntoIterator<Item = TrainSequence>>(sequences: I) -> Self {
        let sequences: Vec<_> = sequences.into_iter().collect();
        let uses = || sequences.iter().flat_map(|sequence| &sequence.uses);
        let tokens = uses().flat_map(|one| &one.behaviour).flatten().count();
        Self { episodes: uses().count(), tokens, sequences, ..Self::default() }
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
    if let Some(draw) = episode.trajectory.turns.iter().find_map(|turn| turn.ranked.as_ref()) {
        return ranked(episode, draw, advantage, version, max_staleness).map(Some);
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
            let staleness = version.saturating_sub(trace.versions[at]);
            targets.push(TrainTarget::Token { position, allowed: allowed.cloned() });
            behaviour
                .push((staleness <= max_staleness).then_some(Behaviour { logprob, staleness }));
        }
    }
    let Some(TrainTarget::Token { position, .. }) = targets.last() else { return Ok(None) };
    tokens.truncate(position + 1);
    let stale = behaviour.iter().filter(|drawn| drawn.is_none()).count();
    let uses = vec![TrainUse { advantage, behaviour }];
    Ok(Some((TrainSequence { tokens, edits: Vec::new(), targets, uses }, stale)))
}

/// The sequence of an episode whose only turn is a ranked edit.
fn ranked(
    episode: &Episode,
    draw: &RankedDraw,
    advantage: f32,
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
    let staleness = version.saturating_sub(draw.version);
    let fresh = staleness <= max_staleness;
    let behaviour = vec![fresh.then_some(Behaviour { logprob: *logprob, staleness })];
    let sequence = TrainSequence {
        tokens: turn.context.clone(),
        edits: edits.clone(),
        targets: vec![TrainTarget::Edit(*chosen)],
        uses: vec![TrainUse { advantage, behaviour }],
    };
    Ok((sequence, usize::from(!fresh)))
}

fn wrong(episode: &Episode, problem: impl Into<String>) -> Error {
    Error::Episode { group: episode.group.clone(), index: episode.index, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssr_core::{TokenTrace, Turn};

    use super::*;

    /// An episode with one turn: two tokens of context, then `ids`, of which `sampled` were drawn.
    fn episode(reward: f64, ids: &[u32], sampled: &[bool], version: u64) -> Episode {
        let mut answer = TokenTrace::drawn(ids.to_vec(), vec![-0.5; ids.len()], version);
        answer.loss_mask = sampled.to_vec();
        answer.allowed = [(0, [7, 8, 9].into_iter().collect())].into();
        let turn = Turn::new(vec![1, 2], answer, "");
        Episode::new(Role::Solver, 1, "g", 0)
            .with_trajectory([turn].into_iter().collect())
            .with_reward(reward, "")
    }

    fn batch(episodes: &[Episode]) -> Result<Batch> {
        Batch::new(episodes, 10, &GrpoConfig::default())
    }

    #[test]
    fn only_drawn_tokens_are_targets_and_nothing_follows_the_last() {
        let good = episode(1.0, &[7, 5, 6], &[true, true, false], 10);
        let bad = episode(-1.0, &[8, 5, 6], &[true, false, true], 10);
        let batch = batch(&[good, bad]).unwrap();
        assert_eq!(batch.sequences[0].tokens, [1, 2, 7, 5]);
        assert_eq!(batch.sequences[1].tokens, [1, 2, 8, 5, 6]);
        let targets = &batch.sequences[1].targets;
        assert_eq!(targets.iter().map(|target| target.position).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(targets[0].allowed, Some([7, 8, 9].into_iter().collect()));
        assert_eq!((targets[1].allowed.as_ref(), batch.tokens), (None, 4));
    }

    #[test]
    fn equal_sequences_are_scored_once_and_used_by_each() {
        let good = episode(1.0, &[7, 5], &[true, true], 10);
        let bad = episode(-1.0, &[8, 5], &[true, true], 10);
        let batch = batch(&[good.clone(), bad.clone(), good, bad.clone(), bad]).unwrap();
        let uses: Vec<usize> = batch.sequences.iter().map(|sequence| sequence.uses.len()).collect();
        assert_eq!((uses, batch.episodes, batch.tokens), (vec![2, 3], 5, 10));
    }

    #[test]
    fn groups_without_contrast_without_tokens_or_too_old_are_skipped() {
        let drawn = |reward, version| episode(reward, &[7], &[true], version);
        let equal = batch(&[drawn(1.0, 10), drawn(1.0, 10)]).unwrap();
        assert!(equal.is_empty() && equal.skipped_episodes == 2);
        let nothing_drawn = episode(1.0, &[7], &[false], 10);
        let forced = batch(&[nothing_drawn, drawn(-1.0, 10)]).unwrap();
        assert!(forced.is_empty(), "its only drawn episode is its own average");
        let old = batch(&[drawn(1.0, 1), drawn(-1.0, 2)]).unwrap();
        assert_eq!((old.stale_tokens, old.tokens, old.skipped_episodes), (1, 1, 1));
        assert_eq!(old.sequences[0].uses[0].behaviour[0].map(|drawn| drawn.staleness), Some(8));
        let mut other_role = drawn(-1.0, 10);
        other_role.role = Role::Injector;
        assert!(batch(&[drawn(1.0, 10), other_role]).unwrap().is_empty());
    }

    #[test]
    fn traces_that_contradict_themselves_are_refused() {
        let other = episode(-1.0, &[8], &[true], 10);
        let change = |change: fn(&mut Episode)| {
            let mut episode = episode(1.0, &[7], &[true], 10);
            change(&mut episode);
            batch(&[episode, other.clone()])
        };
        for wrong in [
            change(|episode| episode.reward = f64::NAN),
            change(|episode| episode.trajectory.turns[0].answer.versions.clear()),
            change(|episode| episode.trajectory.turns[0].answer.model_logprobs[0] = f32::NAN),
            change(|episode| episode.trajectory.turns[0].answer.ids[0] = 3),
            change(|episode| episode.trajectory.turns[0].context.clear()),
        ] {
            assert!(matches!(wrong, Err(Error::Episode { .. })), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn micro_batches_keep_every_sequence_in_order_within_the_limit(
            lengths in prop::collection::vec(1..50usize, 0..30),
            limit in 1..120usize,
        ) {
            let sequence = |length: &usize| TrainSequence {
                tokens: vec![0; *length],
                edits: Vec::new(),
                targets: Vec::new(),
                uses: Vec::new(),
            };
            let batch =
                Batch { sequences: lengths.iter().map(sequence).collect(), ..Batch::default() };
            let runs = batch.micro_batches(limit);
            prop_assert_eq!(runs.concat(), batch.sequences.clone());
            for run in runs {
                let tokens: usize = run.iter().map(|sequence| sequence.tokens.len()).sum();
                prop_assert!(!run.is_empty() && (tokens <= limit || run.len() == 1));
            }
        }
    }
}
