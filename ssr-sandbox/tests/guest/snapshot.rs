//! Clones of a snapshot are equal and independent.

use std::thread;

use ssr_sandbox::{ExecOutcome, InstanceLimits, WasiCtx, on_guest_stack};

use super::{booted, fresh, guest, output_of, stdout, warm};

#[test]
fn a_snapshot_keeps_what_was_done_before_it() {
    let mut instance = booted();
    instance.exec("import json\nx = [1]\nopen('/tmp/f', 'w').write('kept')").unwrap();
    let snapshot = instance.snapshot().unwrap();
    for _ in 0..2 {
        let ctx = WasiCtx::builder().vfs(snapshot.vfs().clone()).build();
        let mut clone = snapshot.instantiate(ctx, &InstanceLimits::default()).unwrap();
        clone.exec("import sys\nprint('json' in sys.modules, x, open('/tmp/f').read())").unwrap();
        assert_eq!(stdout(&clone), "True [1] kept\n");
    }
}

#[test]
fn clones_do_not_see_each_other() {
    let change = "\
import builtins, os, sys
assert not hasattr(builtins, 'seen') and not os.path.exists('/tmp/seen')
builtins.seen = True
open('/tmp/seen', 'w').close()
sys.modules['json'] = None
print(sorted(os.listdir('/tmp')))
";
    for _ in 0..3 {
        assert_eq!(output_of(change), "['seen']\n");
    }
}

#[test]
fn clones_of_equal_contexts_are_equal() {
    let source = "\
import os, random, secrets, tempfile, time, uuid
class Thing: pass
print(time.time_ns(), time.monotonic_ns(), time.perf_counter_ns(), time.process_time_ns())
print(random.random(), random.SystemRandom().random(), secrets.token_hex(8), os.urandom(4))
print(uuid.uuid4(), uuid.uuid1(), tempfile.mktemp())
print(hash('text'), hash(Thing()), id(Thing()), {'a', 'b', 'c', 'd'}, Thing())
";
    let first = output_of(source);
    assert_eq!(first.lines().count(), 4);
    assert_eq!(first, output_of(source));
}

#[test]
fn the_seed_of_the_context_decides_randomness() {
    let random = |seed| {
        let ctx = WasiCtx::builder().vfs(warm().vfs().clone()).seed([seed; 32]).build();
        let mut clone = warm().instantiate(ctx, &InstanceLimits::default()).unwrap();
        clone.exec("import os; print(os.urandom(8))").unwrap();
        stdout(&clone)
    };
    assert_eq!(random(1), random(1));
    assert_ne!(random(1), random(2));
}

#[test]
fn time_goes_on_from_the_snapshot() {
    let mut instance = booted();
    instance.exec("import time\ntime.sleep(100)\nbefore = time.monotonic()").unwrap();
    let snapshot = instance.snapshot().unwrap();
    let ctx = WasiCtx::builder().vfs(snapshot.vfs().clone()).build();
    let mut clone = snapshot.instantiate(ctx, &InstanceLimits::default()).unwrap();
    clone.exec("print(time.monotonic() >= before)").unwrap();
    assert_eq!(stdout(&clone), "True\n");
}

#[test]
fn a_clone_can_be_snapshotted_again() {
    let mut instance = fresh(&InstanceLimits::default());
    instance.exec("level = 2").unwrap();
    let snapshot = instance.snapshot().unwrap();
    let ctx = WasiCtx::builder().vfs(snapshot.vfs().clone()).build();
    let mut clone = snapshot.instantiate(ctx, &InstanceLimits::default()).unwrap();
    assert_eq!(clone.exec("assert level == 2").unwrap(), ExecOutcome::Finished { status: 0 });
}

#[test]
fn snapshots_are_shared_between_threads() {
    thread::scope(|scope| {
        let run = || output_of("print(sum(range(1000)))");
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), "499500\n");
        }
    });
}

#[test]
fn an_instance_may_move_between_threads() {
    let mut instance = fresh(&InstanceLimits::default());
    instance.exec("x = 1").unwrap();
    let mut instance = on_guest_stack(move || {
        instance.exec("x += 1").unwrap();
        instance
    })
    .unwrap();
    instance.exec("print(x)").unwrap();
    assert_eq!(stdout(&instance), "2\n");
}

#[test]
fn packages_below_site_packages_are_imported() {
    let mut vfs = guest().base_vfs();
    vfs.create_dir_all("/site-packages").unwrap();
    vfs.write("/site-packages/extra.py", *b"value = 42\n").unwrap();
    let ctx = WasiCtx::builder().vfs(vfs).build();
    let mut instance = guest().boot(ctx, &InstanceLimits::default()).unwrap();
    instance.exec("import extra; print(extra.value)").unwrap();
    assert_eq!(stdout(&instance), "42\n");
}
