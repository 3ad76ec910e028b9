//! Random calls on the filesystem and on a real directory: same results, same tree in the end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use ssr_sandbox::{Errno, FileKind, Vfs, VfsError};

#[derive(Clone, Debug)]
enum Call {
    Write(String, Vec<u8>),
    Append(String, Vec<u8>),
    Read(String),
    CreateDir(String),
    CreateDirAll(String),
    RemoveFile(String),
    RemoveDir(String),
    RemoveAll(String),
    Rename(String, String),
    Symlink(String, String),
    HardLink(String, String),
    ReadLink(String),
    Metadata(String),
    SymlinkMetadata(String),
    ReadDir(String),
    Freeze,
}

/// Paths over few names, so that calls meet. No `..` at the start: the real directory has a parent.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![8 => "[abc]", 1 => Just("a/..".to_owned()), 1 => Just("b/.".to_owned())];
    let end = prop_oneof![12 => Just(""), 1 => Just("/"), 1 => Just("/.")];
    (prop::collection::vec(name, 1..4), end).prop_map(|(names, end)| names.join("/") + end)
}

/// Never up: a link to `.` or `..` would lead out of the real directory.
fn target() -> impl Strategy<Value = String> {
    prop::collection::vec("[abc]", 1..3).prop_map(|names| names.join("/"))
}

fn call() -> impl Strategy<Value = Call> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        4 => (path(), bytes()).prop_map(|(p, b)| Call::Write(p, b)),
        2 => (path(), bytes()).prop_map(|(p, b)| Call::Append(p, b)),
        2 => path().prop_map(Call::Read),
        5 => path().prop_map(Call::CreateDir),
        2 => path().prop_map(Call::CreateDirAll),
        2 => path().prop_map(Call::RemoveFile),
        2 => path().prop_map(Call::RemoveDir),
        1 => target().prop_map(Call::RemoveAll),
        5 => (path(), path()).prop_map(|(a, b)| Call::Rename(a, b)),
        3 => (target(), path()).prop_map(|(a, b)| Call::Symlink(a, b)),
        3 => (path(), path()).prop_map(|(a, b)| Call::HardLink(a, b)),
        1 => path().prop_map(Call::ReadLink),
        1 => path().prop_map(Call::Metadata),
        1 => path().prop_map(Call::SymlinkMetadata),
        1 => path().prop_map(Call::ReadDir),
        1 => Just(Call::Freeze),
    ]
}

/// What a call shows, with errors as the numbers of Linux.
type Seen = Result<String, i32>;

fn real(root: &Path, call: &Call) -> Seen {
    let at = |path: &String| root.join(path);
    let result = match call {
        Call::Write(path, bytes) => fs::write(at(path), bytes).map(|()| String::new()),
        Call::Append(path, bytes) => fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(at(path))
            .and_then(|mut file| file.write_all(bytes))
            .map(|()| String::new()),
        Call::Read(path) => fs::read(at(path)).map(|bytes| format!("{bytes:?}")),
        Call::CreateDir(path) => fs::create_dir(at(path)).map(|()| String::new()),
        Call::CreateDirAll(path) => return create_all(root, path),
        Call::RemoveFile(path) => fs::remove_file(at(path)).map(|()| String::new()),
        Call::RemoveDir(path) => fs::remove_dir(at(path)).map(|()| String::new()),
        Call::RemoveAll(path) => remove_all(&at(path)).map(|()| String::new()),
        Call::Rename(from, to) => fs::rename(at(from), at(to)).map(|()| String::new()),
        Call::Symlink(target, path) => symlink(target, at(path)).map(|()| String::new()),
        Call::HardLink(from, to) => fs::hard_link(at(from), at(to)).map(|()| String::new()),
        Call::ReadLink(path) => fs::read_link(at(path)).map(|p| p.display().to_string()),
        Call::Metadata(path) => fs::metadata(at(path)).map(|m| show(&m)),
        Call::SymlinkMetadata(path) => fs::symlink_metadata(at(path)).map(|m| show(&m)),
        Call::ReadDir(path) => fs::read_dir(at(path)).map(|entries| {
            let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
            names.sort();
            format!("{names:?}")
        }),
        Call::Freeze => Ok(String::new()),
    };
    result.map_err(|error| error.raw_os_error().unwrap_or(-1))
}

/// `mkdir -p` step by step: the standard library's reports differ by platform.
fn create_all(root: &Path, path: &str) -> Seen {
    let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    ends.push(path.len());
    for end in ends {
        let at = root.join(&path[..end]);
        match fs::metadata(&at) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(20),
            Err(error) if error.raw_os_error() == Some(2) => {
                fs::create_dir(&at).map_err(|error| error.raw_os_error().unwrap_or(-1))?;
            }
            Err(error) => return Err(error.raw_os_error().unwrap_or(-1)),
        }
    }
    Ok(String::new())
}

