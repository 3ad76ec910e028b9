//! What a machine does beside a command decides nothing about it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ssr_core::{
    Command, Exit, Limits, Outcome, Output, Sandbox, SandboxError, TestSelection, Workspace,
};

use crate::support::{own_sandbox, tree};

/// A test that ends at once, one that computes and one that never ends.
const SUITE: &str = "\
def test_quick(): pass
def test_slow(): assert sum(i * i % 7 for i in range(1_500_000)) > 0
def test_endless():
    while True: pass
def test_wrong(): assert 0
";

/// Runs `work` while several threads for each processor do nothing but compute.
fn under_load<R>(work: impl FnOnce() -> R) -> R {
    struct Done<'d>(&'d AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let done = AtomicBool::new(false);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let _done = Done(&done);
        for _ in 0..4 * processors {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        work()
    })
}

#[test]
fn a_suite_ends_on_a_busy_machine_as_on_an_idle_one() {
    let sandbox = own_sandbox();
    let run = |command: &Command, limits| -> Output {
        let mut workspace = sandbox.open(&tree(&[("test_a.py", SUITE)])).unwrap();
        workspace.run(&command.clone().with_limits(limits)).unwrap()
    };
    let selection =
        ["test_quick", "test_slow", "test_wrong"].map(|name| format!("test_a.py::{name}"));
    let ending = Command::tests(TestSelection::Ids(selection.to_vec()));
    let took = (0..2).filter_map(|_| run(&ending, Limits::default()).cpu).min().unwrap();
    // By the clock on the wall, nine threads on two processors would take more. Threads that share a
    // core slow each other down, so the same work takes more processor time, too.
    let limits = Limits::default().with_cpu(took * 12).with_per_test(took * 3);
    for command in [Command::tests(TestSelection::All), Command::shell("pytest -v; echo $?")] {
        let idle = run(&command, limits);
        let busy = under_load(|| run(&command, limits));
        assert_eq!(idle, busy);
        let report = idle.report.unwrap();
        let outcomes: Vec<_> = report.iter().map(|(_, outcome)| outcome).collect();
        let (passed, failed) = (Outcome::Passed, Outcome::Failed);
        assert_eq!(outcomes, [Outcome::Timeout, passed, passed, failed], "{report:?}");
    }
}

#[test]
fn what_comes_close_to_its_limit_is_repeated_alone() {
    let sandbox = own_sandbox();
    let source = "sum(i * i % 7 for i in range(1_000_000)); print('done')";
    let run = |cpu: Option<Duration>| {
        let limits = cpu.map_or(Limits::default(), |cpu| Limits::default().with_cpu(cpu));
        let mut workspace = sandbox.open(&tree(&[])).unwrap();
        workspace.run(&Command::python(source).with_limits(limits)).unwrap()
    };
    let took = (0..3).filter_map(|_| run(None).cpu).min().unwrap();
    let before = sandbox.counters().repeated;
    assert_eq!(run(Some(took * 3 / 4)).exit, Exit::Timeout);
    // It may have been so slow that it was over at once.
    assert!(sandbox.counters().repeated - before <= 1);
    let before = sandbox.counters().repeated;
    assert_eq!(run(Some(took * 5)).exit, Exit::Code(0));
    assert_eq!(sandbox.counters().repeated, before);
}

#[test]
fn what_the_machine_has_no_time_for_fails_twice_and_has_no_verdict() {
    let sandbox = own_sandbox();
    let limits = Limits::default().with_wall(Duration::from_millis(200)).with_per_test(None);
    let endless = "def test_x():\n    while True: pass\n";
    for (command, again) in [
        (Command::python("while True: pass"), 1),
        (Command::tests(TestSelection::All), 1),
        (Command::shell("python -c 'while True: pass'"), 1),
        // What the shell does itself is not done twice: scripts have side effects.
        (Command::shell("while :; do :; done"), 0),
        (Command::shell("sleep 1000"), 0),
    ] {
        let before = sandbox.counters().repeated;
        let mut workspace = sandbox.open(&tree(&[("test_a.py", endless)])).unwrap();
        let failed = workspace.run(&command.clone().with_limits(limits)).err();
        assert!(matches!(failed, Some(SandboxError::Infrastructure { .. })), "{command:?}");
        let text = failed.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("too busy") && text.contains("Limits::wall"), "{text}");
        assert_eq!(sandbox.counters().repeated - before, again, "{command:?}");
        // The workspace goes on.
        let next = workspace.run(&Command::python("print(1)")).unwrap();
        assert_eq!(next.stdout_text(), "1\n");
    }
}

#[test]
fn a_script_that_sleeps_spends_its_time() {
    let sandbox = own_sandbox();
    let limits = Limits::default().with_cpu(Duration::from_millis(300));
    let mut workspace = sandbox.open(&tree(&[])).unwrap();
    let output = workspace.run(&Command::shell("echo a; sleep 1000; echo b").with_limits(limits));
    let output = output.unwrap();
    assert_eq!((output.exit, output.stdout.as_slice()), (Exit::Timeout, b"a\n".as_slice()));
}
