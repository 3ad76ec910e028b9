//! Memory of one more running interpreter, as the proportional set size (PSS) that Linux reports.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ssr_core::{Command, File, Limits, RepoPath, Sandbox, TestSelection, Workspace};
use ssr_examples::bench::Row;
use ssr_examples::{Failure, Package, Result};
use ssr_sandbox::Guest;

use crate::case::Case;
use crate::ours::Ours;
use crate::peer::{Peer, broke, pytest};

/// The number of interpreters that run at once.
const CLONES: usize = 4;
/// How long they run.
const WATCHED: Duration = Duration::from_secs(8);
/// A test that comes after all others and never ends.
const STAYS: &str = "test_zz_stays.py";

/// The peak memory of one more running clone while it runs the tests of the case. A page that `n`
/// processes share counts as 1/`n` page (PSS). `None` on systems other than Linux.
pub fn row(case: &Case, guest: &Guest, package: &Package, native: &Peer) -> Result<Option<Row>> {
    if proportional("self").is_none() {
        eprintln!("memory: skipped, /proc/self/smaps_rollup cannot be read");
        return Ok(None);
    }
    let ours = ours(case, guest, package)?;
    let theirs = theirs(case, native)?;
    Ok(Some(Row::less("memory of one running clone", "MB", ours, native.name, theirs)))
}

fn ours(case: &Case, guest: &Guest, package: &Package) -> Result<f64> {
    let ours = Ours::new(guest, case, package, CLONES)?;
    let sandbox = ours.sandbox();
    let stays = File::new(*b"def test_stays():\n    while True: pass\n");
    let tree = package.tree.with(RepoPath::new(STAYS)?, stays)?;
    let files = vec![RepoPath::new(case.tests)?, RepoPath::new(STAYS)?];
    // The clones share the processors, and each may take twice its limit.
    let limits = Limits::default().with_cpu(WATCHED / 4).with_per_test(None);
    let command = Command::tests(TestSelection::Files(files)).with_limits(limits);
    let before = proportional("self").unwrap_or_default();
    let most = thread::scope(|scope| {
        let clones: Vec<_> =
            (0..CLONES).map(|_| scope.spawn(|| sandbox.open(&tree)?.run(&command))).collect();
        let mut most = before;
        while clones.iter().any(|clone| !clone.is_finished()) {
            most = most.max(proportional("self").unwrap_or_default());
            thread::sleep(Duration::from_millis(50));
        }
        for clone in clones {
            let lost = |_| Failure::Infrastructure("a thread of the bench panicked".to_owned());
            clone.join().map_err(lost)??;
        }
        Ok::<_, Failure>(most)
    })?;
    Ok((most - before) / CLONES as f64)
}

fn theirs(case: &Case, native: &Peer) -> Result<f64> {
    let stays = native.folder().join(STAYS);
    let body = "def test_stays():\n    import time; time.sleep(60)\n";
    fs::write(&stays, body).map_err(|error| broke(&error))?;
    let start = || {
        let files = [case.tests, STAYS].map(str::to_owned);
        let mut command = native.command(pytest().chain(files));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|error| broke(&error))
    };
    let mut processes: Vec<Child> = (0..CLONES).map(|_| start()).collect::<Result<_>>()?;
    let (begin, mut most) = (Instant::now(), 0.0_f64);
    while begin.elapsed() < WATCHED {
        let each = processes.iter().filter_map(|process| proportional(&process.id().to_string()));
        most = most.max(each.sum());
        thread::sleep(Duration::from_millis(50));
    }
    for process in &mut processes {
        process.kill().and_then(|()| process.wait()).map_err(|error| broke(&error))?;
    }
    fs::remove_file(&stays).map_err(|error| broke(&error))?;
    Ok(most / CLONES as f64)
}

/// The PSS of a process in megabytes.
fn proportional(process: &str) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}
