use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::site::Source;
use crate::{Operator, Site, SiteId};

/// An edit as an operator proposes it, before it has become a [`Site`].
pub struct Find {
    /// The position of the operator in its language's list.
    pub(crate) operator: usize,
    pub(crate) range: Range<usize>,
    pub(crate) replacement: Cow<'static, str>,
    pub(crate) line: u32,
    pub(crate) function: Option<Arc<str>>,
}

/// What the operators found in one file, in any order.
#[derive(Default)]
pub struct Finds(Vec<Find>);

impl Finds {
    pub(crate) fn push(&mut self, find: Find) {
        self.0.push(find);
    }

    /// Sorts the finds into document order and makes them sites, without those that change
    /// nothing or give the same text as an earlier one.
    pub(crate) fn into_sites(
        mut self,
        source: &Arc<Source>,
        operators: &'static [&'static Operator],
    ) -> Vec<Site> {
        self.0.sort_by(|a, b| {
            let key = |find: &Find| (find.range.start, find.range.end, find.operator);
            key(a).cmp(&key(b)).then_with(|| a.replacement.cmp(&b.replacement))
        });
        let mut seen = HashSet::with_capacity(self.0.len());
        let mut sites = Vec::with_capacity(self.0.len());
        for find in self.0 {
            let Some(effect) = effect(&source.text, &find.range, &find.replacement) else {
                continue;
            };
            if !seen.insert(effect) {
                continue;
            }
            let operator = operators[find.operator];
            sites.push(Site {
                id: SiteId::new(operator, source, &find.range, &find.replacement),
                operator,
                source: Arc::clone(source),
                range: find.range,
                replacement: find.replacement,
                line: find.line,
                function: find.function,
            });
        }
        sites
    }
}

/// Where the replaced bytes start and end, and what comes instead.
pub(crate) type Effect = (usize, usize, Vec<u8>);

/// The edit in its one normal form, so that two edits of one file are equal exactly when their
/// results are. `None` when the edit changes nothing.
pub(crate) fn effect(text: &str, range: &Range<usize>, replacement: &str) -> Option<Effect> {
    let text = text.as_bytes();
    let (mut start, mut end) = (range.start, range.end);
    let mut new = replacement.as_bytes();
    while let (Some(byte), true) = (new.first(), start < end)
        && *byte == text[start]
    {
        (start, new) = (start + 1, &new[1..]);
    }
    while let (Some(byte), true) = (new.last(), start < end)
        && *byte == text[end - 1]
    {
        (end, new) = (end - 1, &new[..new.len() - 1]);
    }
    if start == end && new.is_empty() {
        return None;
    }
    let mut new = new.to_vec();
    // A pure deletion or insertion can slide along repeated text: slide it as far as it goes.
    if new.is_empty() {
        while end < text.len() && text[start] == text[end] {
            (start, end) = (start + 1, end + 1);
        }
    } else if start == end {
        while start < text.len() && text[start] == new[0] {
            new.rotate_left(1);
            (start, end) = (start + 1, end + 1);
        }
    }
    Some((start, end, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_with_the_same_result_have_the_same_effect() {
        let text = "aab aab";
        let delete = |range: Range<usize>| effect(text, &range, "");
        assert_eq!(delete(0..1), delete(1..2));
        assert_eq!(delete(0..4), delete(3..7));
        assert_ne!(delete(0..1), delete(2..3));
        assert_eq!(effect(text, &(0..0), "a"), effect(text, &(2..2), "a"));
        assert_eq!(effect(text, &(0..7), "aab b"), delete(4..6));
        assert_eq!(effect(text, &(0..3), "aab"), None);
        assert_eq!(effect("", &(0..0), ""), None);
    }
}
