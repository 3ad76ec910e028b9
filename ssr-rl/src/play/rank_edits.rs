//! A repair that is chosen among edits, for policies that are too small to write one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use ssr_core::{
    BugInstance, Completion, Edit, EditRanking, LineIndex, RankedEdit, RepoPath, Segment, Tree,
};

use super::retrieval::{Shown, relevant_lines};
use super::{Question, SolverProtocol, TestCoverage};
use crate::RankEditsConfig;

/// Edits of a function that are asked for before those of other lines are left out.
const WIDE: usize = 512;
/// What a line counts that no failing test executes, for example one that an import executes.
const LEAST_SUSPICION: f64 = 0.1;

/// Proposes edits of which one may be a repair. It knows the buggy tree and nothing of the bug.
pub trait EditSource: Send + Sync {
    /// At most `most` edits within the lines `lines` (from 0, without the end) of the file at `path`,
    /// the most plausible first. Equal arguments give equal edits.
    fn edits(&self, tree: &Tree, path: &RepoPath, lines: Range<usize>, most: usize) -> Vec<Edit>;
}

impl<E: EditSource + ?Sized> EditSource for &E {
    fn edits(&self, tree: &Tree, path: &RepoPath, lines: Range<usize>, most: usize) -> Vec<Edit> {
        (**self).edits(tree, path, lines, most)
    }
}

/// A repair that the policy ranks first among edits of the functions that it is shown.
///
/// The functions are those that the specification (the reversed weakening) is most likely about, found
/// in the buggy tree alone, and the edits come from an [`EditSource`].
#[derive(Debug, Clone, Default)]
pub struct RankEdits<E> {
    source: E,
    config: RankEditsConfig,
    coverage: Option<Arc<TestCoverage>>,
}

impl<E: EditSource> RankEdits<E> {
    /// A protocol whose candidates are those of `source`.
    pub fn new(source: E, config: RankEditsConfig) -> Self {
        Self { source, config, coverage: None }
    }

    /// Shows first what the tests that fail execute and others do not, and edits only lines that they
    /// execute. Which tests fail the solver would see by running those of its specification. The
    /// coverage is that of the repository before the bug, as its last build left it: where the bug has
    /// added or removed lines, those after it in its file are off by so many.
    #[must_use]
    pub fn with_coverage(mut self, coverage: impl Into<Arc<TestCoverage>>) -> Self {
        self.coverage = Some(coverage.into());
        self
    }

    /// The ranking that the solver of `bug` is asked for, and the edits of the tree that stand behind
    /// its edits; `None` where there is no edit. `tokens` counts the tokens of a text.
    pub fn ranking(
        &self,
        bug: &BugInstance,
        sources: &BTreeSet<RepoPath>,
        tokens: &dyn Fn(&str) -> usize,
    ) -> Option<(EditRanking, Vec<Edit>)> {
        let specification = bug.artifact.specification().to_string();
        let limit = self.config.source_tokens;
        let suspects = self.coverage.as_ref().map(|coverage| coverage.suspects(&bug.f2p));
        let shown = relevant_lines(bug, sources, &specification, suspects.as_ref(), limit, tokens);
        let mut view = View::default();
        let mut proposed: Vec<(f64, Edit)> = Vec::new();
        for block in &shown {
            let Some(text) = bug.tree.get(block.path.as_str()).and_then(|file| file.text()) else {
                continue;
            };
            let index = LineIndex::new(text.as_bytes());
            view.add(block, &index);
            let (first, last) = (block.lines.first(), block.lines.last());
            let Some((first, last)) = first.zip(last) else { continue };
            let (lines, most) = (first.0..last.0 + 1, self.config.candidates.max(WIDE));
            let mut of_line: HashMap<usize, f64> = HashMap::new();
            for edit in self.source.edits(&bug.tree, &block.path, lines, most) {
                let line = index.line(edit.range.start);
                let suspicion = match &suspects {
                    Some(suspects) if !suspects.executes(&edit.path, line) => continue,
                    Some(suspects) => suspects.of_statement(&edit.path, line).max(LEAST_SUSPICION),
                    None => 1.0,
                };
                let place = of_line.entry(line).or_default();
                *place += 1.0;
                proposed.push((*place / suspicion, edit));
            }
        }
        // Every line has its best edits in it, suspicious lines more of them.
        proposed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut known = HashSet::new();
        let (mut ranked, mut edits) = (Vec::new(), Vec::new());
        for (cost, edit) in proposed {
            let Some(shown) = view.shown(&edit) else { continue };
            if edits.len() < self.config.candidates && known.insert(shown.clone()) {
                let lines = view.text[shown.range.clone()].contains('\n')
                    || shown.replacement.contains('\n');
                let line_cost = if lines { self.config.line_cost } else { 0.0 };
                // Half as plausible an edit counts half as much.
                let prior = -1000.0 * (self.config.prior_weight * cost.ln() + line_cost);
                ranked.push(shown.with_prior(prior as i32));
                edits.push(edit);
            }
        }
        if edits.is_empty() {
            return None;
        }
        let context = if self.config.repeat { view.text.as_str() } else { "" };
        let ranking = EditRanking::new(view.text.as_str())
            .with_context(context)
            .with_edits(ranked)
            .with_reach(self.config.reach)
            .with_score(self.config.score);
        Some((ranking, edits))
    }
}

