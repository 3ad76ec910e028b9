use std::{fs, path::Path, sync::Mutex};

use ssr_sandbox::{ExecOutcome, Guest, GuestProgress, Limits, WasiCtx, default_cache_dir};

use super::guest;

/// A copy of the cache that a test may damage.
fn copied_cache() -> tempfile::TempDir {
    guest();
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&default_cache_dir(), copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let guest = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    fs::read_dir(guest).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn prepare(folder: &Path) -> (Guest, Vec<GuestProgress>) {
    let steps = Mutex::new(Vec::new());
    let guest = Guest::prepare(folder, &|step| steps.lock().unwrap().push(step)).unwrap();
    (guest, steps.into_inner().unwrap())
}

#[test]
fn an_intact_cache_needs_no_work() {
    let cache = copied_cache();
    assert_eq!(prepare(cache.path()).1, [GuestProgress::Ready]);
}

#[test]
fn damaged_parts_are_made_again() {
    let cache = copied_cache();
    for path in files(cache.path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let good = fs::read(&path).unwrap();
        // Machine code takes long to make; its damage is covered below.
        if name.ends_with(".cwasm") || name == "lock" {
            continue;
        }
        for bad in [&good[..good.len() / 2], b"", b"something else entirely, of some length"] {
            fs::write(&path, bad).unwrap();
            let (guest, _) = prepare(cache.path());
            assert_eq!(fs::read(&path).unwrap(), good, "{name}");
            let ctx = WasiCtx::builder().vfs(guest.base_vfs()).build();
            guest.boot(ctx, &Limits::default()).unwrap();
        }
    }
}

#[test]
fn corrupt_machine_code_is_compiled_again() {
    let cache = copied_cache();
    let path =
        files(cache.path()).into_iter().find(|path| path.extension().is_some_and(|e| e == "cwasm"));
    let path = path.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&path, bytes).unwrap();
    let (guest, steps) = prepare(cache.path());
    assert_eq!(steps, [GuestProgress::Compiling, GuestProgress::Ready]);
    let ctx = WasiCtx::builder().vfs(guest.base_vfs()).build();
    let mut instance = guest.boot(ctx, &Limits::default()).unwrap();
    assert_eq!(instance.exec("print(1)").unwrap(), ExecOutcome::Finished { status: 0 });
}