fn remove_all(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

fn show(metadata: &fs::Metadata) -> String {
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => "directory".to_owned(),
        () if kind.is_symlink() => format!("link of {}", metadata.len()),
        () => format!("file of {} with {} names", metadata.len(), metadata.nlink()),
    }
}

fn ours(vfs: &mut Vfs, call: &Call) -> Seen {
    let at = |path: &String| format!("/r/{path}");
    let none = |()| String::new();
    let result = match call {
        Call::Write(path, bytes) => vfs.write(&at(path), bytes.as_slice()).map(none),
        Call::Append(path, bytes) => vfs.append(&at(path), bytes).map(none),
        Call::Read(path) => vfs.read(&at(path)).map(|bytes| format!("{bytes:?}")),
        Call::CreateDir(path) => vfs.create_dir(&at(path)).map(none),
        Call::CreateDirAll(path) => vfs.create_dir_all(&at(path)).map(none),
        Call::RemoveFile(path) => vfs.remove_file(&at(path)).map(none),
        Call::RemoveDir(path) => vfs.remove_dir(&at(path)).map(none),
        Call::RemoveAll(path) => vfs.remove_dir_all(&at(path)).map(none),
        Call::Rename(from, to) => vfs.rename(&at(from), &at(to)).map(none),
        Call::Symlink(target, path) => vfs.symlink(target, &at(path)).map(none),
        Call::HardLink(from, to) => vfs.hard_link(&at(from), &at(to)).map(none),
        Call::ReadLink(path) => vfs.read_link(&at(path)).map(|target| target.to_string()),
        Call::Metadata(path) => vfs.metadata(&at(path)).map(|m| show_ours(&m)),
        Call::SymlinkMetadata(path) => vfs.symlink_metadata(&at(path)).map(|m| show_ours(&m)),
        Call::ReadDir(path) => vfs.read_dir(&at(path)).map(|entries| {
            let names: Vec<_> = entries.iter().map(|entry| &*entry.name).collect();
            format!("{names:?}")
        }),
        Call::Freeze => {
            vfs.freeze();
            Ok(String::new())
        }
    };
    result.map_err(linux)
}

fn show_ours(metadata: &ssr_sandbox::Metadata) -> String {
    match metadata.kind {
        FileKind::Directory => "directory".to_owned(),
        FileKind::Symlink => format!("link of {}", metadata.len),
        _ => format!("file of {} with {} names", metadata.len, metadata.links),
    }
}

fn linux(error: VfsError) -> i32 {
    match error.errno() {
        Errno::NotPermitted => 1,
        Errno::NotFound => 2,
        Errno::Busy => 16,
        Errno::Exists => 17,
        Errno::NotDirectory => 20,
        Errno::IsDirectory => 21,
        Errno::Invalid => 22,
        Errno::NotEmpty => 39,
        Errno::Loop => 40,
        other => panic!("no test can get {other:?}"),
    }
}

/// Every path below `root` with what it is and holds.
fn real_tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mut what = show(&metadata);
            if metadata.is_dir() {
                pending.push(path.clone());
            } else if metadata.is_symlink() {
                what += &format!(" to {}", fs::read_link(&path).unwrap().display());
            } else {
                what += &format!(" {:?}", fs::read(&path).unwrap());
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, what);
        }
    }
    found
}

fn our_tree(vfs: &Vfs) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec!["/r".to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in vfs.read_dir(&directory).unwrap() {
            let path = format!("{directory}/{}", entry.name);
            let metadata = vfs.symlink_metadata(&path).unwrap();
            let mut what = show_ours(&metadata);
            match metadata.kind {
                FileKind::Directory => pending.push(path.clone()),
                FileKind::Symlink => what += &format!(" to {}", vfs.read_link(&path).unwrap()),
                _ => what += &format!(" {:?}", vfs.read(&path).unwrap()),
            }
            found.insert(path["/r/".len()..].to_owned(), what);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn behaves_like_a_real_directory(calls in prop::collection::vec(call(), 1..50)) {
        let directory = tempfile::tempdir().unwrap();
        let mut vfs = Vfs::new();
        vfs.create_dir("/r").unwrap();
        for (index, call) in calls.iter().enumerate() {
            let (theirs, mine) = (real(directory.path(), call), ours(&mut vfs, call));
            prop_assert_eq!(mine, theirs, "call {}: {:?}", index, call);
        }
        prop_assert_eq!(our_tree(&vfs), real_tree(directory.path()));
    }
}