/// The shown text, and where the lines of files stand in it.
#[derive(Default)]
struct View {
    text: String,
    /// By file: for each shown line, its bytes in the file and where they begin in the text.
    lines: BTreeMap<RepoPath, Vec<(Range<usize>, usize)>>,
}

impl View {
    fn add(&mut self, block: &Shown, index: &LineIndex) {
        let lines = self.lines.entry(block.path.clone()).or_default();
        for (number, line) in &block.lines {
            let start = index.start(*number);
            lines.push((start..start + line.len(), self.text.len()));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// The edit of the text that shows an edit of a file: both its ends have to be shown.
    fn shown(&self, edit: &Edit) -> Option<RankedEdit> {
        let lines = self.lines.get(&edit.path)?;
        // The newline of a shown line is shown.
        let place = |byte: usize| {
            let at = lines.iter().find(|(line, _)| line.start <= byte && byte <= line.end + 1)?;
            Some(at.1 + (byte - at.0.start))
        };
        let (start, end) = (place(edit.range.start)?, place(edit.range.end)?);
        let replacement = String::from_utf8(edit.replacement.clone()).ok()?;
        (start <= end).then(|| RankedEdit::new(start..end, replacement))
    }
}

impl<E: EditSource> SolverProtocol for RankEdits<E> {
    type Context = Vec<Edit>;

    fn ask(
        &self,
        bug: &BugInstance,
        sources: &BTreeSet<RepoPath>,
        tokens: &dyn Fn(&str) -> usize,
    ) -> Question<Vec<Edit>> {
        match self.ranking(bug, sources, tokens) {
            Some((ranking, edits)) => {
                Question::new(Vec::new(), vec![Segment::Ranked(Arc::new(ranking))], edits)
            }
            // Nothing can be chosen: every attempt fails, and nobody learns from it.
            None => {
                let message = ssr_core::Message::user("There is nothing to choose from.");
                Question::new(vec![message], vec![Segment::Forced("none".to_owned())], Vec::new())
            }
        }
    }

    fn repair(
        &self,
        bug: &BugInstance,
        edits: &Vec<Edit>,
        answer: &Completion,
    ) -> Result<Tree, String> {
        let chosen = answer.ranked.as_ref().and_then(|draw| edits.get(draw.chosen));
        let edit = chosen.ok_or("no edit of the shown code is known")?;
        bug.tree.edit(std::slice::from_ref(edit)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use ssr_core::{
        BugArtifact, File, FinishReason, Patch, Provenance, RankedDraw, Strategy, TokenEdit,
    };

    use super::*;

    const SOURCE: &str =
        "def one():\n    \"\"\"One.\"\"\"\n    return 2\n\n\ndef two():\n    return 2\n";

    /// Replaces every `2` by `1`, and every `return` by `pass`.
    struct Digits;

    impl EditSource for Digits {
        fn edits(
            &self,
            tree: &Tree,
            path: &RepoPath,
            lines: Range<usize>,
            most: usize,
        ) -> Vec<Edit> {
            let text = tree.get(path.as_str()).and_then(|file| file.text()).unwrap();
            let index = LineIndex::new(text.as_bytes());
            let edits = [("2", "1"), ("return", "pass")].into_iter().flat_map(|(old, new)| {
                let found = text.match_indices(old);
                found.map(move |(at, _)| Edit::new(path.clone(), at..at + old.len(), new))
            });
            edits.filter(|edit| lines.contains(&index.line(edit.range.start))).take(most).collect()
        }
    }

    fn path() -> RepoPath {
        RepoPath::new("src.py").unwrap()
    }

    fn bug(bug_inject: &[u8]) -> BugInstance {
        let weaken = b"--- a/tests/t.py\n+++ b/tests/t.py\n@@ -1 +0,0 @@\n-assert one() == 1\n";
        BugInstance {
            artifact: BugArtifact {
                test_script: String::new(),
                test_files: [RepoPath::new("tests/t.py").unwrap()].into(),
                test_parser: String::new(),
                bug_inject: Patch::parse(bug_inject).unwrap(),
                test_weaken: Patch::parse(weaken).unwrap(),
            },
            tree: Tree::from_files([(path(), File::new(SOURCE.as_bytes()))]).unwrap(),
            oracle: Tree::new(),
            f2p: [ssr_core::TestId::new("tests/t.py::test_one")].into(),
            p2p: BTreeSet::new(),
            order: 1,
            parent: None,
            provenance: Provenance { strategy: Strategy::Operators, detail: String::new() },
        }
    }

    fn ask(protocol: &RankEdits<Digits>, bug: &BugInstance) -> Question<Vec<Edit>> {
        protocol.ask(bug, &[path()].into(), &str::len)
    }

    fn protocol() -> RankEdits<Digits> {
        RankEdits::new(Digits, RankEditsConfig::default())
    }

    fn ranking(question: &Question<Vec<Edit>>) -> &EditRanking {
        let [Segment::Ranked(ranking)] = &question.answer[..] else { panic!("{question:?}") };
        ranking
    }

    fn covered() -> TestCoverage {
        let text = r#"{"tests": ["tests/t.py::test_one", "tests/t.py::test_two"], "files": {"src.py": {
            "statements": [1, 3, 6, 7], "imported": [1, 6], "tests": {"3": [0], "7": [1]}}}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_ranking_knows_nothing_of_the_bug() {
        let diff = b"--- a/src.py\n+++ b/src.py\n@@ -3 +3 @@\n-    return 1\n+    return 2\n";
        let protocol = protocol().with_coverage(covered());
        assert_eq!(ask(&protocol, &bug(b"")), ask(&protocol, &bug(diff)));
    }

    #[test]
    fn every_edit_of_the_shown_text_is_the_edit_of_the_file() {
        let (protocol, bug) = (protocol(), bug(b""));
        let question = ask(&protocol, &bug);
        let ranking = ranking(&question);
        assert!(!ranking.text.contains("One."), "{}", ranking.text);
        assert_eq!((ranking.edits.len(), question.context.len()), (4, 4));
        for (at, edit) in ranking.edits.iter().enumerate() {
            let draw = RankedDraw::new(vec![TokenEdit::new(1, vec![1], vec![2]); 4], at, -1.0, 0);
            let answer =
                Completion::new(vec![at.to_string()], FinishReason::Stop).with_ranked(draw);
            let tree = protocol.repair(&bug, &question.context, &answer).unwrap();
            let text = tree.get("src.py").unwrap().text().unwrap();
            let removed =
                |text: &str| text.replace("    \"\"\"One.\"\"\"\n", "").replace("\n\n\n", "\n");
            assert_eq!(removed(text), ranking.edited(at), "{edit:?}");
        }
    }

    #[test]
    fn only_what_a_failing_test_executes_is_edited() {
        let question = ask(&protocol().with_coverage(covered()), &bug(b""));
        let ranking = ranking(&question);
        assert!(ranking.text.starts_with("def one"), "{}", ranking.text);
        assert_eq!(ranking.edits.len(), 2);
        assert!(question.context.iter().all(|edit| edit.range.end < 50), "{:?}", question.context);
    }

    #[test]
    fn without_an_edit_every_attempt_fails() {
        let protocol = RankEdits::new(Digits, RankEditsConfig::default());
        let mut bug = bug(b"");
        bug.tree = Tree::from_files([(path(), File::new(*b"def one():\n    raise\n"))]).unwrap();
        let question = ask(&protocol, &bug);
        assert_eq!(question.answer, [Segment::Forced("none".to_owned())]);
        let answer = Completion::new(vec!["none".to_owned()], FinishReason::Stop);
        assert!(protocol.repair(&bug, &question.context, &answer).is_err());
    }
}
