//! Lays out episodes as the sequences that the trainer scores.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use ssr_core::{EditScore, Episode, Role, TokenEdit, TokenSet};
use ssr_policy::{RankedSequence, shared_prefix};

use super::layout::layout;
use super::{GrpoConfig, LossTotals, RewardGroup, role_advantages};
#[cfg(doc)]
use crate::Error;
use crate::Result;

/// A token sequence to be scored once, however many episodes produced it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainSequence {
    /// Contexts and answers, up to the last token to score.
    pub tokens: Vec<u32>,
    /// The edits of `tokens` among which [`TrainTarget::Edit`] was drawn.
    pub edits: Vec<TokenEdit>,
    /// How they are scored.
    pub score: EditScore,
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
/// those that have no gradient.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Batch {
    /// What to score, in the order of the episodes.
    pub sequences: Vec<TrainSequence>,
    /// Episodes that are trained on.
    pub episodes: usize,
    /// Episodes that are not, because their advantage is 0 or they have no tokens.
    pub skipped_episodes: usize,
    /// Tokens to train on.
    pub tokens: usize,
    /// Tokens that were drawn too long ago.
    pub stale_tokens: usize,
    /// Groups in which all rewards of what could be trained are equal.
    pub flat_groups: usize,
    /// What the means of the loss are taken over: with those episodes whose advantage is 0, without
    /// the groups that [`GrpoConfig::filter_flat_groups`] leaves out.
    pub totals: LossTotals,
}

