//! Python starts, and its standard library works.

use std::time::Duration;

use ssr_sandbox::{Error, ExecOutcome, InstanceLimits, Vfs, WasiCtx};

use super::{booted, fresh, guest, output_of, stdout};

#[test]
fn python_prints() {
    let mut instance = booted();
    let outcome = instance.exec("print('hello')").unwrap();
    assert_eq!(outcome, ExecOutcome::Finished { status: 0 });
    assert_eq!(stdout(&instance), "hello\n");
}

#[test]
fn it_is_cpython_3_14_on_wasi() {
    let source = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.platform)";
    assert_eq!(output_of(source), "cpython 3 14 wasi\n");
}

#[test]
fn the_standard_library_is_there() {
    let source = "\
import asyncio, dataclasses, decimal, doctest, email, fractions, inspect, json, pickle, re
import sqlite3, statistics, string, subprocess, tempfile, typing, unittest, xml.etree.ElementTree, zlib
print(json.dumps({'pi': float(decimal.Decimal('3.14'))}), zlib.crc32(b'x'))
";
    assert_eq!(output_of(source), "{\"pi\": 3.14} 2363233923\n");
}

#[test]
fn text_is_utf8() {
    assert_eq!(output_of("print('naïve ☃')"), "naïve ☃\n");
}

#[test]
fn an_exception_is_a_status_and_a_traceback() {
    let mut instance = fresh(&InstanceLimits::default());
    let outcome = instance.exec("print('before')\n1 / 0\n").unwrap();
    assert_eq!(outcome, ExecOutcome::Finished { status: 1 });
    assert_eq!(stdout(&instance), "before\n");
    assert!(instance.ctx().stderr().text().contains("ZeroDivisionError"));
    // The interpreter goes on.
    assert_eq!(instance.exec("print('after')").unwrap(), ExecOutcome::Finished { status: 0 });
}

#[test]
fn unfinished_lines_are_flushed_at_the_end() {
    assert_eq!(output_of("print('no newline', end='')"), "no newline");
}

#[test]
fn a_program_may_do_away_with_its_stdout() {
    for source in ["sys.stdout = None", "sys.stdout.close()", "del sys.stdout", "sys.stdout = 1"] {
        let mut instance = fresh(&InstanceLimits::default());
        let outcome = instance.exec(&format!("import sys\n{source}")).unwrap();
        assert_eq!(outcome, ExecOutcome::Finished { status: 0 }, "{source}");
        let outcome = instance.exec("x = 1").unwrap();
        assert_eq!(outcome, ExecOutcome::Finished { status: 0 }, "{source}");
    }
}

#[test]
fn exits_carry_their_code() {
    for (source, code) in [
        ("import sys; print('x', end=''); sys.exit(3)", 3),
        ("import os, sys; print('x', end='', flush=True); os._exit(4)", 4),
        ("print('x', end=''); raise SystemExit", 0),
    ] {
        let mut instance = fresh(&InstanceLimits::default());
        assert_eq!(instance.exec(source).unwrap(), ExecOutcome::Exited { code }, "{source}");
        assert_eq!(stdout(&instance), "x", "{source}");
        assert!(matches!(instance.exec("1"), Err(Error::InstanceSpent(_))));
        assert!(matches!(instance.snapshot(), Err(Error::InstanceSpent(_))));
    }
}

#[test]
fn a_nul_character_is_an_error() {
    assert!(matches!(fresh(&InstanceLimits::default()).exec("a\0b"), Err(Error::Source)));
}

#[test]
fn sleeping_takes_virtual_time() {
    let source = "\
import time, threading
start = time.monotonic()
time.sleep(3600)
print(round(time.monotonic() - start))
";
    assert_eq!(output_of(source), "3600\n");
}

#[test]
fn there_is_no_network() {
    let source = "\
import socket
for attempt in (lambda: socket.socket(), lambda: socket.getaddrinfo('localhost', 80)):
    try:
        attempt()
    except OSError as error:
        print('refused')
";
    assert_eq!(output_of(source), "refused\nrefused\n");
}

#[test]
fn there_are_no_subprocesses_and_no_host_files() {
    let source = "\
import os, subprocess
try:
    subprocess.run(['true'])
except OSError:
    print('refused')
print(os.path.exists('/etc/passwd'), os.listdir('/'))
";
    assert_eq!(output_of(source), "refused\nFalse ['dev', 'tmp', 'usr']\n");
}

#[test]
fn a_filesystem_without_standard_library_is_a_boot_error() {
    let ctx = WasiCtx::builder().vfs(Vfs::new()).build();
    let error = guest().boot(ctx, &InstanceLimits::default()).err().unwrap();
    assert!(matches!(&error, Error::Boot(_)), "{error:?}");
    assert!(error.to_string().contains("encodings"), "{error}");
}

#[test]
fn a_boot_has_limits_too() {
    let limits = InstanceLimits::default().with_cpu(Duration::ZERO);
    let ctx = WasiCtx::builder().vfs(guest().base_vfs()).build();
    let error = guest().boot(ctx, &limits).err().unwrap();
    assert!(matches!(&error, Error::Boot(reason) if reason.contains("Timeout")), "{error:?}");
}
