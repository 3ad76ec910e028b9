//! What the guest has in the place of what WASI lacks.

use ssr_core::{Command, Exit, Workspace};

use crate::support::open;

fn run(source: &str) -> String {
    let output = open(&[]).run(&Command::python(source)).unwrap();
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr_text());
    output.stdout_text().into_owned()
}

#[test]
fn a_thread_has_run_when_its_start_returns() {
    let source = "
import contextvars, threading
seen, local, var = [], threading.local(), contextvars.ContextVar('v', default='fresh')
local.x = 'mine'
var.set('mine')
def work(n):
    seen.append((n, threading.current_thread().name, hasattr(local, 'x'), var.get()))
thread = threading.Thread(target=work, args=(1,), name='worker')
print(thread.is_alive(), thread.ident)
thread.start()
thread.join()
print(seen, thread.is_alive(), thread.ident != threading.get_ident())
print(threading.active_count(), threading.current_thread() is threading.main_thread())
try:
    thread.start()
except RuntimeError as error:
    print(error)
";
    let expected = "False None\n[(1, 'worker', False, 'fresh')] False True\n1 True\nthreads can only be started once\n";
    assert_eq!(run(source), expected);
}

#[test]
fn an_error_in_a_thread_goes_to_its_hook() {
    let source = "
import threading
threading.excepthook = lambda args: print('hook', args.exc_type.__name__, args.thread.name)
threading.Thread(target=lambda: 1 / 0, name='t').start()
print('on')
";
    assert_eq!(run(source), "hook ZeroDivisionError t\non\n");
}

#[test]
fn a_thread_that_waits_for_another_one_cannot_be_started() {
    let source = "
import queue, threading, time
def refused(target, *args):
    start = time.monotonic()
    thread = threading.Thread(target=target, args=args)
    try:
        thread.start()
    except RuntimeError as error:
        return str(error).split(':')[0], thread.is_alive(), time.monotonic() - start < 1
held = threading.Lock()
held.acquire()
def stubborn():
    while True:
        try:
            queue.Queue().get(timeout=5)
        except Exception:
            pass
print(refused(held.acquire))
print(refused(queue.Queue().get))
print(refused(queue.SimpleQueue().get))
print(refused(threading.Event().wait, 100))
print(refused(threading.Barrier(2).wait))
print(refused(stubborn))
recursive = threading.RLock()
recursive.acquire()
recursive.acquire()
print(refused(recursive.acquire))
";
    assert_eq!(run(source), "(\"can't start new thread\", False, True)\n".repeat(7));
}

#[test]
fn a_wait_that_nobody_can_end_is_an_error_and_a_limited_one_takes_virtual_time() {
    let source = "
import queue, threading, time
for wait in (queue.Queue().get, threading.Event().wait, threading.Semaphore(0).acquire):
    try:
        wait()
    except RuntimeError as error:
        print(error)
start = time.monotonic()
print(threading.Event().wait(600), 600 <= time.monotonic() - start < 700)
try:
    queue.Queue().get(timeout=1)
except queue.Empty:
    print('empty')
lock = threading.Lock()
print(lock.acquire(), lock.acquire(False), lock.acquire(timeout=2), lock.locked())
lock.release()
with lock:
    print(lock)
";
    let stdout = run(source);
    let lines: Vec<_> = stdout.lines().collect();
    let deadlock = "waiting for a lock that nobody can give: there is one thread only";
    assert_eq!(lines[..3], [deadlock; 3]);
    assert_eq!(lines[3..6], ["False True", "empty", "True False False True"]);
    assert!(lines[6].starts_with("<locked _thread.lock object at 0x"), "{stdout}");
}

