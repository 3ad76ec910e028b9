//! Limits on time, memory and stack.

use std::time::Duration;

use ssr_sandbox::{Error, ExecOutcome, InstanceLimits};

use super::{fresh, output_of, stdout};

const MIB: usize = 1 << 20;

fn limited(cpu_ms: u64, memory: usize) -> InstanceLimits {
    InstanceLimits::default().with_cpu(Duration::from_millis(cpu_ms)).with_memory(memory)
}

#[test]
fn an_endless_loop_times_out_and_keeps_its_output() {
    let mut instance = fresh(&limited(200, 256 * MIB));
    let outcome = instance.exec("print('started')\nwhile True: pass").unwrap();
    assert_eq!(outcome, ExecOutcome::Timeout);
    assert_eq!(stdout(&instance), "started\n");
    assert!(matches!(instance.exec("1"), Err(Error::InstanceSpent(_))));
}

#[test]
fn an_endless_loop_that_catches_everything_times_out() {
    let source = "while True:\n    try:\n        while True: pass\n    except BaseException: pass";
    let mut instance = fresh(&limited(200, 256 * MIB));
    assert_eq!(instance.exec(source).unwrap(), ExecOutcome::Timeout);
}

#[test]
fn a_slow_native_function_times_out() {
    let mut instance = fresh(&limited(200, 256 * MIB));
    assert_eq!(instance.exec("pow(3, 10 ** 8)").unwrap(), ExecOutcome::Timeout);
}

#[test]
fn a_guest_that_the_machine_has_no_time_for_is_not_to_blame() {
    let limits = limited(20_000, 256 * MIB).with_wall(Duration::from_millis(100));
    let mut instance = fresh(&limits);
    let outcome = instance.exec("print('started')\nwhile True: pass").unwrap();
    assert_eq!(outcome, ExecOutcome::Stalled);
    assert_eq!(stdout(&instance), "started\n");
    assert!(matches!(instance.exec("1"), Err(Error::InstanceSpent(_))));
}

#[test]
fn each_exec_has_its_own_time() {
    let mut instance = fresh(&limited(400, 256 * MIB));
    for _ in 0..3 {
        let outcome = instance.exec("sum(i * i for i in range(300_000))").unwrap();
        assert_eq!(outcome, ExecOutcome::Finished { status: 0 });
    }
}

#[test]
fn python_recursion_is_a_recursion_error() {
    let source = "\
def f(n): return f(n + 1)
try:
    f(0)
except RecursionError:
    print('caught')
";
    assert_eq!(output_of(source), "caught\n");
}

#[test]
fn native_recursion_never_harms_the_host() {
    // Each recurses in C: containers, descriptors, the parser, the compiler, pickling, regexes.
    for source in [
        "x = []\nfor _ in range(5_000): x = [x]\nrepr(x)",
        "x = ()\nfor _ in range(200_000): x = (x,)\nhash(x)",
        "class A:\n    def __getattr__(self, name): return getattr(self, name)\nA().x",
        "eval('(' * 100_000)",
        "eval('-' * 100_000 + '1')",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
        "import sys\nsys.setrecursionlimit(10 ** 9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())",
        "import json\njson.loads('[' * 100_000)",
        "import re\nre.compile('(' * 5_000 + ')' * 5_000)",
        "import pickle\nx = []\nfor _ in range(100_000): x = [x]\npickle.dumps(x)",
        "import ast\nast.parse('a.' * 50_000 + 'a')",
    ] {
        let mut instance = fresh(&limited(20_000, 256 * MIB));
        let outcome = instance.exec(source).unwrap();
        let expected = matches!(
            outcome,
            ExecOutcome::Finished { .. } | ExecOutcome::StackOverflow | ExecOutcome::OutOfMemory
        );
        assert!(expected, "{source}: {outcome:?}");
    }
}

#[test]
fn a_memory_bomb_is_a_memory_error() {
    let mut instance = fresh(&limited(20_000, 64 * MIB));
    let outcome = instance.exec("x = []\nwhile True: x.append(bytes(1 << 20))").unwrap();
    assert_eq!(outcome, ExecOutcome::OutOfMemory);
    assert!(instance.ctx().stderr().text().contains("MemoryError"));
    assert!(instance.memory_bytes() <= 64 * MIB);
}

#[test]
fn a_caught_memory_error_is_no_breach() {
    let source = "\
try:
    x = bytes(1 << 30)
except MemoryError:
    print('caught')
";
    let mut instance = fresh(&limited(20_000, 64 * MIB));
    assert_eq!(instance.exec(source).unwrap(), ExecOutcome::Finished { status: 0 });
    assert_eq!(stdout(&instance), "caught\n");
}

#[test]
fn less_memory_than_the_snapshot_is_an_error() {
    let ctx = ssr_sandbox::WasiCtx::builder().vfs(super::warm().vfs().clone()).build();
    let refused = super::warm().instantiate(ctx, &limited(1000, MIB));
    assert!(matches!(refused, Err(Error::Engine { .. })));
}

#[test]
fn output_beyond_the_limit_is_cut() {
    let ctx = ssr_sandbox::WasiCtx::builder()
        .vfs(super::warm().vfs().clone())
        .output_limit(10_000)
        .build();
    let mut instance = super::warm().instantiate(ctx, &limited(20_000, 128 * MIB)).unwrap();
    let outcome = instance.exec("for _ in range(1000): print('x' * 100)").unwrap();
    assert_eq!(outcome, ExecOutcome::Finished { status: 0 });
    assert_eq!(instance.ctx().stdout().bytes.len(), 10_000);
    assert!(instance.ctx().stdout().truncated);
}
