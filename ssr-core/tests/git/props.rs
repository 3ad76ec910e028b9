//! Properties of patches and edits over random trees and bytes, with git as a witness.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ssr_core::{
    Edit, EditRenderer, File, LineIndex, Patch, RepoPath, Tree, apply_edits, render_edits,
};

use crate::oracle::{Git, is_documented};

/// Few different lines, so that diffs find many of them again, and all that is hard about lines.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let common = select(vec!["", "a", "b", "    return x", "}", "\t"]);
    let odd = select(vec![
        &b"x\r"[..],
        b"\r",
        b"a\rb",
        b"\0",
        b"\xff\xfe",
        b"-- a",
        b"++ b",
        b"@@ -1 +1 @@",
        b"\\ No newline",
        "ü\u{2028}".as_bytes(),
        b" ",
        b"\x0c",
    ]);
    prop_oneof![6 => common.prop_map(|line| line.as_bytes().to_vec()), 1 => odd.prop_map(<[u8]>::to_vec)]
}

fn text(lines: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    (vec(line(), lines), any::<bool>()).prop_map(|(lines, finished)| {
        let mut text = lines.join(&b'\n');
        if finished && !lines.is_empty() {
            text.push(b'\n');
        }
        text
    })
}

/// A text and another one that shares most of its lines.
fn two_texts() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let edits = vec((any::<prop::sample::Index>(), 0..4_usize, text(0..4)), 0..5);
    (text(0..40), edits).prop_map(|(before, edits)| {
        let mut after = before.clone();
        for (at, length, replacement) in edits {
            let start = at.index(after.len() + 1);
            let end = (start + length).min(after.len());
            after.splice(start..end, replacement);
        }
        (before, after)
    })
}

/// What becomes of one path: before and after, each with the executable bit.
fn two_files() -> impl Strategy<Value = [Option<File>; 2]> {
    (two_texts(), any::<[bool; 2]>(), 0..8).prop_map(|((before, after), [x, y], kind)| {
        let before = File::new(before).with_executable(x);
        let after = File::new(after);
        match kind {
            0 => [None, Some(after.with_executable(y))],
            1 => [Some(before), None],
            2 => [Some(before), Some(after.with_executable(y))],
            _ => [Some(before), Some(after.with_executable(x))],
        }
    })
}

