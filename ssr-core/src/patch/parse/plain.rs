//! Plain diffs: everything is guessed from the `---` and `+++` lines, the way git guesses.

use super::git::RawChange;
use crate::RepoPath;
use crate::patch::FileChange;
use crate::patch::header::Header;
use crate::patch::name::{NameEnd, is_dated_to_epoch, is_dev_null, name_on_line, push_label};

/// Whether the name has no slash: git concludes from the new one that nothing is to be removed.
pub fn is_bare(label: &[u8]) -> bool {
    let name = name_on_line(label, 0, NameEnd::Tab);
    name.is_some_and(|name| !name.contains(&b'/'))
}

/// What the two labels say; `None` without a name.
pub fn change(old: &[u8], new: &[u8], strip: usize) -> Option<RawChange> {
    let name = |label: &[u8]| name_on_line(label, strip, NameEnd::Tab);
    if is_dev_null(old) {
        return name(new).map(RawChange::Create);
    }
    if is_dev_null(new) {
        return name(old).map(RawChange::Delete);
    }
    // Of `file` and `file.orig`, git takes the shorter, and else the new name.
    let name = match (name(old), name(new)) {
        (Some(old), Some(new)) if new.starts_with(&old) => old,
        (old, new) => new.or(old)?,
    };
    Some(if is_dated_to_epoch(old) {
        RawChange::Create(name)
    } else if is_dated_to_epoch(new) {
        RawChange::Delete(name)
    } else {
        RawChange::Modify(name)
    })
}

/// Keeps the labels when they read the same in a reversed or rearranged patch, and else writes
/// them anew.
pub fn header(old: &[u8], new: &[u8], strip: usize, change: &FileChange) -> Header {
    let reverses = || {
        let reversed = self::change(new, old, 1).map(RawChange::reverse);
        !is_bare(old) && self::change(old, new, 1) == reversed
    };
    if strip == 1 && reverses() {
        return Header::Plain { old: old.to_vec(), new: new.to_vec() };
    }
    let label = |prefix, path: Option<&RepoPath>| {
        let mut label = Vec::new();
        push_label(&mut label, path.map(|path| [prefix, path.as_str()]), true);
        label
    };
    Header::Plain { old: label("a/", change.old_path()), new: label("b/", change.new_path()) }
}
