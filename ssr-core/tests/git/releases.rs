//! Whole diffs between two states of real code, as `git diff` prints them, and what becomes of each
//! of their files when the code has moved on, when the patch is there already, and when it is
//! damaged. Git is given the same; outcome and bytes have to be the same.
//!
//! The usual run takes this crate's own sources and changes them. `SSR_RELEASES` names a folder
//! with a folder for each package instead, which holds two releases, `old` and `new`:
//! `cargo xtask ci --full` puts Django, sympy and three others there.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ssr_core::{File, Patch, RepoPath, Tree};

use crate::oracle::{self, Git};

struct Release {
    name: String,
    old: Tree,
    new: Tree,
}

fn releases() -> Vec<Release> {
    let Some(folder) = std::env::var_os("SSR_RELEASES") else { return vec![own_sources()] };
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} is empty", folder.display());
    let release = |folder: &PathBuf| Release {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        old: oracle::read_tree(&folder.join("old")),
        new: oracle::read_tree(&folder.join("new")),
    };
    folders.iter().map(release).collect()
}

/// The sources of this crate, and the same with every kind of change.
fn own_sources() -> Release {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let old = ["src", "tests"].iter().flat_map(|folder| {
        let tree = oracle::read_tree(&root.join(folder));
        let files: Vec<_> = tree.files().map(|(path, file)| (path.clone(), file.clone())).collect();
        files.into_iter().map(move |(path, file)| (within(folder, &path), file))
    });
    let old = Tree::from_files(old).unwrap();
    let new = old.files().enumerate().flat_map(|(number, (path, file))| {
        let bytes = file.bytes();
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let every = |n: usize| {
            move |(index, line): (usize, &&[u8])| {
                if index % n == n / 2 { b"// another line\r\n".to_vec() } else { line.to_vec() }
            }
        };
        let changed: Vec<u8> = lines.iter().enumerate().flat_map(every(29)).collect();
        let copy = |bytes: &[u8]| File::new(bytes).with_executable(file.executable());
        match number % 8 {
            0 => vec![],
            1 => vec![(within("moved", path), copy(&changed))],
            2 => vec![(path.clone(), copy(&changed[..changed.len() - 1]))],
            3 => vec![(path.clone(), copy(&changed).with_executable(!file.executable()))],
            4 => {
                vec![(path.clone(), file.clone()), (within("cöpies \"of\"", path), copy(&changed))]
            }
            // Git takes a last line without a newline for the beginning of a longer one.
            5 if bytes.ends_with(b"\n") => vec![(path.clone(), copy(&lines.concat().repeat(2)))],
            6 => vec![(path.clone(), copy(&lines[lines.len() / 3..].concat()))],
            _ => vec![(path.clone(), copy(&changed))],
        }
    });
    let new = Tree::from_files(new).unwrap();
    Release { name: "ssr-core".to_owned(), old, new }
}

fn within(folder: &str, path: &RepoPath) -> RepoPath {
    RepoPath::new(&format!("{folder}/{path}")).unwrap()
}

/// What git prints as the difference, in several of its ways.
fn diffs(release: &Release) -> Vec<Vec<u8>> {
    let git = Git::new(&release.old);
    git.init(&[]);
    git.commit_all();
    git.write(&release.new);
    git.commit_all();
    let variants: [&[&str]; 4] = [
        &[],
        &["--no-renames", "-U8", "--patience"],
        &["-M", "-C", "-C", "-U1", "--histogram"],
        &["-c", "core.quotePath=false", "diff", "--text", "--full-index", "--no-renames"],
    ];
    let args = |variant: &[&'static str]| match variant.first() {
        Some(&"-c") => [variant, &["HEAD~", "HEAD"]].concat(),
        _ => [&["diff"], variant, &["HEAD~", "HEAD"]].concat(),
    };
    variants.iter().map(|variant| git.run(&args(variant))).collect()
}

/// The parts of a diff that are about one file each.
fn by_file(diff: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<_> =
        memchr::memmem::find_iter(diff, b"\ndiff --git ").map(|at| at + 1).collect();
    starts.insert(0, 0);
    starts.push(diff.len());
    starts.windows(2).map(|pair| &diff[pair[0]..pair[1]]).collect()
}

#[test]
fn diffs_between_releases_apply_and_reverse_as_in_git() {
    for release in releases() {
        let Release { name, old, new } = &release;
        // Checks leave it as it is.
        let unchanged = Git::new(old);
        for diff in diffs(&release) {
            let parts = by_file(&diff);
            let (text, binary): (Vec<&[u8]>, Vec<&[u8]>) =
                parts.into_iter().partition(|part| Patch::parse(part).is_ok());
            for part in &binary {
                let error = Patch::parse(part).unwrap_err().to_string();
                assert!(error.contains("binary"), "{name}: {error}");
                assert!(unchanged.apply(part, &["--check"]).is_err(), "{name}: {error}");
            }
            let text = text.concat();
            let patch = Patch::parse(&text).unwrap();
            assert!(patch.to_bytes() == text, "{name}: the diff is printed otherwise");
            let ours = old.apply(&patch).unwrap_or_else(|error| panic!("{name}: {error}"));
            if binary.is_empty() {
                assert!(ours == *new, "{name}: {:?}", ours.changed_paths(new));
            }
            let git = Git::new(old).apply(&text, &[]).unwrap();
            assert!(ours == git, "{name}: {:?}", ours.changed_paths(&git));
            if !text.windows(11).any(|words| words == b"\ncopy from ") {
                let undone = ours.apply(&patch.reverse());
                assert!(undone.as_ref() == Ok(old), "{name}: {:?}", undone.err());
            }
            println!("{name}: {} text files, {} binary", patch.files().len(), binary.len());
        }
    }
}

