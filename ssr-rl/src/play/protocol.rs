//! How the solver is asked, and how its answer becomes a tree.

use std::collections::BTreeSet;

use ssr_core::{BugInstance, Completion, FinishReason, Message, RepoPath, Segment, Tree};

use super::injector::labels;
use super::retrieval::{Shown, relevant_lines};
use crate::LineEditConfig;

/// How the solver is asked and how its answer becomes a repaired tree.
pub trait SolverProtocol: Send + Sync {
    /// What of a bug the answer refers to.
    type Context: Send + Sync;

    /// The conversation, the shape of the answer, and what the answer is to be read with. Only the
    /// buggy tree, the specification and what running its tests would show may flow into it. `sources`
    /// are the paths of the repository's source files; `tokens` counts the tokens of a text.
    fn ask(
        &self,
        bug: &BugInstance,
        sources: &BTreeSet<RepoPath>,
        tokens: &dyn Fn(&str) -> usize,
    ) -> Question<Self::Context>;

    /// The repaired tree.
    ///
    /// # Errors
    /// Why the answer is none, in one line: the attempt has failed.
    fn repair(
        &self,
        bug: &BugInstance,
        context: &Self::Context,
        answer: &Completion,
    ) -> Result<Tree, String>;
}

/// A question to the solver.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Question<C> {
    /// The conversation.
    pub messages: Vec<Message>,
    /// The shape of the answer.
    pub answer: Vec<Segment>,
    /// What the answer is to be read with.
    pub context: C,
}

impl<C> Question<C> {
    /// A question whose answer is read with `context`.
    pub fn new(messages: Vec<Message>, answer: Vec<Segment>, context: C) -> Self {
        Self { messages, answer, context }
    }
}

/// A repair in a single line: the model chooses one of the numbered lines that it is shown and
/// writes what takes its place.
///
/// It asks as the paper does (§2.3): the reversed weakening is the specification, there is no other
/// description of the bug. The shown source is what the specification names, found in the buggy tree
/// alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineEdit {
    config: LineEditConfig,
}

impl LineEdit {
    /// A protocol with other limits.
    pub fn new(config: LineEditConfig) -> Self {
        Self { config }
    }
}

/// The lines among which the solver chooses, by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedLines {
    labels: Vec<String>,
    /// Path and line number (from 0) of each label.
    places: Vec<(RepoPath, usize)>,
}

impl SolverProtocol for LineEdit {
    type Context = NumberedLines;

    fn ask(
        &self,
        bug: &BugInstance,
        sources: &BTreeSet<RepoPath>,
        tokens: &dyn Fn(&str) -> usize,
    ) -> Question<NumberedLines> {
        let specification = bug.artifact.specification().to_string();
        let limit = self.config.source_tokens;
        let shown = relevant_lines(bug, sources, &specification, None, limit, tokens);
        let labels = labels(shown.iter().map(|block| block.lines.len()).sum());
        let mut places = Vec::with_capacity(labels.len());
        let mut source = String::new();
        for Shown { path, lines } in &shown {
            source.push_str(&format!("# {path}\n"));
            for (number, line) in lines {
                source.push_str(&format!("{}: {line}\n", labels[places.len()]));
                places.push((path.clone(), *number));
            }
        }
        let specification = cut(&specification, self.config.specification_tokens, tokens);
        let text = format!(
            "I am improving the tests of this project with the change below, but the code as it \
             is does not pass them. Repair the code, so that these tests and all that exist \
             already pass.\n```diff\n{specification}```\nThe source that they concern:\n{source}\
             Answer with the number of one line and what is to stand there instead.\n"
        );
        let mut answer = vec![Segment::Choice(labels.clone()), Segment::Forced(": ".to_owned())];
        if labels.len() < 2 {
            // There is nothing to choose from.
            answer = vec![Segment::Forced(labels.first().cloned().unwrap_or_default() + ": ")];
        }
        let max_tokens = self.config.answer_tokens;
        answer.push(Segment::Free { max_tokens, stop: vec!["\n".to_owned()] });
        let system = "You repair code.";
        let messages = vec![Message::system(system), Message::user(text)];
        Question { messages, answer, context: NumberedLines { labels, places } }
    }

    fn repair(
        &self,
        bug: &BugInstance,
        context: &NumberedLines,
        answer: &Completion,
    ) -> Result<Tree, String> {
        if answer.finish == FinishReason::Length {
            return Err("the answer was cut off".to_owned());
        }
        let text = answer.text();
        let (label, line) = text.split_once(": ").ok_or("the answer has no line number")?;
        let index = context.labels.iter().position(|known| known == label);
        let index = index.ok_or_else(|| format!("the answer names no shown line: {label:?}"))?;
        let (path, number) = &context.places[index];
        let file = bug.tree.get(path.as_str()).ok_or_else(|| format!("{path} is gone"))?;
        let before = file.text().ok_or_else(|| format!("{path} is not text"))?;
        let mut after = String::with_capacity(before.len() + line.len());
        for (at, old) in before.split_inclusive('\n').enumerate() {
            if at == *number {
                after.push_str(line);
                after.push_str(&old[old.trim_end_matches(['\r', '\n']).len()..]);
            } else {
                after.push_str(old);
            }
        }
        let file = ssr_core::File::new(after.into_bytes()).with_executable(file.executable());
        bug.tree.with(path.clone(), file).map_err(|error| error.to_string())
    }
}

