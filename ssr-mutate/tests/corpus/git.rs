//! `git apply` on many patches of one file with one process: each gets a copy of the file with a
//! name of its own, which is a hard link as long as nobody writes to it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ssr_core::{EditRenderer, LineIndex, RepoPath};
use ssr_mutate::Site;

/// Panics unless git accepts the patch of every site, and where it also has to write (`!only_check`)
/// makes of it the mutated file and then the original again.
pub fn check(text: &str, sites: &[Site], only_check: bool) {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    fs::write(&original, text).unwrap();
    let index = LineIndex::new(text.as_bytes());
    let mut patches = Vec::new();
    for (number, site) in sites.iter().enumerate() {
        let name = format!("{number}.py");
        fs::hard_link(&original, folder.path().join(&name)).unwrap();
        let name = RepoPath::new(&name).unwrap();
        let mut renderer = EditRenderer::new(&name, text.as_bytes(), &index);
        let start = patches.len();
        let edit = ssr_core::Edit { path: name.clone(), ..site.edit() };
        renderer.render(&[edit], &mut patches).unwrap();
        assert!(
            body(&patches[start..]) == body(&site.patch().unwrap().to_bytes()),
            "{site:?}: another name gives another patch"
        );
    }
    if only_check {
        apply(folder.path(), &["--check"], &patches);
        return;
    }
    apply(folder.path(), &[], &patches);
    let compare = |expected: &dyn Fn(&Site) -> String| {
        for (number, site) in sites.iter().enumerate() {
            let found = fs::read(folder.path().join(format!("{number}.py"))).unwrap();
            assert!(found == expected(site).as_bytes(), "{site:?}");
        }
    };
    compare(&Site::mutated);
    apply(folder.path(), &["-R"], &patches);
    compare(&|site| site.source().to_owned());
}

/// What follows the three lines with names.
fn body(patch: &[u8]) -> Vec<u8> {
    patch.split_inclusive(|byte| *byte == b'\n').skip(3).flatten().copied().collect()
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
