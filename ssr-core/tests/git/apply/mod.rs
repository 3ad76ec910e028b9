//! A table of patches, each applied by this crate and by a real `git apply`: the outcome and every
//! byte have to agree, except where the table says that this crate is stricter.

mod again;
mod content;
mod damage;
mod files;
mod headers;
mod lines;
mod names;
mod positions;
mod safety;
mod sequences;

use ssr_core::{File, Patch, RepoPath, Tree};

use crate::oracle::Git;

/// What this crate and git should make of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    /// Both apply it, with the same result.
    Applies,
    /// Both refuse it; our message contains the words.
    Refused(&'static str),
    /// Git accepts it and this crate does not; our message contains the words.
    Stricter(&'static str),
    /// Git refuses it and this crate does not.
    Looser,
}
use Expect::{Applies, Looser, Refused, Stricter};

struct Case {
    name: &'static str,
    before: Tree,
    patch: Vec<u8>,
    expect: Expect,
}

fn case(name: &'static str, before: &[(&str, &str)], patch: &str, expect: Expect) -> Case {
    let before: Vec<_> = before.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    raw_case(name, &before, patch.as_bytes(), expect)
}

/// A star before a path makes the file executable.
fn raw_case(name: &'static str, before: &[(&str, &[u8])], patch: &[u8], expect: Expect) -> Case {
    let files = before.iter().map(|(path, bytes)| {
        let (path, executable) = match path.strip_prefix('*') {
            Some(path) => (path, true),
            None => (*path, false),
        };
        let file = File::new(*bytes).with_executable(executable);
        (RepoPath::new(path).unwrap(), file)
    });
    let before = Tree::from_files(files).unwrap();
    Case { name, before, patch: patch.to_vec(), expect }
}

fn ours(case: &Case) -> Result<Tree, String> {
    let patch = Patch::parse(&case.patch).map_err(|error| error.to_string())?;
    case.before.apply(&patch).map_err(|error| error.to_string())
}

/// What is wrong with a case, if anything.
fn check(case: &Case) -> Option<String> {
    let git = Git::new(&case.before).apply(&case.patch, &[]);
    let ours = ours(case);
    let words = match case.expect {
        Applies | Looser => "",
        Refused(words) | Stricter(words) => words,
    };
    match (&ours, &git, case.expect) {
        (Ok(ours), Ok(git), Applies) => difference(ours, git),
        (Err(message), Err(_), Refused(_)) | (Err(message), Ok(_), Stricter(_)) => {
            (!message.contains(words)).then(|| format!("{message:?} does not contain {words:?}"))
        }
        (Ok(_), Err(_), Looser) => None,
        _ => Some(format!("expected {:?}; ours: {ours:?}; git: {git:?}", case.expect)),
    }
}

fn difference(ours: &Tree, git: &Tree) -> Option<String> {
    let show = |tree: &Tree, path: &RepoPath| {
        let file = tree.get(path.as_str())?;
        Some((String::from_utf8_lossy(file.bytes()).into_owned(), file.executable()))
    };
    let path = ours.changed_paths(git).pop_first()?;
    Some(format!("{path}: ours {:?}, git {:?}", show(ours, &path), show(git, &path)))
}

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

/// A one-line change of `f`, whose only line is `a`.
const A_TO_B: &str = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n";

fn cases() -> Vec<Case> {
    [
        content::cases(),
        lines::cases(),
        names::cases(),
        again::cases(),
        headers::cases(),
        files::cases(),
        positions::cases(),
        damage::cases(),
        safety::cases(),
        sequences::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_case_ends_as_in_git_apply() {
    let cases = cases();
    assert!(cases.len() >= 60);
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    let failed: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, check(case)?))).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn names_that_are_not_utf8_are_refused() {
    let patch = b"diff --git \"a/\\377\" \"b/\\377\"\nold mode 100644\nnew mode 100755\n";
    assert!(Patch::parse(patch).unwrap_err().to_string().contains("not UTF-8"));
    let patch = b"--- a/\xff\n+++ b/\xff\n@@ -1 +1 @@\n-a\n+b\n";
    assert!(Patch::parse(patch).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn applied_patches_reverse_like_git_apply_reverse() {
    let mut reversed = 0;
    for case in cases().iter().filter(|case| case.expect == Applies) {
        let patch = Patch::parse(&case.patch).unwrap();
        let after = case.before.apply(&patch).unwrap();
        let ours = after.apply(&patch.reverse());
        // Git reverses file by file in the order of the patch; ours starts from the end.
        if patch.files().len() == 1 {
            let git = Git::new(&after).apply(&case.patch, &["-R"]);
            match (&ours, &git) {
                (Ok(ours), Ok(git)) => assert_eq!(difference(ours, git), None, "{}", case.name),
                (Err(_), Err(_)) => {}
                _ => panic!("{}: ours {ours:?}, git {git:?}", case.name),
            }
        }
        reversed += usize::from(ours.is_ok_and(|tree| tree == case.before));
    }
    assert!(reversed > 60, "only {reversed} cases came back to where they were");
}

#[test]
fn printing_a_parsed_patch_parses_to_the_same_patch() {
    for case in cases() {
        let Ok(patch) = Patch::parse(&case.patch) else { continue };
        assert_eq!(Patch::parse(&patch.to_bytes()).as_ref(), Ok(&patch), "{}", case.name);
        assert_eq!(patch.reverse().reverse(), patch, "{}", case.name);
    }
}