/// The first lines of a text that fit into `limit` tokens, and a note when some do not.
fn cut(text: &str, limit: usize, tokens: &dyn Fn(&str) -> usize) -> String {
    let (mut kept, mut used) = (String::new(), 0);
    for line in text.split_inclusive('\n') {
        used += tokens(line);
        if used > limit {
            kept.push_str("[cut]\n");
            break;
        }
        kept.push_str(line);
    }
    kept
}

#[cfg(test)]
mod tests {
    use ssr_core::{BugArtifact, File, Patch, Provenance, Strategy};

    use super::*;

    const SOURCE: &str = "def one():\r\n    return 2\r\n\ndef two():\n    return 2";

    fn bug(bug_inject: &[u8]) -> BugInstance {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let weaken = b"--- a/tests/t.py\n+++ b/tests/t.py\n@@ -1 +0,0 @@\n-assert one() == 1\n";
        let artifact = BugArtifact {
            test_script: String::new(),
            test_files: [path("tests/t.py")].into(),
            test_parser: String::new(),
            bug_inject: Patch::parse(bug_inject).unwrap(),
            test_weaken: Patch::parse(weaken).unwrap(),
        };
        let file = File::new(SOURCE.as_bytes()).with_executable(true);
        BugInstance {
            artifact,
            tree: Tree::from_files([(path("src.py"), file)]).unwrap(),
            oracle: Tree::new(),
            f2p: BTreeSet::new(),
            p2p: BTreeSet::new(),
            order: 1,
            parent: None,
            provenance: Provenance { strategy: Strategy::Operators, detail: String::new() },
        }
    }

    fn answer(text: &str, finish: FinishReason) -> Completion {
        Completion::new(vec![text.to_owned()], finish)
    }

    fn ask(bug: &BugInstance) -> Question<NumberedLines> {
        let sources = [RepoPath::new("src.py").unwrap()].into();
        LineEdit::default().ask(bug, &sources, &str::len)
    }

    fn repair(text: &str) -> Result<String, String> {
        let (protocol, bug) = (LineEdit::default(), bug(b""));
        let question = ask(&bug);
        let tree = protocol.repair(&bug, &question.context, &answer(text, FinishReason::Stop))?;
        assert!(tree.get("src.py").unwrap().executable());
        Ok(tree.get("src.py").unwrap().text().unwrap().to_owned())
    }

    #[test]
    fn the_prompt_shows_the_reversed_weakening_and_the_source() {
        let question = ask(&bug(b""));
        let text = &question.messages[1].text;
        assert!(text.contains("+assert one() == 1\n"), "{text}");
        assert!(text.contains("# src.py\n00: def one():\n01:     return 2\n"), "{text}");
        let Segment::Choice(labels) = &question.answer[0] else { panic!("{:?}", question.answer) };
        assert_eq!(*labels, ["00", "01", "02", "03"]);
    }

    #[test]
    fn the_prompt_knows_nothing_of_the_bug() {
        let diff = b"--- a/src.py\n+++ b/src.py\n@@ -2 +2 @@\n-    return 1\n+    return 2\n";
        assert_eq!(ask(&bug(b"")), ask(&bug(diff)));
    }

    #[test]
    fn one_line_is_replaced_and_its_ending_kept() {
        let expected = SOURCE.replacen("return 2", "return 1", 1);
        assert_eq!(repair("01:     return 1").unwrap(), expected);
        let last = repair("03:     return 3: 4").unwrap();
        assert!(last.ends_with("two():\n    return 3: 4"), "{last}");
    }

    #[test]
    fn answers_that_are_none_say_why() {
        for text in ["", "01", "04: x", "1: x", "x: y", "\u{0}: "] {
            assert!(repair(text).is_err(), "{text:?}");
        }
        let (protocol, bug) = (LineEdit::default(), bug(b""));
        let question = ask(&bug);
        let cut_off = answer("01: retur", FinishReason::Length);
        assert!(protocol.repair(&bug, &question.context, &cut_off).is_err());
    }

    #[test]
    fn a_long_specification_is_cut_at_a_line() {
        assert_eq!(cut("aaaa\nbbbb\ncccc\n", 10, &str::len), "aaaa\nbbbb\n[cut]\n");
        assert_eq!(cut("aaaa\n", 10, &str::len), "aaaa\n");
    }
}
