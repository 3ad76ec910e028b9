//! What git prints comes back byte for byte and does what git says it does.

use ssr_core::{File, FileChange, FileMode, LineKind, Patch, RepoPath, Tree};

use crate::oracle::Git;

fn tree(files: &[(&str, &[u8], bool)]) -> Tree {
    let file = |bytes: &[u8], executable| File::new(bytes).with_executable(executable);
    let files = files
        .iter()
        .map(|(path, bytes, executable)| (RepoPath::new(path).unwrap(), file(bytes, *executable)));
    Tree::from_files(files).unwrap()
}

/// Every kind of change that git knows for regular files.
fn before_and_after() -> (Tree, Tree) {
    let long: String = (1..=60).map(|n| format!("def f{n}():\n    return {n}\n")).collect();
    let moved = long.replace("return 30\n", "return -30\n");
    let edited = long.replace("return 5\n", "return 6\n").replace("return 50\n", "return 51\n");
    let rewritten: String = (1..=60).map(|n| format!("class C{n}:\n    x = {n}\n")).collect();
    let before = tree(&[
        ("changed.py", long.as_bytes(), false),
        ("copied.py", (long.clone() + "# copied\n").as_bytes(), false),
        ("crlf", b"a\r\nb\rc\r\nd", false),
        ("deleted", b"x\ny", false),
        ("deleted-empty", b"", false),
        ("dir/moved.py", (long.clone() + "# moved\n").as_bytes(), false),
        ("mode", b"m\n", false),
        ("mode and text", b"m\nn\n", true),
        ("no newline", b"a\nb", false),
        ("rewritten.py", long.as_bytes(), false),
        ("ünï \"quoted\"\t", b"u\n", false),
        ("latin1", b"\xe9\n\xe8\n", false),
    ]);
    let after = tree(&[
        ("changed.py", edited.as_bytes(), false),
        ("copied.py", (long.clone() + "# copied\n# here\n").as_bytes(), false),
        ("copy.py", (long.clone() + "# copied\n# there\n").as_bytes(), true),
        ("crlf", b"a\nb\rC\r\nd\r\n", false),
        ("created", b"new\n\nlines", false),
        ("created-empty", b"", true),
        ("dir2/moved here.py", (moved + "# moved\n").as_bytes(), false),
        ("mode", b"m\n", true),
        ("mode and text", b"m\nN\n", false),
        ("no newline", b"a\nb\n", false),
        ("rewritten.py", rewritten.as_bytes(), false),
        ("ünï \"quoted\"\t", b"U\n", false),
        ("latin1", b"\xe9\n\xea\n", false),
    ]);
    (before, after)
}

#[test]
fn what_git_diff_prints_comes_back_and_applies() {
    let (before, after) = before_and_after();
    let git = Git::new(&before);
    git.init(&[]);
    git.commit_all();
    git.write(&after);
    git.commit_all();
    let variants: [&[&str]; 12] = [
        &["diff", "HEAD~", "HEAD"],
        &["diff", "--no-renames", "HEAD~", "HEAD"],
        &["diff", "-M", "-C", "-C", "HEAD~", "HEAD"],
        &["diff", "-B", "--full-index", "HEAD~", "HEAD"],
        &["diff", "-U0", "HEAD~", "HEAD"],
        &["diff", "-U12", "--minimal", "HEAD~", "HEAD"],
        &["diff", "--function-context", "--histogram", "HEAD~", "HEAD"],
        &["-c", "diff.mnemonicPrefix=true", "diff", "HEAD~", "HEAD"],
        &["-c", "core.quotePath=false", "diff", "-M", "HEAD~", "HEAD"],
        &["diff", "--src-prefix=old/", "--dst-prefix=new/", "HEAD~", "HEAD"],
        &["diff", "--inter-hunk-context=9", "--patience", "HEAD~", "HEAD"],
        &["diff", "--text", "--no-ext-diff", "--abbrev=40", "HEAD~", "HEAD"],
    ];
    for args in variants {
        let text = git.run(args);
        let patch = Patch::parse(&text).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        let printed = patch.to_bytes();
        assert!(printed == text, "{args:?}:\n{}", first_difference(&text, &printed));
        if args.contains(&"-U0") {
            continue;
        }
        assert!(before.apply(&patch).unwrap() == after, "{args:?}");
        if !patch.files().iter().any(|file| matches!(file.change(), FileChange::Copy { .. })) {
            let undone = after.apply(&patch.reverse());
            assert!(undone.as_ref() == Ok(&before), "{args:?}: {undone:?}");
        }
    }
}

fn first_difference(a: &[u8], b: &[u8]) -> String {
    let (a, b) = (String::from_utf8_lossy(a), String::from_utf8_lossy(b));
    let differs = a.lines().zip(b.lines()).find(|(a, b)| a != b);
    format!("{differs:?}")
}