impl Batch {
    /// Groups `episodes` by role and [`Episode::group`], compares the rewards of those that can be
    /// trained on and lays out the sequences of those that have a gradient. `version` is the current
    /// weight version.
    ///
    /// An episode all of whose tokens are too old or masked is not compared with either: it moves no
    /// baseline.
    ///
    /// # Errors
    /// [`Error::Episode`] when a trace contradicts itself, a reward is not finite, or a token was
    /// drawn by weights of the future, at another temperature than 1 or with truncation.
    pub fn new(episodes: &[Episode], version: u64, config: &GrpoConfig) -> Result<Self> {
        let mut batch = Self::default();
        let mut laid = Vec::with_capacity(episodes.len());
        for episode in episodes {
            let (sequence, stale) = layout(episode, version, config.max_staleness)?;
            batch.stale_tokens += stale;
            laid.push((sequence.targets.len() > stale).then_some(sequence));
        }
        let advantages = batch.compare(episodes, &laid, config);
        let mut known: HashMap<_, usize> = HashMap::new();
        for (sequence, advantage) in laid.into_iter().zip(advantages) {
            let advantage =
                advantage.filter(|advantage| *advantage != 0.0 || config.trains_every_episode());
            let (Some(mut sequence), Some(advantage)) = (sequence, advantage) else {
                batch.skipped_episodes += 1;
                continue;
            };
            sequence.uses[0].advantage = advantage as f32;
            batch.episodes += 1;
            batch.tokens += fresh(&sequence);
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

    /// The advantage of each episode that counts, and the counts of groups, episodes and tokens.
    fn compare(
        &mut self,
        episodes: &[Episode],
        laid: &[Option<TrainSequence>],
        config: &GrpoConfig,
    ) -> Vec<Option<f64>> {
        let mut roles: BTreeMap<Role, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
        for (at, episode) in episodes.iter().enumerate().filter(|(at, _)| laid[*at].is_some()) {
            let groups = roles.entry(episode.role).or_default();
            groups.entry(episode.group.as_str()).or_default().push(at);
        }
        let mut result = vec![None; episodes.len()];
        for (role, groups) in roles {
            let mut members: Vec<Vec<usize>> = groups.into_values().collect();
            let length = |at: usize| laid[at].as_ref().map_or(0, fresh);
            let compared = |members: &Vec<usize>| RewardGroup {
                rewards: members.iter().map(|at| episodes[*at].reward).collect(),
                lengths: members.iter().map(|at| length(*at)).collect(),
            };
            let flat = |members: &Vec<usize>| compared(members).is_flat();
            self.flat_groups += members.iter().filter(|members| flat(members)).count();
            if config.filters_flat_groups() {
                members.retain(|members| !flat(members));
            }
            let groups: Vec<RewardGroup> = members.iter().map(compared).collect();
            let advantages = role_advantages(&groups, &config.advantage_rule(role));
            for (at, advantage) in members.concat().into_iter().zip(advantages.concat()) {
                result[at] = Some(advantage);
                self.totals.sequences += 1;
                self.totals.tokens += length(at);
            }
        }
        result
    }

    /// Whether there is nothing to train on.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// The sequences in consecutive runs of at most `tokens` tokens; a longer one stands alone. A prefix
    /// that sequences of a run share counts once, because it is read once.
    pub fn micro_batches(&self, tokens: usize) -> Vec<&[TrainSequence]> {
        let mut runs = Vec::new();
        let (mut start, mut filled, mut whole) = (0, 0, 0);
        for (index, sequence) in self.sequences.iter().enumerate() {
            let shared = sequence.shared_with(&self.sequences[whole]);
            if index > start && filled + sequence.width() - shared > tokens {
                runs.push(&self.sequences[start..index]);
                (start, filled, whole) = (index, 0, index);
            }
            if index == whole || shared == 0 {
                whole = index;
                filled += sequence.width();
            } else {
                filled += sequence.width() - shared;
            }
        }
        if start < self.sequences.len() {
            runs.push(&self.sequences[start..]);
        }
        runs
    }
}

impl TrainSequence {
    /// How many tokens are read to score it.
    fn width(&self) -> usize {
        RankedSequence { tokens: &self.tokens, edits: &self.edits, score: self.score }.width()
    }

    /// How many of its first tokens are not read again after another one.
    fn shared_with(&self, whole: &Self) -> usize {
        if !self.edits.is_empty() || !whole.edits.is_empty() {
            return 0;
        }
        shared_prefix(&whole.tokens, &self.tokens)
    }

    /// What sequences have to share to be scored as one. All choices from a ranking are, whichever
    /// edit was drawn.
    fn key(&self) -> (Vec<u32>, Vec<TokenEdit>, EditScore, Vec<TrainTarget>) {
        let targets = if self.edits.is_empty() { self.targets.clone() } else { Vec::new() };
        (self.tokens.clone(), self.edits.clone(), self.score, targets)
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
        let episodes = uses().count();
        let totals = LossTotals { sequences: episodes, tokens };
        Self { episodes, tokens, totals, sequences, ..Self::default() }
    }
}

/// How many tokens of an episode, the first use of its sequence, are trained.
fn fresh(sequence: &TrainSequence) -> usize {
    sequence.uses[0].behaviour.iter().flatten().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssr_core::{TokenTrace, Turn};

    use super::*;
    use crate::{Error, LossKind, RewardBaseline};

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
        let allowed = Some([7, 8, 9].into_iter().collect());
        let token = |position, allowed| TrainTarget::Token { position, allowed };
        assert_eq!(targets[..], [token(2, allowed), token(4, None)]);
        assert_eq!(batch.tokens, 4);
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
        let old = batch(&[drawn(1.0, 1), drawn(-1.0, 2), drawn(0.0, 10)]).unwrap();
        assert_eq!((old.stale_tokens, old.tokens, old.skipped_episodes), (1, 2, 1));
        assert_eq!(old.sequences[0].uses[0].behaviour[0].map(|drawn| drawn.staleness), Some(8));
        let mut other_role = drawn(-1.0, 10);
        other_role.role = Role::Injector;
        assert!(batch(&[drawn(1.0, 10), other_role]).unwrap().is_empty());
    }

    /// The advantages of what is trained, in the order of the episodes.
    fn trained(batch: &Batch) -> Vec<f32> {
        batch.sequences.iter().flat_map(|s| &s.uses).map(|one| one.advantage).collect()
    }

    #[test]
    fn what_is_not_trained_moves_no_baseline() {
        // Versions at which the second episode is too old, and fresh ones.
        let group = |rewards: [f64; 4], stale: usize| -> Vec<Episode> {
            let drawn = |(at, reward): (usize, f64)| {
                let version = if at == stale { 1 } else { 10 };
                // Different tokens, so that sequences stay apart.
                episode(reward, &[7, at as u32], &[true, true], version)
            };
            rewards.into_iter().enumerate().map(drawn).collect()
        };
        let group_mean = GrpoConfig::default().with_baseline(RewardBaseline::GroupMean);
        let batch = Batch::new(&group([1.0, 1.0, 0.0, 0.0], 1), 10, &group_mean).unwrap();
        let expected = [2.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0];
        assert_eq!(trained(&batch), expected);
        assert_eq!((batch.episodes, batch.skipped_episodes, batch.stale_tokens), (3, 1, 2));
        let alone = Batch::new(&group([0.0, 1.0, 0.0, 0.0], 1), 10, &group_mean).unwrap();
        assert!(alone.is_empty());
        assert_eq!((alone.skipped_episodes, alone.flat_groups), (4, 1));
        // A length is that of what is trained: the second token of one episode is too old.
        let mut partly = group([1.0, 0.0, 0.0, 0.0], 4);
        partly[0].trajectory.turns[0].answer.versions[1] = 1;
        let weighted = Batch::new(&partly, 10, &GrpoConfig::default()).unwrap();
        assert!((trained(&weighted)[0] - (1.0 - 1.0 / 7.0)).abs() < 1e-6);
    }

    #[test]
    fn tokens_of_the_future_and_of_other_temperatures_are_refused() {
        let other = episode(-1.0, &[8], &[true], 10);
        let future = batch(&[episode(1.0, &[7], &[true], 11), other.clone()]).unwrap_err();
        assert!(future.to_string().contains("weight version 11"), "{future}");
        let mut sharpened = episode(1.0, &[7], &[true], 10);
        sharpened.trajectory.turns[0].answer.logprobs[0] = -0.4;
        let refused = batch(&[sharpened.clone(), other.clone()]).unwrap_err();
        assert!(refused.to_string().contains("temperature"), "{refused}");
        // What the model did not draw may say anything.
        sharpened.trajectory.turns[0].answer.loss_mask[0] = false;
        sharpened.trajectory.turns[0].answer.versions[0] = 99;
        assert!(batch(&[sharpened, other]).unwrap().is_empty());
    }

    #[test]
    fn flat_groups_count_in_means_unless_they_are_filtered() {
        let member = |group: &str, reward| {
            let mut episode = episode(reward, &[7, 5], &[true, true], 10);
            episode.group = group.to_owned();
            episode
        };
        let episodes = [member("a", 1.0), member("a", -1.0), member("b", 1.0), member("b", 1.0)];
        for (config, totals, scored) in [
            (GrpoConfig::default(), (2, 4), 2),
            (GrpoConfig::default().with_loss(LossKind::Dapo), (2, 4), 2),
            (GrpoConfig::default().with_loss(LossKind::Grpo), (4, 8), 2),
            (GrpoConfig::default().with_loss(LossKind::Grpo).with_kl_coefficient(0.1), (4, 8), 4),
            (GrpoConfig::default().with_loss(LossKind::Dapo).with_kl_coefficient(0.1), (2, 4), 2),
        ] {
            let batch = Batch::new(&episodes, 10, &config).unwrap();
            assert_eq!((batch.totals.sequences, batch.totals.tokens), totals, "{config:?}");
            assert_eq!((batch.episodes, batch.flat_groups), (scored, 1), "{config:?}");
            assert_eq!(batch.episodes + batch.skipped_episodes, 4);
        }
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

    #[test]
    fn a_shared_prompt_counts_once() {
        let sequence = |prompt: u32, answer: u32| TrainSequence {
            tokens: [vec![prompt; 40], vec![answer; 10]].concat(),
            ..TrainSequence::default()
        };
        let sequences = [(1, 2), (1, 3), (1, 4), (5, 2), (5, 3)];
        let sequences = sequences.map(|(prompt, answer)| sequence(prompt, answer)).to_vec();
        let batch = Batch { sequences, ..Batch::default() };
        let lengths = |tokens| -> Vec<usize> {
            batch.micro_batches(tokens).into_iter().map(<[_]>::len).collect()
        };
        assert_eq!(lengths(70), [3, 2]);
        assert_eq!(lengths(60), [2, 1, 2]);
        assert_eq!(lengths(130), [5]);
    }

    proptest! {
        #[test]
        fn micro_batches_keep_every_sequence_in_order_within_the_limit(
            lengths in prop::collection::vec(1..50usize, 0..30),
            limit in 1..120usize,
        ) {
            let sequence = |(at, length): (usize, &usize)| TrainSequence {
                tokens: vec![at as u32; *length],
                ..TrainSequence::default()
            };
            let sequences = lengths.iter().enumerate().map(sequence).collect();
            let batch = Batch { sequences, ..Batch::default() };
            let runs = batch.micro_batches(limit);
            prop_assert_eq!(runs.concat(), batch.sequences.clone());
            for run in runs {
                let tokens: usize = run.iter().map(|sequence| sequence.tokens.len()).sum();
                prop_assert!(!run.is_empty() && (tokens <= limit || run.len() == 1));
            }
        }
    }
}