#[test]
fn a_pool_of_threads_does_its_work_at_once() {
    let source = "
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor, as_completed
ready = []
with ThreadPoolExecutor(2, 'pool', initializer=ready.append, initargs=(1,)) as pool:
    print(list(pool.map(lambda x: x * x, range(4))), ready)
    failed = pool.submit(lambda: 1 / 0)
    print(type(failed.exception()).__name__, pool.submit(lambda: threading.current_thread().name).result())
    nested = pool.submit(lambda: pool.submit(int, '7').result())
    print([future.result() for future in as_completed([nested])])
try:
    pool.submit(print)
except RuntimeError as error:
    print(error)
async def main():
    loop = asyncio.get_running_loop()
    return await asyncio.to_thread(sum, [1, 2]), await loop.run_in_executor(None, asyncio.run, asyncio.sleep(1, 'inner'))
print(asyncio.run(main()))
";
    let expected = "[0, 1, 4, 9] [1]\nZeroDivisionError pool_0\n[7]\ncannot schedule new futures after shutdown\n(3, 'inner')\n";
    assert_eq!(run(source), expected);
}

#[test]
fn nothing_is_a_terminal_and_there_is_one_user() {
    let source = "
import grp, os, pwd, socket, termios, tty
for what in (os.get_terminal_size, lambda: termios.tcgetattr(0), lambda: tty.setraw(0)):
    try:
        what()
    except (OSError, termios.error) as error:
        print(type(error).__name__)
print(pwd.getpwuid(os.getuid()).pw_name, pwd.getpwnam('root').pw_dir, grp.getgrgid(0).gr_name)
for what in (lambda: pwd.getpwuid(7), lambda: grp.getgrnam('x'), lambda: termios.tcgetattr(99)):
    try:
        what()
    except (KeyError, OSError) as error:
        print(type(error).__name__)
print(socket.gethostname())
";
    let expected =
        "OSError\nerror\nerror\nroot /root root\nKeyError\nKeyError\nOSError\nlocalhost\n";
    assert_eq!(run(source), expected);
}

#[test]
fn tls_can_be_mentioned_and_not_used() {
    let source = "
import http.client, ssl, urllib.request
for make in (ssl.SSLContext, ssl.create_default_context):
    try:
        make()
    except ssl.SSLError as error:
        print(error, ssl.CERT_REQUIRED.name)
print(hasattr(http.client, 'HTTPSConnection'), type(urllib.request.build_opener()).__name__)
try:
    from ssl import OPENSSL_VERSION
except ImportError:
    print('no library')
";
    let refused = "there is no TLS in the sandbox CERT_REQUIRED\n".repeat(2);
    assert_eq!(run(source), refused + "False OpenerDirector\nno library\n");
}

#[test]
fn keys_are_derived_as_the_standard_says() {
    // Vectors of RFC 6070 and RFC 7914.
    let source = "
import hashlib
print(hashlib.pbkdf2_hmac('sha1', b'password', b'salt', 2).hex())
print(hashlib.pbkdf2_hmac('sha1', b'passwordPASSWORDpassword', b'saltSALTsaltSALTsaltSALTsaltSALTsalt', 4096, 25).hex())
print(hashlib.pbkdf2_hmac('sha256', b'passwd', b'salt', 1, 64).hex())
";
    let expected = [
        "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957",
        "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
    ];
    assert_eq!(run(source).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn zones_are_told_and_local_time_stays_utc() {
    let source = "
import os, time
start = time.gmtime(0)[:6] == time.localtime(0)[:6]
for zone in ('EST5EDT', 'UTC-8', 'CET-1CEST,M3.5.0,M10.5.0/3', '<+0530>-5:30', 'Nowhere/Land', ''):
    os.environ['TZ'] = zone
    time.tzset()
    print(time.timezone, time.altzone, time.daylight, time.tzname)
del os.environ['TZ']
time.tzset()
print(time.timezone, time.tzname, start, time.localtime(0)[:6] == time.gmtime(0)[:6])
";
    let expected = "18000 14400 1 ('EST', 'EDT')\n-28800 -28800 0 ('UTC', 'UTC')\n-3600 -7200 1 ('CET', 'CEST')\n-19800 -19800 0 ('+0530', '+0530')\n0 0 0 ('Nowhere', 'Nowhere')\n0 0 0 ('UTC', 'UTC')\n0 ('UTC', 'UTC') True True\n";
    assert_eq!(run(source), expected);
    let command = Command::python("import time; print(time.tzname)").with_env("TZ", "EST5");
    let output = open(&[]).run(&command).unwrap();
    assert_eq!(output.stdout_text(), "('EST', 'EST')\n");
}
