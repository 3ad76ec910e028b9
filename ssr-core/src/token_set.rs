//! Sets of token ids as ranges.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of token ids, held as ascending ranges.
///
/// A grammar may allow 150,000 of a model's tokens at every step; they are few ranges. A clone
/// shares them. In JSON a set is a list of ids and of `[first, last]` pairs:
///
/// ```
/// use ssr_core::TokenSet;
///
/// let set: TokenSet = [9, 4, 7, 8, 4].into_iter().collect();
/// assert!(set.contains(8) && !set.contains(5));
/// assert_eq!((set.len(), set.iter().collect()), (4, vec![4, 7, 8, 9]));
/// assert_eq!(serde_json::to_string(&set)?, "[4,[7,9]]");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TokenSet {
    /// First and last, ascending, with a gap between neighbours.
    ranges: Arc<[(u32, u32)]>,
}

impl TokenSet {
    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|&(first, last)| (last - first) as usize + 1).sum()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The largest token. Compare it with the vocabulary before listing a set that was read from
    /// a file: its ranges may be larger than any vocabulary.
    pub fn max(&self) -> Option<u32> {
        self.ranges.last().map(|&(_, last)| last)
    }

    /// Whether a token belongs to the set.
    pub fn contains(&self, token: u32) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= token);
        after > 0 && token <= self.ranges[after - 1].1
    }

    /// All tokens, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges().flatten()
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u32>> + '_ {
        self.ranges.iter().map(|&(first, last)| first..=last)
    }
}

impl FromIterator<u32> for TokenSet {
    /// In any order and with duplicates; ascending ids are the quick case.
    fn from_iter<I: IntoIterator<Item = u32>>(tokens: I) -> Self {
        let mut tokens: Vec<u32> = tokens.into_iter().collect();
        tokens.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for token in tokens {
            match ranges.last_mut() {
                Some((_, last)) if token <= last.saturating_add(1) => *last = token,
                _ => ranges.push((token, token)),
            }
        }
        Self { ranges: ranges.into() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Entry {
    One(u32),
    Range(u32, u32),
}

impl Serialize for TokenSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranges.iter().map(|&(first, last)| {
            if first == last { Entry::One(first) } else { Entry::Range(first, last) }
        }))
    }
}

impl<'de> Deserialize<'de> for TokenSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for entry in Vec::<Entry>::deserialize(deserializer)? {
            let (first, last) = match entry {
                Entry::One(token) => (token, token),
                Entry::Range(first, last) => (first, last),
            };
            match ranges.last_mut() {
                _ if first > last => return Err(D::Error::custom("a token range is reversed")),
                Some((_, end)) if first <= *end => {
                    return Err(D::Error::custom("the tokens of a set must ascend"));
                }
                Some((_, end)) if first == *end + 1 => *end = last,
                _ => ranges.push((first, last)),
            }
        }
        Ok(Self { ranges: ranges.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_what_was_collected(tokens in prop::collection::vec(0u32..60, 0..40)) {
            let expected: BTreeSet<u32> = tokens.iter().copied().collect();
            let set: TokenSet = tokens.into_iter().collect();
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), expected.clone());
            prop_assert!(set.iter().is_sorted());
            prop_assert_eq!(set.len(), expected.len());
            prop_assert_eq!(set.max(), expected.last().copied());
            for token in 0..61 {
                prop_assert_eq!(set.contains(token), expected.contains(&token));
            }
            let json = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<TokenSet>(&json).unwrap(), set.clone());
            let listed = serde_json::to_string(&expected).unwrap();
            prop_assert_eq!(serde_json::from_str::<TokenSet>(&listed).unwrap(), set);
        }
    }

    #[test]
    fn the_largest_ids_are_no_special_case() {
        let set: TokenSet = [u32::MAX, u32::MAX - 1, 0].into_iter().collect();
        assert_eq!((set.len(), set.contains(u32::MAX)), (3, true));
        let json = format!("[[0,{}]]", u32::MAX);
        assert_eq!(serde_json::from_str::<TokenSet>(&json).unwrap().len(), 1 << 32);
    }

    #[test]
    fn broken_sets_are_refused() {
        for json in ["[2,1]", "[1,1]", "[[3,2]]", "[[1,4],3]", "[-1]", "[[1,2,3]]", "{}"] {
            assert!(serde_json::from_str::<TokenSet>(json).is_err(), "{json}");
        }
    }
}
