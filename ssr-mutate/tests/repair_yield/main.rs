//! How many bugs have their fix among the candidates of their function, by operator.
//!
//! In the usual run the bugs are those of the fixtures. `SSR_REPAIR_CORPUS` names folders with a
//! package each instead, separated as in `PATH`; `SSR_REPAIR_COUNT` is the number of bugs that are
//! drawn from each of them, and `SSR_REPAIR_TABLE` a file that the table is written to.
#![cfg(feature = "python")]

mod draw;
mod tally;

use std::path::{Path, PathBuf};

use ssr_core::{File, RepoPath, Tree};
use ssr_mutate::{Profile, is_source_file};

use tally::Tally;

/// The seeds with which bugs are drawn.
const SEED: u64 = 1;

fn packages() -> Vec<(String, Tree)> {
    let Some(folders) = std::env::var_os("SSR_REPAIR_CORPUS") else {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        return vec![("fixtures".to_owned(), read(&folder))];
    };
    let name = |folder: &PathBuf| {
        folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    std::env::split_paths(&folders).map(|folder| (name(&folder), read(&folder))).collect()
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

#[test]
fn most_bugs_have_their_fix_among_the_candidates() {
    let count = std::env::var("SSR_REPAIR_COUNT").map_or(120, |count| count.parse().unwrap());
    let mut page = String::new();
    let mut shares = Vec::new();
    for profile in [Profile::All, Profile::Classic42] {
        let mut tally = Tally::default();
        for (_, tree) in &packages() {
            draw::measure(tree, &profile, count, SEED, &mut tally);
        }
        page.push_str(&tally.table(&profile));
        shares.push(tally.share());
        if std::env::var_os("SSR_REPAIR_ORIGINS").is_some() {
            println!("{}", tally.origins());
        }
        for miss in tally.misses() {
            println!("{miss}");
        }
    }
    println!("{page}");
    if let Some(path) = std::env::var_os("SSR_REPAIR_TABLE") {
        std::fs::write(path, &page).unwrap();
    }
    assert!(shares.iter().all(|share| *share > 0.5), "{shares:?}");
}
