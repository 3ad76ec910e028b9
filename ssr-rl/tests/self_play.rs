//! The whole loop in a toy world.

mod toy;

use std::collections::BTreeMap;
use std::sync::Mutex;

use ssr_core::{
    BugArtifact, Episode, File, Limits, RepoPath, Role, Sandbox, SandboxError, Suites, Tree,
};
use ssr_rl::{Config, Error, Event, Repository, RunDir, SelfPlay, SolverKind, Start, Summary};
use toy::{ToyInjector, ToyLearner, ToySandbox, ToyWorkspace, config, contents, play, play_with};

struct Ran {
    summary: Summary,
    run: RunDir,
    folder: tempfile::TempDir,
}

fn run_with(injector: ToyInjector, config: Config) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut play = play_with(injector, ToyLearner::new(), config);
    let summary = play.run(&path, Start::Fresh, &()).unwrap();
    Ran { summary, run: RunDir::open(&path).unwrap().0, folder }
}

fn run(config: Config) -> Ran {
    run_with(ToyInjector::default(), config)
}

fn episodes(ran: &Ran) -> Vec<Episode> {
    (1..=ran.summary.steps).flat_map(|step| ran.run.episodes(step).unwrap()).collect()
}

#[test]
fn rewards_follow_the_papers_table() {
    let ran = run(config());
    let episodes = episodes(&ran);
    let mut groups: BTreeMap<(u64, &str), (usize, usize)> = BTreeMap::new();
    for episode in episodes.iter().filter(|episode| episode.role == Role::Solver) {
        assert!(episode.reward == 1.0 || episode.reward == -1.0);
        let group = groups.entry((episode.step, episode.bug.as_deref().unwrap())).or_default();
        group.0 += usize::from(episode.reward == 1.0);
        group.1 += 1;
    }
    let (mut invalid, mut valid) = (0, 0);
    for episode in episodes.iter().filter(|episode| episode.role == Role::Injector) {
        let Some(bug) = episode.bug.as_deref() else {
            assert_eq!(episode.reward, -1.0, "{}", episode.verdict);
            assert!(episode.verdict.starts_with("bug_validity"), "{}", episode.verdict);
            invalid += 1;
            continue;
        };
        let (solved, attempts) = groups[&(episode.step, bug)];
        let expected = match solved {
            0 | 4 => -0.8,
            solved => 1.0 - 1.8 * solved as f64 / 4.0,
        };
        assert_eq!(attempts, 4);
        assert!((episode.reward - expected).abs() < 1e-12, "{}", episode.verdict);
        valid += 1;
    }
    // `unseen` is tested by nothing, so that raising it is no bug.
    assert_eq!((ran.summary.bugs_proposed, ran.summary.bugs_valid), (valid + invalid, valid));
    assert!(valid > 0 && invalid > 0);
    assert_eq!(ran.summary.rejections, BTreeMap::from([("bug_validity".to_owned(), invalid)]));
    assert!(ran.summary.solved > 0 && ran.summary.solved < ran.summary.attempts);
    assert!(ran.folder.path().join("run/report.html").exists());
}

