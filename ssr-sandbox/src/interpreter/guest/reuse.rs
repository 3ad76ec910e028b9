//! Tests that the memory of a Python that has ended leaves no trace in the next.

use super::{Guest, GuestSnapshot, InstanceLimits, PythonVersion, build, default_cache_dir};
use crate::interpreter::engine::engine_with;
use crate::interpreter::wasi::WasiCtx;

/// A Python that did something, and its memory.
fn rests(guest: &Guest, source: &str) -> (GuestSnapshot, Vec<u8>) {
    let ctx = WasiCtx::builder().vfs(guest.base_vfs()).build();
    let mut python = guest.boot(ctx, &InstanceLimits::default()).unwrap();
    python.exec(source).unwrap();
    let memory = python.memory().to_vec();
    (python.snapshot().unwrap(), memory)
}

#[test]
fn clones_in_one_slot_are_equal_byte_for_byte() {
    let engine = engine_with(1).unwrap();
    let version = PythonVersion::default();
    let parts = build::prepare(&default_cache_dir(), version, &engine, &|_| {}).unwrap();
    let guest = Guest::assemble(version, engine, parts).unwrap();
    let one = rests(&guest, "import json");
    let two = rests(&guest, "import unittest\nx = [str(n) for n in range(200_000)]");
    assert!(one.1 != two.1);
    let spoil = "\
import ast, gc
x = [bytearray(b'x' * 50_000) for _ in range(2_000)]
for block in gc.get_objects():
    if isinstance(block, dict):
        block.update(spoiled=block)
print(ast.dump(ast.parse('a = 1')))
1 / 0
";
    let ends = "import os\nos._exit(3)";
    for (round, (snapshot, memory)) in [&one, &one, &two, &one, &two, &two].into_iter().enumerate()
    {
        let ctx = WasiCtx::builder().vfs(snapshot.vfs().clone()).build();
        let mut clone = snapshot.instantiate(ctx, &InstanceLimits::default()).unwrap();
        assert!(clone.memory() == memory, "round {round}");
        clone.exec(spoil).unwrap();
        assert!(clone.memory_bytes() > memory.len() + 90_000_000);
        if round % 2 == 0 {
            clone.exec(ends).unwrap();
        }
    }
}
