//! A run that is stopped at any moment goes on as if nothing had happened.

mod toy;

use std::path::Path;

use ssr_rl::{Error, Event, RunDir, Start, Summary};
use toy::{Files, ToyInjector, ToyLearner, ToyPlay, config, contents, play, play_with};

const COMPARED: [&str; 3] = ["bugs", "episodes", "checkpoints"];

/// The compared folders and the summary of a run that nothing stopped.
type Reference = ([Files; 3], Summary);

fn reference(folder: &Path) -> Reference {
    let path = folder.join("reference");
    let summary = play(config()).run(&path, Start::Fresh, &()).unwrap();
    (COMPARED.map(|name| contents(&path.join(name))), summary)
}

fn assert_same(path: &Path, summary: Summary, (files, expected): &Reference) {
    for (name, expected) in COMPARED.iter().zip(files) {
        assert!(contents(&path.join(name)) == *expected, "{name} differs");
    }
    let timeless = |summary: &Summary| {
        let mut summary = summary.clone();
        (summary.seconds, summary.test_cycles, summary.test_cycles_per_second) = (0.0, 0, 0.0);
        summary.run_dir.clear();
        summary
    };
    assert_eq!(timeless(&summary), timeless(expected));
}

fn learner(change: impl FnOnce(&mut ToyLearner)) -> ToyPlay {
    let mut learner = ToyLearner::new();
    change(&mut learner);
    play_with(ToyInjector::default(), learner, config())
}

#[test]
fn two_steps_and_two_more_are_four() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, path) = (reference(folder.path()), folder.path().join("run"));
    play(config().with_steps(2)).run(&path, Start::Fresh, &()).unwrap();
    let summary = play(config()).run(&path, Start::Resume, &()).unwrap();
    assert_same(&path, summary, &reference);
    // Nothing is left to do, and nothing changes.
    let again = play(config()).run(&path, Start::Resume, &()).unwrap();
    assert_same(&path, again, &reference);
}

#[test]
fn a_run_that_dies_while_it_learns_or_saves_loses_that_step_only() {
    let folder = tempfile::tempdir().unwrap();
    let reference = reference(folder.path());
    for (name, mut dying) in [
        ("learning", learner(|learner| learner.fail_learn_at = Some(2))),
        ("saving", learner(|learner| learner.fail_save_at = Some(3))),
        ("saving the first", learner(|learner| learner.fail_save_at = Some(1))),
    ] {
        let path = folder.path().join(name);
        assert!(dying.run(&path, Start::Fresh, &()).is_err());
        let summary = play(config()).run(&path, Start::Resume, &()).unwrap();
        assert_same(&path, summary, &reference);
    }
}

#[test]
fn what_an_unfinished_step_left_is_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, path) = (reference(folder.path()), folder.path().join("run"));
    play(config().with_steps(2)).run(&path, Start::Fresh, &()).unwrap();
    // All that a kill can leave between the writes of step 3.
    let write = |name: &str, data: &[u8]| {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, data).unwrap();
    };
    write("bugs/.unfinished-abc/test_script.sh", b"half");
    write("bugs/abc/bug.json", br#"{"step": 3}"#);
    write("bugs/def/test_script.sh", b"no record");
    write("episodes/000003.jsonl", b"{\"half\": ");
    write("episodes/.unfinished-000003.jsonl", b"");
    write("checkpoints/.unfinished-3/skill", b"9");
    write(".unfinished-report.html", b"<");
    let mut metrics = std::fs::read(path.join("metrics.jsonl")).unwrap();
    metrics.extend(b"{\"step\":3,\"solv");
    write("metrics.jsonl", &metrics);
    let summary = play(config()).run(&path, Start::Resume, &()).unwrap();
    assert_same(&path, summary, &reference);
    let names: Vec<_> = contents(&path).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.contains("unfinished")), "{names:?}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, path) = (reference(folder.path()), folder.path().join("run"));
    play(config().with_steps(3)).run(&path, Start::Fresh, &()).unwrap();
    std::fs::write(path.join("checkpoints/3/skill"), "7").unwrap();
    let warnings = std::sync::Mutex::new(Vec::new());
    let progress = |event: Event<'_>| match event {
        Event::Warning(text) => warnings.lock().unwrap().push(text.to_owned()),
        Event::Started { finished, .. } => assert_eq!(finished, 2),
        _ => {}
    };
    let summary = play(config()).run(&path, Start::Resume, &progress).unwrap();
    assert_same(&path, summary, &reference);
    let warnings = warnings.into_inner().unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("skill is damaged"), "{warnings:?}");

    for step in 2..=4 {
        std::fs::write(path.join(format!("checkpoints/{step}/state.json")), "{").unwrap();
    }
    let error = play(config()).run(&path, Start::Resume, &()).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }) && error.to_string().contains("remove"));
}

#[test]
fn a_folder_is_neither_overwritten_nor_resumed_as_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let error = play(config()).run(&path, Start::Resume, &()).unwrap_err();
    assert!(error.to_string().contains("no run to resume"), "{error}");
    play(config().with_steps(1)).run(&path, Start::Fresh, &()).unwrap();
    let error = play(config()).run(&path, Start::Fresh, &()).unwrap_err();
    assert!(error.to_string().contains("holds a run already"), "{error}");
    for (other, named) in
        [(config().with_seed(9), "seed = 9"), (config().with_group(3), "group = 3")]
    {
        let error = play(other).run(&path, Start::Resume, &()).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    let metrics = std::fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    std::fs::write(path.join("metrics.jsonl"), format!("{metrics}no json\n")).unwrap();
    let error = play(config()).run(&path, Start::Resume, &()).unwrap_err();
    assert!(error.to_string().contains("line 2 is damaged"), "{error}");
    std::fs::remove_file(path.join("metrics.jsonl")).unwrap();
    let error = play(config()).run(&path, Start::Resume, &()).unwrap_err();
    assert!(matches!(error, Error::RunDir { .. }), "{error}");
    std::fs::write(path.join("metrics.jsonl"), metrics).unwrap();
    std::fs::write(path.join("run.toml"), "package = 3").unwrap();
    let error = play(config()).run(&path, Start::Resume, &()).unwrap_err();
    assert!(matches!(error, Error::ConfigSyntax { .. }), "{error}");
    assert!(RunDir::open(&path).is_err());
}