#[test]
fn what_git_format_patch_prints_applies() {
    let (before, after) = before_and_after();
    let git = Git::new(&before);
    git.init(&[]);
    git.commit_all();
    git.write(&after);
    git.commit_all();
    let mail = git.run(&["format-patch", "--stdout", "-1"]);
    let patch = Patch::parse(&mail).unwrap();
    assert_eq!(before.apply(&patch).unwrap(), after);
}

#[test]
fn what_diff_prints_applies() {
    let (before, after) = before_and_after();
    let odd = |path: &RepoPath| path.as_str().contains('"');
    let without_odd_names = |tree: &Tree| {
        let files = tree.files().filter(|(path, file)| !odd(path) && !file.bytes().is_empty());
        Tree::from_files(files.map(|(path, file)| (path.clone(), File::new(file.bytes())))).unwrap()
    };
    let (before, after) = (without_odd_names(&before), without_odd_names(&after));
    let folder = Git::new(&Tree::new());
    for (name, tree) in [("old", &before), ("new", &after)] {
        let inside = tree
            .files()
            .map(|(path, file)| (RepoPath::new(&format!("{name}/{path}")).unwrap(), file.clone()));
        for (path, file) in inside {
            let path = folder.path().join(path.as_str());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.bytes()).unwrap();
        }
    }
    let Ok(output) = std::process::Command::new("diff")
        .args(["-uNra", "old", "new"])
        .current_dir(folder.path())
        .output()
    else {
        // Git is everywhere that tests run; GNU diff is not.
        return;
    };
    let patch = Patch::parse(&output.stdout).unwrap();
    assert_eq!(before.apply(&patch).unwrap(), after);
    assert_eq!(patch.to_bytes(), without_command_lines(&output.stdout));
    assert_eq!(after.apply(&patch.reverse()).unwrap(), before);
}

/// `diff -r` prints its own command line before each file, which is prose to a parser.
fn without_command_lines(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"diff -")).flatten().copied().collect()
}

#[test]
fn our_diff_is_taken_by_git_apply() {
    let (before, after) = before_and_after();
    for (before, after) in [(&before, &after), (&after, &before), (&before, &before)] {
        let patch = before.diff(after);
        assert_eq!(Patch::parse(&patch.to_bytes()).as_ref(), Ok(&patch));
        assert_eq!(&before.apply(&patch).unwrap(), after);
        assert_eq!(&after.apply(&patch.reverse()).unwrap(), before);
        if patch.is_empty() {
            assert!(patch.to_bytes().is_empty());
            continue;
        }
        assert_eq!(&Git::new(before).apply(&patch.to_bytes(), &[]).unwrap(), after);
    }
}

#[test]
fn a_patch_shows_what_it_does() {
    let (before, after) = before_and_after();
    let patch = before.diff(&after);
    assert_eq!(patch.touched_paths(), before.changed_paths(&after));
    let file = |path: &str| patch.files().iter().find(|file| file.path().as_str() == path).unwrap();

    let mode = file("mode");
    assert_eq!(
        (mode.old_mode(), mode.new_mode()),
        (Some(FileMode::Regular), Some(FileMode::Executable))
    );
    assert!(mode.hunks().is_empty());

    let created = file("created");
    assert_eq!(created.old_path(), None);
    assert_eq!(created.new_mode(), Some(FileMode::Regular));
    let [hunk] = created.hunks() else { panic!("one hunk") };
    assert_eq!((hunk.old_start(), hunk.old_lines()), (0, 0));
    assert_eq!((hunk.new_start(), hunk.new_lines()), (1, 3));
    let last = hunk.lines().last().unwrap();
    assert_eq!((last.kind, last.bytes), (LineKind::Added, &b"lines"[..]));

    assert_eq!(file("deleted").new_path(), None);
    let changed: Patch =
        patch.files().iter().filter(|f| f.path().as_str() == "changed.py").cloned().collect();
    assert_eq!(changed.line_counts(), (2, 2));
    assert_eq!(changed.files()[0].hunks().len(), 2);
}

#[test]
fn section_headings_are_kept() {
    let text = b"--- a/f\n+++ b/f\n@@ -1 +1 @@ def f():\n-a\n+b\n";
    let patch = Patch::parse(text).unwrap();
    assert_eq!(patch.files()[0].hunks()[0].section(), b"def f():");
    assert_eq!(patch.to_bytes(), text);
    assert_eq!(patch.to_string().as_bytes(), text);
}

#[test]
fn a_hostile_search_ends_with_an_error() {
    let file = File::new("x\n".repeat(40_000).into_bytes());
    let tree = Tree::from_files([(RepoPath::new("f").unwrap(), file)]).unwrap();
    let context = " x\n".repeat(20_000);
    let text = format!("--- a/f\n+++ b/f\n@@ -9,20002 +9,20001 @@\n{context}-x\n y\n");
    let error = tree.apply(&Patch::parse(text.as_bytes()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("takes too long"), "{error}");
}