fn name() -> impl Strategy<Value = String> {
    let part =
        select(vec!["a", "b.py", "c d", "e\"f", "g\th", "ü", "-i", "j\u{1}", "k'l", "~", "m\nn"]);
    vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn two_trees() -> impl Strategy<Value = (Tree, Tree)> {
    let files = prop::collection::btree_map(name(), two_files(), 0..12);
    files.prop_filter_map("a path is a file and a directory", |files: BTreeMap<String, _>| {
        let side = |index: usize| {
            let files = files.iter().filter_map(|(path, sides): (&String, &[Option<File>; 2])| {
                Some((RepoPath::new(path).unwrap(), sides[index].clone()?))
            });
            Tree::from_files(files).ok()
        };
        Some((side(0)?, side(1)?))
    })
}

fn edits(length: usize) -> impl Strategy<Value = Vec<Edit>> {
    vec((0..=length, 0..=length, text(0..3)), 0..5).prop_map(|edits| {
        let mut edits: Vec<_> = edits
            .into_iter()
            .map(|(a, b, replacement)| {
                Edit::new(path(), a.min(b)..a.max(b).min(a.min(b) + 30), replacement)
            })
            .collect();
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        edits.dedup_by(|next, edit| next.range.start < edit.range.end);
        edits
    })
}

fn text_with_edits() -> impl Strategy<Value = (Vec<u8>, Vec<Edit>)> {
    text(0..40).prop_flat_map(|before| {
        let edits = edits(before.len());
        (Just(before), edits)
    })
}

fn path() -> RepoPath {
    RepoPath::new("dir/some file.py").unwrap()
}

fn one_file(bytes: &[u8]) -> Tree {
    Tree::from_files([(path(), File::new(bytes))]).unwrap()
}

/// Applies many patches with one process of git: each pair of trees gets a folder of its own.
fn together(pairs: &[(Tree, Tree)]) -> (Tree, Tree) {
    let side = |pick: fn(&(Tree, Tree)) -> &Tree| {
        let files = pairs.iter().enumerate().flat_map(|(index, pair)| {
            pick(pair).files().map(move |(path, file)| {
                (RepoPath::new(&format!("{index}/{path}")).unwrap(), file.clone())
            })
        });
        Tree::from_files(files).unwrap()
    };
    (side(|pair| &pair.0), side(|pair| &pair.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_diff_leads_there_and_back((before, after) in two_trees()) {
        let patch = before.diff(&after);
        prop_assert_eq!(&before.apply(&patch).unwrap(), &after);
        prop_assert_eq!(&after.apply(&patch.reverse()).unwrap(), &before);
        prop_assert_eq!(&patch.touched_paths(), &before.changed_paths(&after));
        let parsed = Patch::parse(&patch.to_bytes()).unwrap();
        prop_assert_eq!(&parsed, &patch);
        prop_assert_eq!(parsed.reverse().reverse(), patch);
    }

    #[test]
    fn rendered_edits_are_the_applied_edits((before, edits) in text_with_edits()) {
        let after = apply_edits(&before, &edits).unwrap();
        let text = render_edits(&path(), &before, &edits).unwrap();
        let patch = Patch::parse(&text).unwrap();
        prop_assert_eq!(patch.to_bytes(), text);
        let (before, after) = (one_file(&before), one_file(&after));
        prop_assert_eq!(&before.apply(&patch).unwrap(), &after);
        prop_assert_eq!(&after.apply(&patch.reverse()).unwrap(), &before);
        prop_assert_eq!(&before.edit(&edits).unwrap(), &after);
        prop_assert_eq!(&Patch::from_edits(&before, &edits).unwrap(), &patch);
        prop_assert_eq!(patch.is_empty(), edits.is_empty() || before == after);
    }

    #[test]
    fn a_single_edit_has_minimal_hunks(before in text(0..40), a: prop::sample::Index, b: prop::sample::Index, new in text(0..3)) {
        let (a, b) = (a.index(before.len() + 1), b.index(before.len() + 1));
        let edit = Edit::new(path(), a.min(b)..a.max(b), new);
        let after = edit.apply(&before).unwrap();
        let patch = edit.to_patch(&before).unwrap();
        let index = LineIndex::new(&before);
        let mut rendered = b"before".to_vec();
        let mut renderer = EditRenderer::new(&path(), &before, &index);
        renderer.replace(edit.range.clone(), &edit.replacement, &mut rendered).unwrap();
        prop_assert_eq!(rendered, [&b"before"[..], &patch.to_bytes()].concat());
        let hunks: Vec<_> = patch.files().iter().flat_map(|file| file.hunks()).collect();
        prop_assert!(hunks.len() <= 1);
        // No smaller block of whole lines at one place turns one text into the other.
        let lines = |text: &[u8]| text.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (old, new) = (lines(&before), lines(&after));
        let same_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let limit = old.len().min(new.len()) - same_start;
        let same_end = old.iter().rev().zip(new.iter().rev()).take(limit).take_while(|(a, b)| a == b).count();
        let (added, removed) = patch.line_counts();
        prop_assert_eq!(removed, old.len() - same_start - same_end);
        prop_assert_eq!(added, new.len() - same_start - same_end);
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        Patch::parse(&bytes).ok();
    }

    #[test]
    fn damaged_patches_are_parsed_or_refused(
        (before, after) in two_trees(),
        damage in vec((any::<prop::sample::Index>(), 0..4_usize, line()), 1..4),
    ) {
        let mut bytes = before.diff(&after).to_bytes();
        for (at, length, replacement) in damage {
            let start = at.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, replacement);
        }
        if let Ok(patch) = Patch::parse(&bytes) {
            let again = Patch::parse(&patch.to_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&patch), "{}", String::from_utf8_lossy(&bytes));
            let reversed = patch.reverse();
            prop_assert_eq!(Patch::parse(&reversed.to_bytes()), Ok(reversed.clone()));
            if let Ok(changed) = before.apply(&patch) {
                changed.apply(&reversed).ok();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn git_takes_our_diffs(pairs in vec(two_trees(), 8..20)) {
        let (before, after) = together(&pairs);
        let patch = before.diff(&after);
        if !patch.is_empty() {
            prop_assert_eq!(Git::new(&before).apply(&patch.to_bytes(), &[]).unwrap(), after);
        }
    }

    #[test]
    fn git_takes_our_edits(texts in vec(text_with_edits(), 40..80)) {
        let mut before = Vec::new();
        let mut after = Vec::new();
        let mut rendered = Vec::new();
        for (number, (text, edits)) in texts.iter().enumerate() {
            let path = RepoPath::new(&format!("{number}/f.py")).unwrap();
            let edits: Vec<_> = edits
                .iter()
                .map(|edit| Edit { path: path.clone(), ..edit.clone() })
                .collect();
            let index = LineIndex::new(text);
            EditRenderer::new(&path, text, &index).render(&edits, &mut rendered).unwrap();
            after.push((path.clone(), File::new(apply_edits(text, &edits).unwrap())));
            before.push((path, File::new(text.as_slice())));
        }
        let (before, after) = (Tree::from_files(before).unwrap(), Tree::from_files(after).unwrap());
        if !rendered.is_empty() {
            prop_assert_eq!(Git::new(&before).apply(&rendered, &[]).unwrap(), after);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn damaged_patches_end_as_in_git_apply(
        (before, after) in two_trees(),
        damage in vec((any::<prop::sample::Index>(), line()), 1..3),
        keep in any::<bool>(),
    ) {
        // Whole lines are replaced or dropped, so that many patches stay well-formed.
        let text = before.diff(&after).to_bytes();
        let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for (at, replacement) in damage {
            if lines.is_empty() {
                break;
            }
            let at = at.index(lines.len());
            if keep {
                let marker = lines[at][..1].to_vec();
                lines[at] = [&marker, replacement.as_slice(), b"\n"].concat();
            } else {
                lines.remove(at);
            }
        }
        let text = lines.concat();
        let ours = Patch::parse(&text).and_then(|patch| before.apply(&patch));
        if text.is_empty() {
            return Ok(());
        }
        let text = &text;
        let shown = || String::from_utf8_lossy(text);
        match (ours, Git::new(&before).apply(text, &[])) {
            (Ok(ours), Ok(git)) => prop_assert!(ours == git, "{}", shown()),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(message)) => prop_assert!(false, "{message}\n{}", shown()),
            (Err(error), Ok(_)) => {
                prop_assert!(is_documented(&error.to_string()), "{error}\n{}", shown());
            }
        }
    }
}
