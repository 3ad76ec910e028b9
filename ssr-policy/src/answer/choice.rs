//! Choices among given texts, token by token.

use std::ops::Range;

use crate::tokenizer::Tokenizer;

/// The tokenised texts of a choice, sorted: the texts that continue a common beginning are a range.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    texts: Vec<(Vec<u32>, String)>,
    alive: Range<usize>,
    depth: usize,
}

/// What can come next in a choice.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Several tokens, ascending.
    Any(Vec<u32>),
    /// Only this token.
    Only(u32),
    /// Nothing: this text is complete.
    Done(String),
}

impl Choice {
    pub(super) fn new(tokenizer: &Tokenizer, texts: &[String]) -> Result<Self, String> {
        if texts.is_empty() {
            return Err("a choice among no texts".to_owned());
        }
        let tokenise = |text: &String| {
            let tokens = tokenizer.encode(text).map_err(|e| e.to_string())?;
            if tokens.is_empty() {
                Err("a choice has an empty text".to_owned())
            } else {
                Ok((tokens, text.clone()))
            }
        };
        let mut texts = texts.iter().map(tokenise).collect::<Result<Vec<_>, _>>()?;
        texts.sort();
        // In sorted order a prefix stands directly before one of its continuations.
        if let Some(pair) = texts.windows(2).find(|pair| pair[1].0.starts_with(&pair[0].0)) {
            return Err(format!(
                "the choice {:?} begins with the choice {:?}; end both with a newline or the like",
                pair[1].1, pair[0].1
            ));
        }
        let alive = 0..texts.len();
        Ok(Self { texts, alive, depth: 0 })
    }

    pub(super) fn next(&self) -> Next {
        let (tokens, text) = &self.texts[self.alive.start];
        if self.depth == tokens.len() {
            return Next::Done(text.clone());
        }
        let mut next: Vec<u32> =
            self.texts[self.alive.clone()].iter().map(|(tokens, _)| tokens[self.depth]).collect();
        next.dedup();
        match next[..] {
            [only] => Next::Only(only),
            _ => Next::Any(next),
        }
    }

    /// Goes on with one of the tokens of [`Self::next`].
    pub(super) fn accept(&mut self, token: u32) {
        let alive = &self.texts[self.alive.clone()];
        let first = alive.partition_point(|(tokens, _)| tokens[self.depth] < token);
        let end = alive.partition_point(|(tokens, _)| tokens[self.depth] <= token);
        if first < end {
            self.alive = self.alive.start + first..self.alive.start + end;
        }
        self.depth += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        Tokenizer::train(["ab ab ab cd cd"], 262).unwrap()
    }

    #[test]
    fn every_path_spells_one_of_the_texts() {
        let tokenizer = tokenizer();
        let texts = ["x = 1\n", "x = 10\n", "ab\n", "abab\n", "é\n"].map(str::to_owned);
        let choice = Choice::new(&tokenizer, &texts).unwrap();
        let mut open = vec![(choice, Vec::new())];
        let mut found = Vec::new();
        while let Some((choice, tokens)) = open.pop() {
            let next = match choice.next() {
                Next::Done(text) => {
                    assert_eq!(tokenizer.decode(&tokens), text);
                    found.push(text);
                    continue;
                }
                Next::Only(token) => vec![token],
                Next::Any(tokens) => {
                    assert!(tokens.is_sorted() && tokens.len() > 1);
                    tokens
                }
            };
            for token in next {
                let (mut choice, mut tokens) = (choice.clone(), tokens.clone());
                choice.accept(token);
                tokens.push(token);
                open.push((choice, tokens));
            }
        }
        found.sort();
        let mut texts = texts;
        texts.sort();
        assert_eq!(found, texts);
    }

    #[test]
    fn ambiguous_choices_are_refused() {
        let refuse = |texts: &[&str], reason: &str| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let error = Choice::new(&tokenizer(), &texts).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        refuse(&[], "no texts");
        refuse(&["a", ""], "empty");
        refuse(&["a", "a"], "begins with");
        refuse(&["a1", "b", "a"], "begins with");
    }
}
