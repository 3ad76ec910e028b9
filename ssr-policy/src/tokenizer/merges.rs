//! Byte-pair merges, learnt in an order that depends on the text alone.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

type Pair = (u32, u32);

/// Pairs that occur less often are not merged.
const MIN_FREQUENCY: i64 = 2;

/// Byte-pair encoding: merges the most frequent pair of neighbouring tokens, the lower ids first
/// among equals, until there are `vocab_size` tokens. New tokens are added to `tokens`.
///
/// The trainer of the tokenizers crate visits its hash tables in an order that differs from run to
/// run, and ties can fall differently; this one depends on the words alone.
pub(super) fn learn(
    words: HashMap<String, u64>,
    tokens: &mut Vec<String>,
    vocab_size: usize,
) -> Vec<(String, String)> {
    let mut ids: HashMap<String, u32> = tokens.iter().cloned().zip(0..).collect();
    let mut words: Vec<Word> = words
        .into_iter()
        .map(|(word, count)| Word {
            tokens: word
                .chars()
                .filter_map(|c| ids.get(c.encode_utf8(&mut [0; 4]) as &str).copied())
                .collect(),
            count: i64::try_from(count).unwrap_or(i64::MAX),
        })
        .collect();
    let mut pairs = Pairs::default();
    for (index, word) in words.iter().enumerate() {
        pairs.add(word, index, 1);
    }
    let mut merges = Vec::new();
    while tokens.len() < vocab_size {
        let Some(pair) = pairs.most_frequent() else { break };
        let parts = (tokens[pair.0 as usize].clone(), tokens[pair.1 as usize].clone());
        let merged = format!("{}{}", parts.0, parts.1);
        let id = *ids.entry(merged).or_insert_with_key(|merged| {
            tokens.push(merged.clone());
            tokens.len() as u32 - 1
        });
        merges.push(parts);
        for index in pairs.words.remove(&pair).unwrap_or_default() {
            pairs.add(&words[index], index, -1);
            words[index].merge(pair, id);
            pairs.add(&words[index], index, 1);
        }
        pairs.counts.remove(&pair);
    }
    merges
}

struct Word {
    tokens: Vec<u32>,
    count: i64,
}

impl Word {
    fn merge(&mut self, pair: Pair, id: u32) {
        let mut merged = Vec::with_capacity(self.tokens.len());
        for &token in &self.tokens {
            // An `id` just made cannot be the left half: its own merge is what is being applied.
            if merged.last() == Some(&pair.0) && token == pair.1 {
                merged.pop();
                merged.push(id);
            } else {
                merged.push(token);
            }
        }
        self.tokens = merged;
    }
}

/// How often each pair occurs, and in which words it ever did.
#[derive(Default)]
struct Pairs {
    counts: HashMap<Pair, i64>,
    words: HashMap<Pair, HashSet<usize>>,
}

impl Pairs {
    fn add(&mut self, word: &Word, index: usize, sign: i64) {
        for pair in word.tokens.windows(2).map(|pair| (pair[0], pair[1])) {
            let count = self.counts.entry(pair).or_default();
            *count = count.saturating_add(sign * word.count);
            if sign > 0 {
                self.words.entry(pair).or_default().insert(index);
            }
        }
    }

    fn most_frequent(&self) -> Option<Pair> {
        let frequent = self.counts.iter().filter(|(_, count)| **count >= MIN_FREQUENCY);
        frequent.max_by_key(|&(&pair, &count)| (count, Reverse(pair))).map(|(&pair, _)| pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(words: &[(&str, u64)], vocab_size: usize) -> Vec<String> {
        let mut tokens: Vec<String> = ('a'..='f').map(String::from).collect();
        let words = words.iter().map(|&(word, count)| (word.to_owned(), count)).collect();
        let merges = learn(words, &mut tokens, vocab_size);
        assert!(tokens.len() <= vocab_size);
        merges.into_iter().map(|(a, b)| format!("{a} {b}")).collect()
    }

    #[test]
    fn the_most_frequent_pair_is_merged_first() {
        assert_eq!(learned(&[("abc", 5), ("bcd", 3)], 9), ["b c", "a bc", "bc d"]);
    }

    #[test]
    fn lower_ids_win_ties() {
        assert_eq!(learned(&[("cd", 2), ("ab", 2)], 8), ["a b", "c d"]);
    }

    #[test]
    fn overlapping_pairs_are_merged_from_the_left() {
        assert_eq!(learned(&[("aaaaa", 2)], 8), ["a a", "aa a"]);
    }

    #[test]
    fn rare_pairs_stay_apart() {
        assert!(learned(&[("abcdef", 1)], 100).is_empty());
    }
}