/// A file that a patch is for, and what has become of it or of the patch.
struct Variant {
    what: &'static str,
    before: Tree,
    patch: Vec<u8>,
}

#[test]
fn moved_damaged_and_repeated_patches_end_as_in_git() {
    for release in releases() {
        let diffs = diffs(&release);
        let parts = by_file(&diffs[0]);
        let (next, counts) = (AtomicUsize::new(0), Mutex::new([0; 3]));
        let work = || {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                for variant in variants(&release, part) {
                    let outcome = compare(&release.name, &variant);
                    counts.lock().unwrap()[outcome] += 1;
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        let [applied, refused, stricter] = counts.into_inner().unwrap();
        println!("{}: {applied} applied, {refused} refused, {stricter} only by us", release.name);
        assert!(applied > 0 && refused > 0, "{}", release.name);
    }
}

fn variants(release: &Release, part: &[u8]) -> Vec<Variant> {
    let Ok(patch) = Patch::parse(part) else { return Vec::new() };
    let [file] = patch.files() else { panic!("one file") };
    let one = |tree: &Tree, path: Option<&RepoPath>| {
        let file = path.and_then(|path| Some((path.clone(), tree.get(path.as_str())?.clone())));
        Tree::from_files(file).unwrap()
    };
    let old = one(&release.old, file.old_path());
    let with_lines = |change: &dyn Fn(&mut Vec<&[u8]>)| {
        let files = old.files().map(|(path, file)| {
            let mut lines: Vec<_> = file.bytes().split_inclusive(|byte| *byte == b'\n').collect();
            change(&mut lines);
            (path.clone(), File::new(lines.concat()).with_executable(file.executable()))
        });
        Tree::from_files(files).unwrap()
    };
    let further = with_lines(&|lines| drop(lines.splice(..0, [&b"\n"[..], b"1\n", b"2\n"])));
    let back = with_lines(&|lines| drop(lines.drain(..lines.len().min(2))));
    let middle = with_lines(&|lines| lines.insert(lines.len() / 2, b"between\n"));
    let longer = with_lines(&|lines| lines.push(b"\nafter\n"));
    let lines: Vec<_> = part.split_inclusive(|byte| *byte == b'\n').collect();
    let without = |at: usize| [&lines[..at], &lines[(at + 1).min(lines.len())..]].concat().concat();
    let crlf = part.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    let variant = |what, before: &Tree, patch: &[u8]| Variant {
        what,
        before: before.clone(),
        patch: patch.to_vec(),
    };
    vec![
        variant("as it is", &old, part),
        variant("the file has more lines above", &further, part),
        variant("the file has fewer lines above", &back, part),
        variant("the file has a line in the middle", &middle, part),
        variant("the file has more lines below", &longer, part),
        variant("already applied", &one(&release.new, file.new_path()), part),
        variant("the file is missing", &Tree::new(), part),
        variant("cut off after half of its lines", &old, &lines[..lines.len() / 2].concat()),
        variant("cut off in a line", &old, &part[..part.len() * 2 / 3]),
        variant("a line from the middle is lost", &old, &without(lines.len() / 2)),
        variant("the last line is lost", &old, &without(lines.len() - 1)),
        variant("with CRLF", &old, &crlf),
        variant("twice", &old, &[part, part].concat()),
    ]
}

/// 0 where both apply it, 1 where both refuse it, 2 where git alone applies it.
fn compare(name: &str, variant: &Variant) -> usize {
    let ours = Patch::parse(&variant.patch).and_then(|patch| variant.before.apply(&patch));
    if variant.patch.is_empty() {
        return 1;
    }
    let git = Git::new(&variant.before).apply(&variant.patch, &[]);
    let shown = || {
        let text = String::from_utf8_lossy(&variant.patch);
        format!("{name}, {}:\n{}", variant.what, text.chars().take(3000).collect::<String>())
    };
    match (ours, git) {
        (Ok(ours), Ok(git)) => {
            assert!(ours == git, "{}\n{:?}", shown(), ours.changed_paths(&git));
            0
        }
        (Err(_), Err(_)) => 1,
        (Err(error), Ok(_)) => {
            let error = error.to_string();
            assert!(oracle::is_documented(&error), "{error}\n{}", shown());
            2
        }
        (Ok(_), Err(error)) => panic!("git refuses: {error}\n{}", shown()),
    }
}
