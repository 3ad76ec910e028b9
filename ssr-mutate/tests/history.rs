//! Reverts equal those of git, and change source files only.
#![cfg(feature = "history")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use ssr_core::{File, Patch, Seed, Tree};
use ssr_mutate::{Error, History, HistoryBounds, MutateErrorKind, ScaleOperator};

/// A git repository with files that change from commit to commit.
struct Repo(tempfile::TempDir);

impl Repo {
    fn new() -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn try_git(&self, arguments: &[&str]) -> Option<String> {
        let run = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Hashes and with them the draws are the same in every run.
            .env("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
            .output()
            .unwrap();
        run.status.success().then(|| String::from_utf8_lossy(&run.stdout).into_owned())
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.try_git(arguments).unwrap_or_else(|| panic!("git {arguments:?} failed"))
    }

    /// Commits these files, where `None` deletes one.
    fn commit(&self, message: &str, files: &[(&str, Option<&str>)]) {
        for (path, text) in files {
            let path = self.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text {
                Some(text) => std::fs::write(path, text).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    fn history(&self) -> History {
        let bounds = HistoryBounds::default().with_min_lines(1);
        History::read(self.path(), &bounds).unwrap()
    }

    /// What `git revert -n` leaves of the file, `None` where it is gone; the tree is reset after.
    fn reverted(&self, commits: &[&str], path: &str) -> Option<Option<Vec<u8>>> {
        let mut arguments = vec!["revert", "-n"];
        arguments.extend(commits);
        let clean = self.try_git(&arguments).is_some();
        let file = std::fs::read(self.path().join(path)).ok();
        self.try_git(&["revert", "--abort"]);
        self.git(&["reset", "-q", "--hard", "HEAD"]);
        clean.then_some(file)
    }
}

fn text<'a>(tree: &'a Tree, path: &str) -> Option<&'a str> {
    tree.get(path).and_then(File::text)
}

const FIRST: &str =
    "def a(x):\n    return x\n\n\ndef b(x):\n    return x\n\n\ndef c(x):\n    return x\n";

/// Repairs of `a`, `b` and `c` with a test each, and a file that comes and goes.
fn repository() -> Repo {
    let repo = Repo::new();
    let code = |a: &str, b: &str, c: &str| {
        let mut text = FIRST.to_owned();
        for (name, body) in [("a", a), ("b", b), ("c", c)] {
            let old = format!("def {name}(x):\n    return x\n");
            text = text.replace(&old, &format!("def {name}(x):\n    return {body}\n"));
        }
        text
    };
    repo.commit("Start", &[("pkg/m.py", Some(FIRST)), ("README.md", Some("m\n"))]);
    repo.commit(
        "Repair a and c",
        &[
            ("pkg/m.py", Some(&code("x + 1", "x", "x + 3"))),
            ("tests/test_m.py", Some("def test_a():\n    assert a(1) == 2\n")),
        ],
    );
    repo.commit("Add n", &[("pkg/n.py", Some("def n():\n    return 1\n"))]);
    repo.commit("Repair b", &[("pkg/m.py", Some(&code("x + 1", "x * 2", "x + 3")))]);
    repo.commit("Say more", &[("README.md", Some("more\n"))]);
    repo.commit("Repair a again", &[("pkg/m.py", Some(&code("x + 10", "x * 2", "x + 3")))]);
    repo
}

#[test]
fn candidates_change_sources_and_are_listed_newest_first() {
    let history = repository().history();
    let summaries: Vec<_> = history.commits().iter().map(|c| c.summary()).collect();
    assert_eq!(summaries, ["Repair a again", "Repair b", "Add n", "Repair a and c"]);
    let oldest = &history.commits()[3];
    assert_eq!(oldest.tests()[0].as_str(), "tests/test_m.py");
    assert_eq!(oldest.sources().map(|path| path.as_str()).collect::<Vec<_>>(), ["pkg/m.py"]);
    assert_eq!(oldest.lines(), 4);
    assert_eq!(history.tree().len(), 4);
}

#[test]
fn bounds_leave_commits_out() {
    let repo = repository();
    let count = |change: fn(HistoryBounds) -> HistoryBounds| {
        let bounds = change(HistoryBounds::default());
        History::read(repo.path(), &bounds).unwrap().commits().len()
    };
    assert_eq!(count(|bounds| bounds), 4);
    assert_eq!(count(|bounds| bounds.with_tests(true)), 1);
    assert_eq!(count(|bounds| bounds.with_max_lines(3)), 3);
    assert_eq!(count(|bounds| bounds.with_min_lines(3)), 1);
    assert_eq!(count(|bounds| bounds.with_commits(2)), 2);
    assert_eq!(count(|bounds| bounds.with_scanned(1)), 1);
    assert_eq!(count(|bounds| bounds.with_files(0)), 0);
    assert_eq!(count(|bounds| bounds.with_file_bytes(30)), 1);
}

#[test]
fn a_revert_equals_git_revert_in_the_sources_and_keeps_the_tests() {
    let repo = repository();
    let history = repo.history();
    let mut compared = 0;
    for commit in history.commits() {
        let bug = history.revert(commit).unwrap();
        let broken = history.tree().apply(bug.patch()).unwrap();
        assert_eq!(bug.commits(), [commit.id()]);
        assert!(bug.paths().iter().all(|path| path.as_str().starts_with("pkg/")));
        for path in commit.sources() {
            if let Some(expected) = repo.reverted(&[commit.id()], path.as_str()) {
                let ours = broken.get(path.as_str()).map(|file| file.bytes().to_vec());
                assert_eq!(ours, expected, "{}", bug.describe());
                compared += 1;
            }
        }
        assert!(broken.apply(&bug.patch().reverse()).unwrap() == *history.tree());
    }
    assert_eq!(compared, 3);
    assert_eq!(text(history.tree(), "tests/test_m.py").unwrap().lines().count(), 2);
}

#[test]
fn where_a_whole_commit_conflicts_its_other_hunks_are_reverted() {
    let repo = repository();
    let history = repo.history();
    let commit = &history.commits()[3];
    // `a` was repaired again since, so git gives up.
    assert_eq!(repo.reverted(&[commit.id()], "pkg/m.py"), None);
    let bug = history.revert(commit).unwrap();
    let broken = history.tree().apply(bug.patch()).unwrap();
    let code = text(&broken, "pkg/m.py").unwrap();
    assert!(
        code.contains("return x + 10\n") && code.contains("def c(x):\n    return x\n"),
        "{code}"
    );
    assert!(bug.describe().contains("1 of 2 hunks"), "{}", bug.describe());
}

#[test]
fn some_hunks_of_a_commit_are_reverted_by_the_seed() {
    let repo = Repo::new();
    let lines =
        |new: &str| (0..60).map(|n| format!("v{n} = {new}{}\n", n % 20)).collect::<String>();
    let mixed = |every: usize| {
        let new = |n: usize| {
            if n.is_multiple_of(every) {
                format!("v{n} = f(v{n})\n")
            } else {
                format!("v{n} = {}\n", n % 20)
            }
        };
        (0..60).map(new).collect::<String>()
    };
    repo.commit("Start", &[("a.py", Some(&lines(""))), ("b.py", Some(&lines("")))]);
    repo.commit("Change", &[("a.py", Some(&mixed(10))), ("b.py", Some(&mixed(20)))]);
    let history = repo.history();
    let commit = &history.commits()[0];
    let whole = history.revert(commit).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..40 {
        let bug = history.revert_hunks(commit, Seed::new(seed)).unwrap();
        assert_eq!(Some(&bug), history.revert_hunks(commit, Seed::new(seed)).as_ref());
        let (added, removed) = bug.patch().line_counts();
        let all = whole.patch().line_counts();
        assert!(added == removed && (1..all.0).contains(&added), "{}", bug.patch());
        // Each reverted line is one of those that the whole revert brings back.
        let broken = history.tree().apply(bug.patch()).unwrap();
        let reverted = history.tree().apply(whole.patch()).unwrap();
        for path in ["a.py", "b.py"] {
            let sides = [history.tree(), &broken, &reverted].map(|tree| text(tree, path).unwrap());
            let [now, mixed, old] = sides.map(|side| side.lines().collect::<Vec<_>>());
            assert!((0..60).all(|n| mixed[n] == now[n] || mixed[n] == old[n]));
        }
        seen.insert(bug.id());
    }
    assert!(seen.len() > 20, "{}", seen.len());
    assert!(
        repository().history().commits()[..3]
            .iter()
            .all(|c| { repository().history().revert_hunks(c, Seed::new(1)).is_none() }),
        "a commit of one hunk has no part"
    );
}

#[test]
fn related_commits_are_reverted_together_as_git_does() {
    let repo = repository();
    let history = repo.history();
    let commits = history.commits();
    let bug = history.revert_related(&commits[0], 3, Seed::new(1)).unwrap();
    let broken = history.tree().apply(bug.patch()).unwrap();
    // Together nothing conflicts: the later repair of `a` goes first.
    assert_eq!(text(&broken, "pkg/m.py"), Some(FIRST));
    let ids: Vec<_> = [0, 1, 3].iter().map(|index| commits[*index].id()).collect();
    assert_eq!(bug.commits(), ids);
    let expected = repo.reverted(&ids, "pkg/m.py").unwrap();
    assert_eq!(expected.as_deref(), Some(FIRST.as_bytes()));
    assert_eq!(history.revert_related(&commits[0], 4, Seed::new(1)), None, "n.py is not related");
    assert_eq!(history.revert_related(&commits[2], 2, Seed::new(1)), None);
}

#[test]
fn commits_of_the_same_function_are_more_related_than_those_of_the_same_file() {
    let repo = repository();
    let history = repo.history();
    let commits = history.commits();
    let ids = [commits[0].id().to_owned(), commits[3].id().to_owned()];
    for seed in 0..10 {
        let bug = history.revert_related(&commits[0], 2, Seed::new(seed)).unwrap();
        assert_eq!(bug.commits(), ids, "both repair a");
    }
}

#[test]
fn files_that_a_commit_added_removed_or_made_executable_go_back() {
    let repo = Repo::new();
    let one = "def one():\n    return 1\n";
    repo.commit("Start", &[("pkg/one.py", Some(one)), ("pkg/three.py", Some(one))]);
    repo.commit("Remove", &[("pkg/one.py", None), ("pkg/two.py", Some("x = 2\ny = 3\n"))]);
    let history = repo.history();
    let bug = history.revert(&history.commits()[0]).unwrap();
    let broken = history.tree().apply(bug.patch()).unwrap();
    assert_eq!(text(&broken, "pkg/one.py"), Some(one));
    assert!(!broken.contains("pkg/two.py"));
    assert_eq!(Patch::parse(&bug.patch().to_bytes()).unwrap(), *bug.patch());

    // What was changed after it came is not taken away.
    repo.commit("Change", &[("pkg/two.py", Some("x = 2\ny = 4\n"))]);
    let history = repo.history();
    let bug = history.revert(&history.commits()[1]).unwrap();
    let broken = history.tree().apply(bug.patch()).unwrap();
    assert!(broken.contains("pkg/one.py") && broken.contains("pkg/two.py"));
}

#[test]
fn samples_are_different_bugs_and_depend_on_the_seed_alone() {
    let repo = repository();
    let history = repo.history();
    let all = [ScaleOperator::Commit, ScaleOperator::Hunks, ScaleOperator::Commits];
    let bugs = history.sample(&all, usize::MAX, Seed::new(4));
    assert_eq!(bugs, repo.history().sample(&all, usize::MAX, Seed::new(4)));
    assert_eq!(bugs[..2], history.sample(&all, 2, Seed::new(4)));
    let patches: BTreeSet<_> = bugs.iter().map(|bug| bug.patch().to_bytes()).collect();
    assert_eq!(patches.len(), bugs.len());
    assert!(bugs.len() >= 4, "{bugs:#?}");
    assert!(history.sample(&[ScaleOperator::Body], 3, Seed::new(4)).is_empty());
}

#[test]
fn reading_leaves_the_repository_as_it_was_and_says_what_is_wrong() {
    let repo = repository();
    let objects = || repo.git(&["count-objects", "-v"]);
    let before = objects();
    let history = repo.history();
    let _ = history.sample(&[ScaleOperator::Commit, ScaleOperator::Commits], 9, Seed::new(1));
    assert_eq!(objects(), before);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");

    let nothing = tempfile::tempdir().unwrap();
    for path in [nothing.path(), Repo::new().path(), Path::new("/nowhere")] {
        let error = History::read(path, &HistoryBounds::default()).unwrap_err();
        assert!(matches!(error, Error::History { .. }), "{error}");
        assert_eq!(error.kind(), MutateErrorKind::Repository);
        assert!(std::error::Error::source(&error).is_some(), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_skipped_and_named() {
    let repo = Repo::new();
    std::os::unix::fs::symlink("a.py", repo.path().join("link.py")).unwrap();
    repo.commit("Start", &[("a.py", Some("x = 1\n"))]);
    let history = repo.history();
    assert_eq!(history.skipped(), ["link.py"]);
    assert_eq!(history.tree().len(), 1);
}