#[test]
fn a_run_folder_holds_what_the_design_says() {
    let ran = run(config());
    let names: Vec<String> = contents(ran.run.path()).into_iter().map(|(name, _)| name).collect();
    for name in ["run.toml", "metrics.jsonl", "episodes/000001.jsonl", "checkpoints/4/state.json"] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
    assert!(names.iter().all(|name| !name.contains("unfinished")), "{names:?}");
    // The oldest of four checkpoints is gone.
    assert!(!names.iter().any(|name| name.starts_with("checkpoints/1/")));
    for id in ran.run.bugs().unwrap() {
        let folder = ran.run.path().join("bugs").join(&id);
        let files = contents(&folder).into_iter();
        let files = files.map(|(name, data)| (RepoPath::new(&name).unwrap(), File::new(data)));
        let artifact = BugArtifact::from_tree(&Tree::from_files(files).unwrap()).unwrap();
        let record = std::fs::read(folder.join("bug.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["id"], id.as_str());
        if record["order"] == 1 {
            assert_eq!(artifact.hash(), id);
            assert_eq!(record["verdict"]["verdicts"].as_array().unwrap().len(), 7);
            assert_eq!(record["provenance"]["strategy"], "operators");
        } else {
            assert!(record["parent"].is_string() && record["failed_repair"].is_string());
        }
        assert_eq!(record["f2p"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn failed_repairs_become_bugs_of_the_second_order_and_stay_out_of_the_solve_rate() {
    let ran = run(config().with_steps(6));
    let lines = ran.run.metrics().unwrap();
    let promoted: u64 = lines.iter().map(|line| line.higher_order_bugs).sum();
    assert!(promoted > 0 && lines.iter().all(|line| line.higher_order_bugs <= 1));
    assert_eq!(ran.summary.higher_order_attempts, 4 * promoted);
    for line in &lines {
        assert_eq!(line.attempts, 4 * line.bugs_distinct);
        assert_eq!(line.solver_episodes, line.attempts + line.higher_order_attempts);
    }
    let none = run(config().with_higher_order(0));
    assert_eq!(none.summary.higher_order_attempts, 0);
}

#[test]
fn a_broken_machine_drops_episodes_and_never_scores_them() {
    let injector = ToyInjector { with_boom: true, only_boom: false };
    let ran = run_with(injector, config().with_steps(6).with_higher_order(0));
    let lines = ran.run.metrics().unwrap();
    assert!(ran.summary.dropped_episodes > 0);
    for line in &lines {
        assert_eq!(line.injector_episodes + line.dropped_episodes, 6);
        assert_eq!(line.bugs_proposed, line.injector_episodes);
    }
    assert!(episodes(&ran).iter().all(|episode| !episode.trajectory.turns[0].text.contains("05")));

    let injector = ToyInjector { with_boom: false, only_boom: true };
    let folder = tempfile::tempdir().unwrap();
    let mut play = play_with(injector, ToyLearner::new(), config());
    let error = play.run(&folder.path().join("run"), Start::Fresh, &()).unwrap_err();
    assert!(matches!(error, Error::Sandbox(_)), "{error}");
}

#[test]
fn the_oracle_solves_everything_is_labelled_and_is_not_learned_from() {
    let ran = run(config().with_solver(SolverKind::Oracle));
    assert_eq!(ran.summary.solve_rate, Some(1.0));
    assert_eq!(ran.summary.solver, "oracle");
    let manifest = std::fs::read_to_string(ran.run.path().join("run.toml")).unwrap();
    assert!(manifest.contains("solver = \"oracle\""));
    let report = std::fs::read_to_string(ran.run.path().join("report.html")).unwrap();
    assert!(report.contains("Solver: oracle"));
    for line in ran.run.metrics().unwrap() {
        assert_eq!(line.solver, "oracle");
        assert_eq!(line.update.train_episodes as u64, line.injector_episodes);
    }
    for episode in episodes(&ran).iter().filter(|episode| episode.role == Role::Solver) {
        assert!(episode.trajectory.is_empty() && episode.verdict.starts_with("oracle"));
    }
}

#[test]
fn equal_seeds_give_equal_bytes_and_other_seeds_do_not() {
    let bytes = |config: Config| {
        let ran = run(config);
        ["bugs", "episodes", "checkpoints"].map(|name| contents(&ran.run.path().join(name)))
    };
    assert_eq!(bytes(config()), bytes(config()));
    assert_ne!(bytes(config()), bytes(config().with_seed(4)));
}

#[test]
fn observers_hear_every_step_and_every_verdict() {
    let heard = Mutex::new(BTreeMap::<String, usize>::new());
    let folder = tempfile::tempdir().unwrap();
    let progress = |event: Event<'_>| {
        let name = format!("{event:?}");
        let name = name.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
        *heard.lock().unwrap().entry(name).or_default() += 1;
    };
    play(config()).run(&folder.path().join("run"), Start::Fresh, &progress).unwrap();
    let heard = heard.into_inner().unwrap();
    assert_eq!((heard["StepStarted"], heard["StepFinished"], heard["Finished"]), (4, 4, 1));
    assert!(heard["Checked"] >= 4 && heard["Judged"] >= 4, "{heard:?}");
}

/// Why the repository is refused; nothing was written then.
fn refusal(repository: Repository, config: Config) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let suites = Suites::new(ToySandbox, Limits::default());
    let (injector, learner) = (ToyInjector::default(), ToyLearner::new());
    let play = SelfPlay::new(repository, suites, injector, learner, config);
    let error = play.unwrap().run(&path, Start::Fresh, &()).unwrap_err();
    assert!(matches!(error, Error::Repository { .. }) && !path.exists(), "{error}");
    error.to_string()
}

#[test]
fn a_repository_that_cannot_be_played_with_is_refused_with_the_reason() {
    let mut failing = toy::repository();
    let path = toy::path("tests/test_numbers.py");
    failing.tree = failing.tree.with(path, File::new(*b"expect alpha 7\n")).unwrap();
    let text = refusal(failing, config());
    assert!(text.contains("toy==1") && text.contains("failed tests/test_numbers.py"), "{text}");
}

#[test]
fn checks_that_would_fail_with_any_bug_are_no_fault_of_the_injector() {
    let thresholds = config().thresholds.with_min_passing_tests(5);
    let text = refusal(toy::repository(), config().with_thresholds(thresholds));
    assert!(text.contains("script_validity: 4 tests pass originally, 5 are needed"), "{text}");
    let mut unlisted = toy::repository();
    unlisted.test_files.insert(toy::path("tests/test_gone.py"));
    let text = refusal(unlisted, config());
    assert!(text.contains("test_files: tests/test_gone.py"), "{text}");
}

#[test]
fn a_repository_without_source_files_is_refused() {
    let text = refusal(toy::repository().with_sources([]), config());
    assert!(text.contains("no source file"), "{text}");
}

/// Keeps every tree that is opened.
#[derive(Default)]
struct Watched(Mutex<Vec<Tree>>);

impl Sandbox for Watched {
    type Workspace = ToyWorkspace;

    fn open(&self, tree: &Tree) -> Result<ToyWorkspace, SandboxError> {
        self.0.lock().unwrap().push(tree.clone());
        ToySandbox.open(tree)
    }
}

/// Applying a patch makes new bytes of the changed file. The tests run on the buggy tree and on the
/// weakened one: when both share the bytes, the bug was applied once.
#[test]
fn the_bug_of_a_proposal_is_applied_once() {
    let watched = Watched::default();
    let suites = Suites::new(&watched, Limits::default());
    let (injector, learner) = (ToyInjector::default(), ToyLearner::new());
    let config = config().with_steps(1).with_higher_order(0);
    let folder = tempfile::tempdir().unwrap();
    let mut play = SelfPlay::new(toy::repository(), suites, injector, learner, config).unwrap();
    let summary = play.run(&folder.path().join("run"), Start::Fresh, &()).unwrap();
    assert!(summary.bugs_valid > 0);
    let mut sources: BTreeMap<Vec<u8>, Vec<*const u8>> = BTreeMap::new();
    let trees = watched.0.lock().unwrap();
    for file in trees.iter().filter_map(|tree| tree.get("src/numbers.py")) {
        sources.entry(file.bytes().to_vec()).or_default().push(file.bytes().as_ptr());
    }
    let ran_twice = sources.values().filter(|addresses| addresses.len() > 1).count();
    assert!(ran_twice > 0, "no bug ran with and without its weakening");
    for addresses in sources.values() {
        assert!(addresses.iter().all(|address| *address == addresses[0]), "{sources:?}");
    }
}
