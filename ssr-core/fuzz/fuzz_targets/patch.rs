//! The input is split at the first NUL: a file, and a patch that may or may not fit it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssr_core::{File, FileChange, Hunk, HunkSyntax, Patch, RepoPath, Tree};

fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (content, text) = input.split_at(split);
    for syntax in [HunkSyntax::Git, HunkSyntax::Gnu] {
        if let Ok((hunk, length)) = Hunk::parse(content, syntax) {
            assert!(length <= content.len());
            let printed = hunk.to_bytes();
            assert_eq!(Hunk::parse(&printed, syntax), Ok((hunk, printed.len())));
        }
    }
    let Ok(patch) = Patch::parse(text.get(1..).unwrap_or_default()) else { return };

    let printed = patch.to_bytes();
    assert_eq!(Patch::parse(&printed).as_ref(), Ok(&patch));
    assert_eq!(Patch::parse(&patch.reverse().to_bytes()), Ok(patch.reverse()));

    // Every file that the patch expects has the same content.
    let expected = patch.files().iter().filter_map(|file| file.old_path());
    let files = expected.map(|path: &RepoPath| (path.clone(), File::new(content)));
    let Ok(before) = Tree::from_files(files) else { return };
    let Ok(after) = before.apply(&patch) else { return };

    let diff = before.diff(&after);
    assert_eq!(before.apply(&diff).as_ref(), Ok(&after));
    assert_eq!(after.apply(&diff.reverse()).as_ref(), Ok(&before));

    // A plain patch may leave out that it creates a file, and a mode may already be as wanted.
    if let [file] = patch.files()
        && matches!(file.change(), FileChange::Rename { .. })
        && file.old_mode().is_none()
        && let Ok(undone) = after.apply(&patch.reverse())
    {
        assert_eq!(undone, before);
    }
});
