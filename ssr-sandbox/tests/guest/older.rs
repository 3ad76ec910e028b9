//! CPython 3.11, where the cache has it: compiling it takes too long for a test.

use std::{fs, sync::OnceLock};

use ssr_core::{Command, File, RepoPath, Sandbox, Tree, Workspace};
use ssr_sandbox::{
    ExecOutcome, Guest, GuestSnapshot, InstanceLimits, PythonVersion, WasiCtx, WasiSandbox,
    default_cache_dir,
};

use super::stdout;

fn guest() -> Option<&'static Guest> {
    static GUEST: OnceLock<Option<Guest>> = OnceLock::new();
    let find = || Guest::find(&default_cache_dir(), PythonVersion::V3_11).expect("a cache");
    let guest = GUEST.get_or_init(find).as_ref();
    if guest.is_none() {
        println!(
            "skipped: there is no CPython 3.11; make it with `cargo xtask guest --python 3.11`"
        );
    }
    guest
}

fn warm() -> Option<&'static GuestSnapshot> {
    static WARM: OnceLock<GuestSnapshot> = OnceLock::new();
    let guest = guest()?;
    Some(WARM.get_or_init(|| {
        let ctx = WasiCtx::builder().vfs(guest.base_vfs()).build();
        let instance = guest.boot(ctx, &InstanceLimits::default()).expect("Python starts");
        instance.snapshot().expect("a snapshot")
    }))
}

/// Checks what `source` prints and how it ends, if there is an interpreter.
fn check(source: &str, expected: &str, outcome: ExecOutcome) {
    let Some(warm) = warm() else { return };
    let ctx = WasiCtx::builder().vfs(warm.vfs().clone()).build();
    let mut clone = warm.instantiate(ctx, &InstanceLimits::default()).unwrap();
    let ended = clone.exec(source).unwrap();
    assert_eq!(ended, outcome, "{source}\n{}", clone.ctx().stderr().text());
    assert_eq!(stdout(&clone), expected, "{source}");
}

const FINISHED: ExecOutcome = ExecOutcome::Finished { status: 0 };

#[test]
fn it_is_cpython_3_11_on_wasi() {
    let source = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.platform)";
    check(source, "cpython 3 11 wasi\n", FINISHED);
    check("import sysconfig; print(sysconfig.get_config_var('WITH_PYMALLOC'))", "1\n", FINISHED);
    if let Some(guest) = guest() {
        assert_eq!(guest.version(), PythonVersion::V3_11);
        assert!(guest.id().starts_with("cpython-3.11-"));
    }
}

#[test]
fn the_standard_library_is_there() {
    let source = "\
import asyncio, bz2, dataclasses, decimal, doctest, email, fractions, hashlib, inspect, json
import lib2to3, pickle, random, re, sqlite3, statistics, string, tempfile, test.support, typing
import unicodedata, unittest, xml.etree.ElementTree as tree, zlib, zoneinfo
print(json.dumps({'pi': float(decimal.Decimal('3.14'))}), zlib.crc32(b'x'))
print(hashlib.sha256(b'').hexdigest()[:8], hashlib.blake2b(b'').hexdigest()[:8])
print(bz2.decompress(bz2.compress(b'abc')), tree.fromstring('<a b=\"c\"/>').attrib)
base = sqlite3.connect('/tmp/base')
base.execute('create table t (x)')
base.execute('insert into t values (?)', [42])
base.commit()
print(sqlite3.connect('/tmp/base').execute('select x from t').fetchall())
";
    let expected = "{\"pi\": 3.14} 2363233923\ne3b0c442 786a02f7\nb'abc' {'b': 'c'}\n[(42,)]\n";
    check(source, expected, FINISHED);
}

#[test]
fn recursion_goes_as_deep_as_elsewhere() {
    let source = "\
import sys
def depth(n):
    return n and depth(n - 1)
print(sys.getrecursionlimit(), depth(900))
class Deep:
    def __getattr__(self, name):
        return getattr(self, name + 'x')
for endless in (lambda: depth(10**9), lambda: Deep().a, lambda: eval('(' * 150 + ')' * 150)):
    try:
        endless()
    except RecursionError:
        print('too deep')
";
    check(source, "1000 0\ntoo deep\ntoo deep\n", FINISHED);
}

#[test]
fn exceptions_and_exits_are_told_apart() {
    check("print('before')\n1 / 0", "before\n", ExecOutcome::Finished { status: 1 });
    check("print('x', end=''); raise SystemExit(3)", "x", ExecOutcome::Exited { code: 3 });
    check("import os; os._exit(4)", "", ExecOutcome::Exited { code: 4 });
}

#[test]
fn sleeping_takes_virtual_time() {
    let source = "\
import time
start = time.monotonic()
time.sleep(3600)
print(round(time.monotonic() - start))
";
    check(source, "3600\n", FINISHED);
}

#[test]
fn clones_are_equal() {
    let source = "\
import os, random, time, uuid
print(random.random(), uuid.uuid4(), time.time_ns(), os.urandom(4), hash('x'), id(object()))
";
    let Some(warm) = warm() else { return };
    let output = || {
        let ctx = WasiCtx::builder().vfs(warm.vfs().clone()).build();
        let mut clone = warm.instantiate(ctx, &InstanceLimits::default()).unwrap();
        clone.exec(source).unwrap();
        stdout(&clone)
    };
    assert_eq!(output(), output());
}

#[test]
fn a_repository_is_tested_with_it() {
    let Some(guest) = guest() else { return };
    // unittest needs no packages.
    let sandbox = WasiSandbox::builder(guest).preload(["unittest"]).build().unwrap();
    let test = "\
import sys, unittest
class Case(unittest.TestCase):
    def test(self):
        self.assertEqual(sys.version_info[:2], (3, 11))
";
    let file = (RepoPath::new("check.py").unwrap(), File::new(test.as_bytes()));
    let mut workspace = sandbox.open(&Tree::from_files([file]).unwrap()).unwrap();
    let script = "python --version; python -m unittest -v check";
    let log = workspace.run(&Command::shell(script)).unwrap().log();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("Python 3.11.") && log.contains("... ok"), "{log}");
}

#[test]
fn a_damaged_part_is_never_used() {
    let Some(guest) = guest() else { return };
    let cache = tempfile::tempdir().unwrap();
    // There may be some of other versions of this crate.
    let folders: Vec<_> = fs::read_dir(default_cache_dir())
        .unwrap()
        .map(|folder| folder.unwrap())
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("cpython-3.11-"))
        .map(|folder| (folder.path(), cache.path().join(folder.file_name())))
        .collect();
    let restore = || {
        for (from, to) in &folders {
            fs::create_dir_all(to).unwrap();
            for file in fs::read_dir(from).unwrap().flatten().filter(|file| file.path().is_file()) {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    };
    let find = || Guest::find(cache.path(), PythonVersion::V3_11).unwrap();
    for part in ["memory.bin", "stdlib.tar.zst", "record.txt"] {
        for bad in [b"".as_slice(), b"something else entirely, and longer than a hash"] {
            restore();
            for (_, copy) in folders.iter().filter(|(from, _)| from.join(part).is_file()) {
                fs::write(copy.join(part), bad).unwrap();
            }
            assert!(find().is_none(), "{part}");
        }
    }
    restore();
    assert_eq!(find().expect("a copy").id(), guest.id());
}
