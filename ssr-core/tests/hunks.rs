//! Hunks and changes of files that are read or built by hand, over any text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ssr_core::{
    Error, File, FileMode, FilePatch, Hunk, HunkLine, HunkSyntax, LineKind, Patch, RepoPath, Tree,
};

fn kind() -> impl Strategy<Value = LineKind> {
    select(vec![LineKind::Context, LineKind::Removed, LineKind::Added])
}

/// Lines as a file has them, and now and then what is no line.
fn lines() -> impl Strategy<Value = Vec<(LineKind, String)>> {
    let text = prop_oneof![
        6 => "[ab+ -]{0,3}\n",
        1 => "[ab]{0,2}",
        1 => "[ab]\n[-+ ]?[ab]\n",
        1 => Just("\\ No newline at end of file\n".to_owned()),
    ];
    vec((kind(), text), 0..8)
}

fn hunk_of(start: usize, lines: &[(LineKind, String)]) -> Result<Hunk, Error> {
    let lines = lines.iter().map(|(kind, text)| HunkLine { kind: *kind, bytes: text.as_bytes() });
    Hunk::new(start, start, lines)
}

/// Text that is mostly a hunk.
fn text() -> impl Strategy<Value = String> {
    let header = ("[0-9]{0,2}", 0..4u8, "[0-9]{0,2}", 0..4u8)
        .prop_map(|(from, old, to, new)| format!("@@ -{from},{old} +{to},{new} @@ f\n"));
    let line = prop_oneof![
        8 => "[-+ ][ab]?\n",
        1 => Just("\n".to_owned()),
        1 => Just("\\ No newline at end of file\n".to_owned()),
        1 => "[\\\\@?a-]{0,3}\n?",
    ];
    (header, vec(line, 0..8)).prop_map(|(header, lines)| header + &lines.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_hunk_or_an_error(text in prop_oneof![text(), any::<String>()]) {
        for syntax in [HunkSyntax::Git, HunkSyntax::Gnu] {
            match Hunk::parse(text.as_bytes(), syntax) {
                Ok((hunk, length)) => {
                    prop_assert!(Hunk::is_header(text.as_bytes()) && length <= text.len());
                    let count = |without| hunk.lines().filter(|line| line.kind != without).count();
                    prop_assert_eq!(hunk.old_lines(), count(LineKind::Added));
                    prop_assert_eq!(hunk.new_lines(), count(LineKind::Removed));
                    prop_assert_eq!(hunk.reverse().reverse().old_lines(), hunk.old_lines());
                    let printed = hunk.to_bytes();
                    let again = Hunk::parse(&printed, syntax);
                    prop_assert_eq!(again, Ok((hunk, printed.len())));
                }
                Err(Error::PatchSyntax { line, .. }) => {
                    prop_assert!((1..=text.lines().count() + 1).contains(&line), "line {line}");
                }
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
    }

    #[test]
    fn gnu_patch_reads_what_git_reads(text in text()) {
        let Ok((hunk, length)) = Hunk::parse(text.as_bytes(), HunkSyntax::Git) else { return Ok(()) };
        // GNU patch takes any number of lines with a backslash for the end of the hunk.
        let text = &text.as_bytes()[..length];
        prop_assert_eq!(Hunk::parse(text, HunkSyntax::Gnu), Ok((hunk, length)));
    }

    #[test]
    fn a_hunk_that_is_built_has_the_lines_that_were_given(start in 0..9usize, lines in lines()) {
        let Ok(hunk) = hunk_of(start, &lines) else { return Ok(()) };
        let found: Vec<_> = hunk.lines().map(|line| (line.kind, line.bytes.to_vec())).collect();
        let given: Vec<_> = lines.into_iter().map(|(kind, text)| (kind, text.into_bytes())).collect();
        prop_assert_eq!(found, given);
    }

    #[test]
    fn a_change_that_is_built_survives_its_text(
        lines in lines(),
        from in "[a-cü \"]{1,3}",
        to in "[a-c/]{1,3}",
        executable: bool,
    ) {
        let (Ok(from), Ok(to)) = (RepoPath::new(&from), RepoPath::new(&to)) else { return Ok(()) };
        let hunks: Vec<Hunk> = hunk_of(1, &lines).into_iter().collect();
        let (mode, other) = (FileMode::new(executable), FileMode::new(!executable));
        let built = [
            FilePatch::modify(from.clone(), hunks.clone()),
            FilePatch::create(from.clone(), mode, hunks.clone()),
            FilePatch::delete(from.clone(), mode, hunks.clone()),
            FilePatch::rename(from.clone(), to.clone(), hunks.clone()),
            FilePatch::copy(from.clone(), to, hunks),
            FilePatch::change_mode(from, mode, other),
        ];
        for file in built.into_iter().flatten() {
            let patch: Patch = [file].into_iter().collect();
            prop_assert_eq!(Patch::parse(&patch.to_bytes()), Ok(patch.clone()));
            prop_assert_eq!(patch.to_string().parse::<Patch>(), Ok(patch));
        }
    }
}

#[test]
fn gnu_patch_is_lenient_where_git_is_not() {
    let unfinished = b"@@ -1 +1 @@\n-a\n+b";
    assert!(Hunk::parse(unfinished, HunkSyntax::Git).is_err());
    let (hunk, length) = Hunk::parse(unfinished, HunkSyntax::Gnu).unwrap();
    assert_eq!(length, unfinished.len());
    assert_eq!(hunk.to_bytes(), b"@@ -1 +1 @@\n-a\n+b\n");

    let blank = b"@@ -1,2 +1 @@\n-a\n\n\\\n\\ again\nrest\n";
    assert!(Hunk::parse(blank, HunkSyntax::Git).is_ok_and(|(_, length)| length == 18));
    let (hunk, length) = Hunk::parse(blank, HunkSyntax::Gnu).unwrap();
    assert_eq!(length, blank.len() - b"rest\n".len());
    assert_eq!(hunk.lines().last().map(|line| line.bytes), Some(&b""[..]));

    for (text, line) in [
        (&b"@@ -1,2 +1 @@\n-a\n"[..], 3),
        (b"@@ -1,2 +1 @@\n-a\n?\n", 3),
        (b"@@ -1 +1 @@\n-a\n-b\n", 3),
        (b"@@ -x +1 @@\n", 1),
    ] {
        let refused = Hunk::parse(text, HunkSyntax::Gnu);
        assert!(matches!(refused, Err(Error::PatchSyntax { line: at, .. }) if at == line));
    }
}

#[test]
fn what_git_would_not_read_cannot_be_built() {
    let line = |kind, text: &'static str| (kind, text.to_owned());
    for lines in [
        vec![],
        vec![line(LineKind::Context, "a\n")],
        vec![line(LineKind::Added, "a\nb\n")],
        vec![line(LineKind::Added, "")],
        vec![line(LineKind::Added, "a"), line(LineKind::Added, "b\n")],
    ] {
        assert!(hunk_of(1, &lines).is_err(), "{lines:?}");
    }
    assert!(hunk_of(1 << 40, &[line(LineKind::Added, "a\n")]).is_err());

    let added = || hunk_of(1, &[line(LineKind::Added, "a\n")]).unwrap();
    let both = || hunk_of(1, &[line(LineKind::Context, "a\n"), line(LineKind::Added, "b\n")]);
    assert!(added().with_section(b"one\ntwo").is_err());
    assert_eq!(added().with_section(b"def f():").unwrap().section(), b"def f():");
    let path = || RepoPath::new("a.py").unwrap();
    assert!(FilePatch::modify(path(), vec![]).is_err());
    assert!(FilePatch::create(path(), FileMode::Regular, vec![both().unwrap()]).is_err());
    assert!(FilePatch::delete(path(), FileMode::Regular, vec![added()]).is_err());
    assert!(FilePatch::change_mode(path(), FileMode::Regular, FileMode::Regular).is_err());
}

#[test]
fn changes_that_are_built_apply() {
    let path = |text: &str| RepoPath::new(text).unwrap();
    let line = |kind, text: &'static str| (kind, text.to_owned());
    let swap = [line(LineKind::Removed, "x = 1\n"), line(LineKind::Added, "x = 2\n")];
    let new = HunkLine { kind: LineKind::Added, bytes: b"#!/bin/sh\n" };
    let created = Hunk::new(0, 1, [new]).unwrap();
    let patch: Patch = [
        FilePatch::rename(path("a.py"), path("b.py"), vec![hunk_of(1, &swap).unwrap()]).unwrap(),
        FilePatch::create(path("run"), FileMode::Executable, vec![created]).unwrap(),
    ]
    .into_iter()
    .collect();
    let tree = Tree::from_files([(path("a.py"), File::new(*b"x = 1\n"))]).unwrap();
    let changed = tree.apply(&patch).unwrap();
    assert!(!changed.contains("a.py") && changed.get("run").unwrap().executable());
    assert_eq!(changed.get("b.py").unwrap().bytes(), b"x = 2\n");
    assert_eq!(changed.apply(&patch.reverse()).unwrap(), tree);
}
