//! Patterns as `fnmatch` and git's `wildmatch` read them.

/// Whether `*`, `?` and sets match a slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slash {
    /// As in a pathspec: `*.py` matches `a/b.py`.
    Plain,
    /// As in a `.gitignore` file: only `**` goes through directories.
    Separator,
}

/// Whether the whole of `text` matches `pattern`.
pub(super) fn matches(pattern: &str, text: &str, slash: Slash) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    Matcher { pattern: &pattern, text: &text, slash, steps: STEPS }.from(0, 0)
}

/// Whether `text` has characters that mean something in a pattern.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// What one match may cost; a pattern that needs more matches nothing.
const STEPS: usize = 100_000;

struct Matcher<'a> {
    pattern: &'a [char],
    text: &'a [char],
    slash: Slash,
    steps: usize,
}

impl Matcher<'_> {
    fn from(&mut self, mut at: usize, mut from: usize) -> bool {
        loop {
            let Some(steps) = self.steps.checked_sub(1) else { return false };
            self.steps = steps;
            let Some(&c) = self.pattern.get(at) else { return from == self.text.len() };
            if c == '*' {
                return self.star(at, from);
            }
            let Some(&there) = self.text.get(from) else { return false };
            let width = match c {
                '?' => usize::from(!self.stops(there)),
                '[' => match self.set(at, there) {
                    Some((true, width)) if !self.stops(there) => width,
                    Some(_) => 0,
                    None => usize::from(there == '['),
                },
                '\\' => match self.pattern.get(at + 1) {
                    Some(&c) => 2 * usize::from(c == there),
                    None => usize::from(there == '\\'),
                },
                c => usize::from(c == there),
            };
            if width == 0 {
                return false;
            }
            (at, from) = (at + width, from + 1);
        }
    }

    fn stops(&self, c: char) -> bool {
        c == '/' && self.slash == Slash::Separator
    }

    fn star(&mut self, at: usize, from: usize) -> bool {
        let stars = self.pattern[at..].iter().take_while(|c| **c == '*').count();
        let next = at + stars;
        let begins = at == 0 || self.pattern[at - 1] == '/';
        let through = stars >= 2 && begins && matches!(self.pattern.get(next), None | Some('/'));
        // `**/` matches no directory, too.
        if through && self.pattern.get(next) == Some(&'/') && self.from(next + 1, from) {
            return true;
        }
        for end in from..=self.text.len() {
            if self.from(next, end) {
                return true;
            }
            if !through && self.text.get(end).is_some_and(|c| self.stops(*c)) {
                return false;
            }
        }
        false
    }

    /// Whether the set that starts at `at` holds `c`, and how long it is; `None` without an end.
    fn set(&self, at: usize, c: char) -> Option<(bool, usize)> {
        let mut rest = at + 1;
        let negated = matches!(self.pattern.get(rest), Some('!' | '^'));
        rest += usize::from(negated);
        let first = rest;
        let mut holds = false;
        loop {
            let mut low = *self.pattern.get(rest)?;
            if low == ']' && rest > first {
                return Some((holds != negated, rest + 1 - at));
            }
            if low == '\\' {
                rest += 1;
                low = *self.pattern.get(rest)?;
            }
            let high = match (self.pattern.get(rest + 1), self.pattern.get(rest + 2)) {
                (Some('-'), Some(&high)) if high != ']' => {
                    rest += 2;
                    high
                }
                _ => low,
            };
            holds |= (low..=high).contains(&c);
            rest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stop_at_slashes_where_slashes_separate() {
        for (pattern, text, plain, separated) in [
            ("*.py", "a.py", true, true),
            ("*.py", "a/b.py", true, false),
            ("a/**", "a/b/c", true, true),
            ("**/b", "a/b", true, true),
            ("**/b", "b", true, true),
            ("a/**/b", "a/b", true, true),
            ("a/**/b", "a/x/y/b", true, true),
            ("a?c", "a/c", true, false),
            ("[a-c]x[!y]", "bxz", true, true),
            ("[a-c]x[!y]", "bxy", false, false),
            ("\\*", "*", true, true),
            ("\\*", "a", false, false),
            ("[", "[", true, true),
            ("", "", true, true),
        ] {
            assert_eq!(matches(pattern, text, Slash::Plain), plain, "{pattern} {text}");
            assert_eq!(matches(pattern, text, Slash::Separator), separated, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_takes_too_long_matches_nothing() {
        assert!(!matches(&("*a".repeat(30) + "b"), &"a".repeat(2000), Slash::Plain));
    }

    proptest! {
        #[test]
        fn text_without_special_characters_matches_only_itself(a in "[a-z/.]{0,8}", b in "[a-z/.]{0,8}") {
            prop_assert_eq!(matches(&a, &b, Slash::Separator), a == b);
            prop_assert!(matches("*", &a, Slash::Plain));
        }
    }
}
