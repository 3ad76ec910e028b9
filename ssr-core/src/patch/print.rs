//! Writes patches as git prints them.

use super::header::{GitHeader, Header, Similarity};
use super::name::{push_git_names, push_label, push_quoted};
use super::{FileChange, FilePatch};
use crate::RepoPath;

pub(super) fn push_files(out: &mut Vec<u8>, files: &[FilePatch]) {
    let mut open_header = false;
    for file in files {
        if open_header && matches!(file.header, Header::Plain { .. }) {
            // Its labels would continue the header before it.
            out.push(b'\n');
        }
        open_header = file.hunks.is_empty();
        push_file(out, file);
    }
}

fn push_file(out: &mut Vec<u8>, file: &FilePatch) {
    match &file.header {
        Header::Git(header) => push_git_header(out, file, header),
        Header::Plain { old, new } => {
            out.extend_from_slice(b"--- ");
            out.extend_from_slice(old);
            out.extend_from_slice(b"\n+++ ");
            out.extend_from_slice(new);
            out.push(b'\n');
        }
    }
    for hunk in &file.hunks {
        hunk.push(out);
    }
}

fn push_git_header(out: &mut Vec<u8>, file: &FilePatch, header: &GitHeader) {
    let old = file.old_path().unwrap_or(file.path()).as_str();
    let new = file.path().as_str();
    let quote = header.quote_non_ascii;
    push_git_names(out, [&header.old_prefix, old], [&header.new_prefix, new], quote);
    push_modes(out, file);
    match header.similarity {
        Some(Similarity::Similar(percent)) => {
            out.extend_from_slice(format!("similarity index {percent}%\n").as_bytes());
        }
        Some(Similarity::Dissimilar(percent)) => {
            out.extend_from_slice(format!("dissimilarity index {percent}%\n").as_bytes());
        }
        None => {}
    }
    let verb = match &file.change {
        FileChange::Rename { .. } => Some("rename"),
        FileChange::Copy { .. } => Some("copy"),
        _ => None,
    };
    if let Some(verb) = verb {
        for (word, name) in [("from", old), ("to", new)] {
            out.extend_from_slice(format!("{verb} {word} ").as_bytes());
            push_quoted(out, ["", name], quote);
            out.push(b'\n');
        }
    }
    if let Some(index) = &header.index {
        out.extend_from_slice(format!("index {}..{}", index.old, index.new).as_bytes());
        if let Some(mode) = index.mode {
            out.extend_from_slice(format!(" {mode}").as_bytes());
        }
        out.push(b'\n');
    }
    if !file.hunks.is_empty() {
        let old = file.old_path().map(|_| [&*header.old_prefix, old]);
        let new = file.new_path().map(|_| [&*header.new_prefix, new]);
        push_labels(out, old, new, quote);
    }
}

fn push_modes(out: &mut Vec<u8>, file: &FilePatch) {
    let mut line = |words: &str, mode: Option<super::FileMode>| {
        if let Some(mode) = mode {
            out.extend_from_slice(format!("{words} {mode}\n").as_bytes());
        }
    };
    match file.change {
        FileChange::Create { .. } => line("new file mode", file.new_mode),
        FileChange::Delete { .. } => line("deleted file mode", file.old_mode),
        _ => {
            line("old mode", file.old_mode);
            line("new mode", file.new_mode);
        }
    }
}

fn push_labels(
    out: &mut Vec<u8>,
    old: Option<[&str; 2]>,
    new: Option<[&str; 2]>,
    quote_non_ascii: bool,
) {
    out.extend_from_slice(b"--- ");
    push_label(out, old, quote_non_ascii);
    out.extend_from_slice(b"\n+++ ");
    push_label(out, new, quote_non_ascii);
    out.push(b'\n');
}

/// Appends the header of a modification, up to the first hunk.
pub(crate) fn push_file_header(out: &mut Vec<u8>, path: &RepoPath) {
    let header = GitHeader::default();
    let (old, new) = ([&*header.old_prefix, path.as_str()], [&*header.new_prefix, path.as_str()]);
    push_git_names(out, old, new, header.quote_non_ascii);
    push_labels(out, Some(old), Some(new), header.quote_non_ascii);
}
