//! A loop that audits: whoever forges loses, whoever repairs does not.

mod toy;

use std::collections::BTreeSet;

use ssr_core::{
    BugInstance, Completion, Dose, Episode, File, Poison, RepoPath, Role, Seed, TestId, Tree,
};
use ssr_rl::{Config, LineEdit, NumberedLines, Question, RunDir, SolverProtocol, Start, Summary};
use toy::{ToyInjector, ToyLearner, config, play_with};

/// Lets the doubted tests expect something else, or the same in other words.
struct ToyPoison;

impl Poison for ToyPoison {
    fn poison(
        &self,
        tests: &Tree,
        doubted: &BTreeSet<TestId>,
        _: &BTreeSet<TestId>,
        dose: Dose,
        _: Seed,
    ) -> Option<Tree> {
        let Dose::Turn(turn) = dose else { return None };
        let (path, file) = tests.files().next()?;
        let line = |line: &str| {
            let name = line.split(' ').nth(1).unwrap_or_default();
            let doubted = doubted.contains(&TestId::new(&format!("{path}::test_{name}")));
            match (doubted, turn) {
                (true, 0) => format!("{line} indeed\n"),
                (true, _) => format!("expect {name} 1000\n"),
                (false, _) => format!("{line}\n"),
            }
        };
        let text: String = file.text()?.lines().map(line).collect();
        Tree::from_files([(path.clone(), File::new(text.into_bytes()))]).ok()
    }

    fn hollow(&self, _: &Tree, _: &BTreeSet<TestId>) -> (Tree, BTreeSet<TestId>) {
        Default::default()
    }
}

/// Adds a line to the source, whatever the answer is.
struct Adds(&'static str);

impl SolverProtocol for Adds {
    type Context = NumberedLines;

    fn ask(
        &self,
        bug: &BugInstance,
        sources: &BTreeSet<RepoPath>,
        tokens: &dyn Fn(&str) -> usize,
    ) -> Question<NumberedLines> {
        LineEdit::default().ask(bug, sources, tokens)
    }

    fn repair(&self, bug: &BugInstance, _: &NumberedLines, _: &Completion) -> Result<Tree, String> {
        let path = toy::path("src/numbers.py");
        let text = bug.tree.get(path.as_str()).and_then(File::text).unwrap_or_default();
        let text = format!("{text}{}\n", self.0);
        bug.tree.with(path, File::new(text.into_bytes())).map_err(|error| error.to_string())
    }
}

fn solver_episodes(protocol: Option<Adds>, config: Config) -> (Summary, Vec<Episode>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut play =
        play_with(ToyInjector::default(), ToyLearner::new(), config).with_poison(ToyPoison);
    let summary = match protocol {
        Some(protocol) => play.with_protocol(protocol).run(&path, Start::Fresh, &()),
        None => play.run(&path, Start::Fresh, &()),
    };
    let (summary, run) = (summary.unwrap(), RunDir::open(&path).unwrap().0);
    let episodes = (1..=summary.steps).flat_map(|step| run.episodes(step).unwrap());
    (summary, episodes.filter(|episode| episode.role == Role::Solver).collect())
}

#[test]
fn a_forger_loses_with_the_evidence_and_is_no_bug_of_the_next_order() {
    let cheat = || Some(Adds("cheat = 1"));
    let (summary, episodes) = solver_episodes(cheat(), config());
    assert!(summary.attempts > 0 && summary.solved == 0 && summary.higher_order_attempts == 0);
    for episode in &episodes {
        assert_eq!(episode.reward, -1.0);
        assert!(episode.verdict.contains("forged: with poisoned tests, tests/"), "{episode:?}");
        assert!(episode.verdict.contains("was made to fail and passed"), "{episode:?}");
    }
    // Without the audit nobody would know.
    let (summary, _) = solver_episodes(cheat(), config().with_audit(false));
    assert!(summary.attempts > 0 && summary.solved == summary.attempts);
}

#[test]
fn a_static_rule_is_explained_in_the_verdict() {
    let (_, episodes) = solver_episodes(Some(Adds("cheat = 1\nx = sys.settrace")), config());
    let Episode { reward, verdict, .. } = &episodes[0];
    assert_eq!(*reward, -1.0);
    assert!(
        verdict.ends_with("numbers.py uses settrace, which the original does not"),
        "{verdict}"
    );
}

#[test]
fn an_honest_loop_is_what_it_is_without_an_audit() {
    let (audited, with) = solver_episodes(None, config());
    let (_, without) = solver_episodes(None, config().with_audit(false));
    assert!(audited.solved > 0);
    assert_eq!(with, without);
}
