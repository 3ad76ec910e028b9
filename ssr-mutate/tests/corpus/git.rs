//! `git apply` on many patches of one file with one process: each gets a copy of the file with a
//! name of its own, which is a hard link until git replaces it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ssr_core::{EditRenderer, LineIndex, RepoPath};
use ssr_mutate::Site;

use crate::files::Source;

/// Copies of a file that lie in the temporary folder, and in git's memory, at a time.
const MAX_BYTES: usize = 64 << 20;
const MAX_COPIES: usize = 1000;

/// Panics unless git makes of the patch of every site the mutated file, and of the same patch the
/// original again. It looks at all of them, as with `--check`, before it writes the first.
pub fn check(source: &Source, sites: &[Site]) {
    let copies = (MAX_BYTES / source.text.len().max(1)).clamp(1, MAX_COPIES);
    sites.chunks(copies).for_each(|batch| check_batch(source, batch));
}

fn check_batch(source: &Source, sites: &[Site]) {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    fs::write(&original, &source.text).unwrap();
    let index = LineIndex::new(source.text.as_bytes());
    let mut patches = Vec::new();
    let mut copies = Vec::with_capacity(sites.len());
    for (number, site) in sites.iter().enumerate() {
        // One of them keeps its name, so that git reads this too.
        let name = if number == 0 { source.path.as_str() } else { &format!("{number}.copy") };
        let copy = folder.path().join(name);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::hard_link(&original, &copy).unwrap();
        copies.push(copy);
        let name = RepoPath::new(name).unwrap();
        let mut renderer = EditRenderer::new(&name, source.text.as_bytes(), &index);
        let start = patches.len();
        let edit = ssr_core::Edit { path: name.clone(), ..site.edit() };
        renderer.render(&[edit], &mut patches).unwrap();
        assert!(
            body(&patches[start..]) == body(&site.patch().unwrap().to_bytes()),
            "{site:?}: another name gives another patch"
        );
    }
    apply(folder.path(), &[], &patches);
    for (site, copy) in sites.iter().zip(&copies) {
        assert!(fs::read(copy).unwrap() == site.mutated().as_bytes(), "{site:?}");
    }
    apply(folder.path(), &["-R"], &patches);
    for (site, copy) in sites.iter().zip(&copies) {
        assert!(fs::read(copy).unwrap() == source.text.as_bytes(), "{site:?}");
    }
}

/// What follows the three lines with names.
fn body(patch: &[u8]) -> &[u8] {
    let head: usize = patch.split_inclusive(|byte| *byte == b'\n').take(3).map(<[u8]>::len).sum();
    &patch[head..]
}

fn apply(folder: &Path, options: &[&str], patches: &[u8]) {
    let mut git = Command::new("git")
        .arg("apply")
        .args(options)
        .arg("--whitespace=nowarn")
        .arg("-")
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap())
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = git.stdin.take().unwrap();
    // Git reads everything before it complains.
    stdin.write_all(patches).unwrap();
    drop(stdin);
    let output = git.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git apply {options:?}: {message}");
}
