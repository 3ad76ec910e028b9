//! The edits that operators propose for a file, deduplicated by their effect and made sites.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::site::Source;
use crate::{Operator, Site};

/// An edit as an operator proposes it, before it becomes a [`Site`].
pub struct Find {
    /// The position of the operator in its language's list.
    pub(crate) operator: usize,
    pub(crate) range: Range<usize>,
    pub(crate) replacement: Cow<'static, str>,
    pub(crate) line: u32,
    pub(crate) function: Option<Arc<str>>,
}

/// The edits that the operators propose for one file, in any order.
#[derive(Default)]
pub struct Finds(Vec<Find>);

impl Finds {
    pub(crate) fn push(&mut self, find: Find) {
        self.0.push(find);
    }

    pub(crate) fn into_vec(self) -> Vec<Find> {
        self.0
    }

    /// Sorts the finds into document order and makes them sites, without those that change nothing
    /// or give the same text as an earlier one.
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
        let mut keep = Vec::with_capacity(self.0.len());
        for find in &self.0 {
            let effect = effect(&source.text, &find.range, &find.replacement);
            keep.push(effect.is_some_and(|effect| seen.insert(effect)));
        }
        let mut functions = Functions::default();
        let kept = self.0.into_iter().zip(keep).filter_map(|(find, keep)| keep.then_some(find));
        // Files are at most 4 MiB long, so their offsets fit.
        let short = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let sites = kept
            .map(|find| Site {
                operator: operators[find.operator],
                source: Arc::clone(source),
                replacement: find.replacement,
                start: short(find.range.start),
                end: short(find.range.end),
                line: find.line,
                function: find.function.map_or(u32::MAX, |name| functions.number(name)),
            })
            .collect();
        source.set_functions(functions.names);
        sites
    }
}

/// The names of functions, each once.
#[derive(Default)]
struct Functions {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    /// The number of the last name. Finds are in document order, so the next name is mostly the
    /// same.
    last: u32,
}

impl Functions {
    fn number(&mut self, name: Arc<str>) -> u32 {
        let same = |last: &Arc<str>| Arc::ptr_eq(last, &name);
        if !self.names.get(self.last as usize).is_some_and(same) {
            let next = self.names.len() as u32;
            self.last = *self.numbers.entry(Arc::clone(&name)).or_insert(next);
            if self.last == next {
                self.names.push(name);
            }
        }
        self.last
    }
}

/// The start and end of the replaced bytes, and the bytes that replace them.
pub(crate) type Effect<'a> = (usize, usize, Cow<'a, [u8]>);

/// The edit in its normal form. Two edits of one file have the same normal form exactly when they
/// give the same text. `None` when the edit changes nothing.
pub(crate) fn effect<'a>(
    text: &str,
    range: &Range<usize>,
    replacement: &'a str,
) -> Option<Effect<'a>> {
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
    let mut new = Cow::Borrowed(new);
    // A pure deletion or insertion in repeated text has several equal positions (deleting either
    // `a` of `aa`): take the last one.
    if new.is_empty() {
        while end < text.len() && text[start] == text[end] {
            (start, end) = (start + 1, end + 1);
        }
    } else if start == end {
        while start < text.len() && text[start] == new[0] {
            new.to_mut().rotate_left(1);
            (start, end) = (start + 1, end + 1);
        }
    }
    Some((start, end, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_small() {
        assert!(size_of::<Site>() <= 64, "{} bytes", size_of::<Site>());
    }

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
