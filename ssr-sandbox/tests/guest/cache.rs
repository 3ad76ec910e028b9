//! The cache of compiled guests.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use ssr_sandbox::{ExecOutcome, Guest, GuestProgress, InstanceLimits, WasiCtx, default_cache_dir};

use super::guest;

/// A copy of the cache that a test may damage.
fn copied_cache() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join(guest().id());
    fs::create_dir(&target).unwrap();
    for file in entries(&default_cache_dir().join(guest().id())) {
        fs::copy(&file, target.join(file.file_name().unwrap())).unwrap();
    }
    copy
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
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
    for path in entries(&cache.path().join(guest().id())) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Without damage to the machine code, what it was compiled from is not looked at.
        if name.ends_with(".cwasm") || name == "code.wasm" || name == "lock" {
            continue;
        }
        let good = fs::read(&path).unwrap();
        for bad in [&good[..good.len() / 2], b"", b"something else entirely, of some length"] {
            fs::write(&path, bad).unwrap();
            let (guest, _) = prepare(cache.path());
            assert!(fs::read(&path).unwrap() == good, "{name}");
            let ctx = WasiCtx::builder().vfs(guest.base_vfs()).build();
            let mut instance = guest.boot(ctx, &InstanceLimits::default()).unwrap();
            let outcome = instance.exec("import json").unwrap();
            assert_eq!(outcome, ExecOutcome::Finished { status: 0 });
        }
    }
}

#[test]
fn several_preparations_at_once_agree() {
    let cache = copied_cache();
    // Nobody finds the image, so all of them want to make it.
    let image = cache.path().join(guest().id()).join("memory.bin");
    fs::remove_file(&image).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| prepare(cache.path()).0)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap().id(), guest().id());
        }
    });
    assert!(image.is_file());
}
