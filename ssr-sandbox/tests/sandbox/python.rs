//! Python programs in a workspace.

use ssr_core::{Command, Exit, Program, Workspace};

use crate::support::open;

fn run(source: &str) -> (Exit, String, String) {
    let output = open(&[]).run(&Command::python(source)).unwrap();
    (output.exit.clone(), output.stdout_text().into_owned(), output.stderr_text().into_owned())
}

#[test]
fn programs_read_stdin_arguments_and_environment() {
    let source = "import os, sys\nprint(sys.argv, os.environ['X'], os.getcwd(), sys.stdin.read())";
    let mut command = Command::python(source).with_stdin("in\u{e9}");
    command.program = Program::Python { source: source.to_owned(), args: vec!["a b".to_owned()] };
    command.env.insert("X".to_owned(), "y".to_owned());
    let output = open(&[]).run(&command).unwrap();
    assert_eq!(output.stdout_text(), "['-c', 'a b'] y /testbed in\u{e9}\n");
    assert_eq!((output.exit, output.report), (Exit::Code(0), None));
}

#[test]
fn exit_codes_are_those_of_cpython() {
    assert_eq!(run("import sys; sys.exit(3)").0, Exit::Code(3));
    assert_eq!(run("import sys; sys.exit()").0, Exit::Code(0));
    assert_eq!(run("raise SystemExit('no')"), (Exit::Code(1), String::new(), "no\n".to_owned()));
    assert_eq!(run("import os; print('lost?', flush=True); os._exit(7)").0, Exit::Code(7));
    assert_eq!(run("import atexit; atexit.register(print, 'bye')").1, "bye\n");
}

#[test]
fn an_exception_prints_its_traceback_and_nothing_of_ours() {
    let (exit, _, stderr) = run("def f():\n    return 1 / 0\nf()\n");
    assert_eq!(exit, Exit::Code(1));
    let expected = "Traceback (most recent call last):\n  File \"<string>\", line 3, in <module>\n    f()\n    ~^^\n  File \"<string>\", line 2, in f\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero\n";
    assert_eq!(stderr, expected);
    let (exit, _, stderr) = run("x = (");
    assert_eq!(exit, Exit::Code(1));
    assert!(stderr.starts_with("  File \"<string>\", line 1\n"), "{stderr}");
}

#[test]
fn the_main_module_is_that_of_a_script() {
    let source = "import sys, pickle\nclass A: pass\nassert __name__ == '__main__' and sys.modules['__main__'].A is A\npickle.loads(pickle.dumps(A()))\nprint(sorted(n for n in globals() if n[0] != '_'))";
    assert_eq!(run(source).1, "['A', 'pickle', 'sys']\n");
}

#[test]
fn what_posix_programs_take_for_granted_is_there() {
    let source = "
import os, tempfile
assert os.getuid() == os.geteuid() == 0
with tempfile.TemporaryFile() as file:
    file.write(b'ab')
    copy = os.dup(file.fileno())
    file.seek(0)
    assert os.read(copy, 9) == b'ab'
    os.close(copy)
saved = os.dup(1)
with tempfile.TemporaryFile() as file:
    os.dup2(file.fileno(), 1)
    os.write(1, b'caught')
    os.dup2(saved, 1)
    file.seek(0)
    print(file.read())
open(os.devnull, 'w').write('x')
print(os.path.expanduser('~'), tempfile.gettempdir())
";
    let (exit, stdout, stderr) = run(source);
    assert_eq!((exit, stdout.as_str()), (Exit::Code(0), "b'caught'\n/root /tmp\n"), "{stderr}");
}

#[test]
fn the_numbers_of_ctypes_are_there_and_its_libraries_are_not() {
    let source = "
import ctypes
print(ctypes.sizeof(ctypes.c_long), ctypes.c_int8(200).value, ctypes.c_uint8(-1), ctypes.c_double(1))
try:
    ctypes.CDLL(None)
except OSError:
    print('no libraries')
try:
    from ctypes import Structure
except ImportError:
    print('no structures')
";
    let expected = "4 -56 c_uint8(255) c_double(1.0)\nno libraries\nno structures\n";
    assert_eq!(run(source), (Exit::Code(0), expected.to_owned(), String::new()));
}

#[test]
fn the_host_is_out_of_reach() {
    let source = "
import os, socket, subprocess
def refused(what, *args):
    try:
        what(*args)
    except (OSError, RuntimeError):
        return True
def connect():
    socket.create_connection(('127.0.0.1', 22), 1)
print(refused(os.listdir, '/proc'), refused(open, '/etc/passwd'), refused(open, '../../../etc/passwd'))
print(refused(connect), refused(subprocess.run, ['ls']))
";
    let (exit, stdout, stderr) = run(source);
    assert_eq!((exit, stdout.as_str()), (Exit::Code(0), "True True True\nTrue True\n"), "{stderr}");
}

#[test]
fn an_event_loop_runs_on_virtual_time() {
    let source = "
import asyncio, time
async def late(seconds):
    await asyncio.sleep(seconds)
    return seconds
async def main():
    print(await asyncio.gather(late(3600), late(60)))
    try:
        await asyncio.wait_for(late(10), 1)
    except TimeoutError:
        print('timeout')
start = time.monotonic()
asyncio.run(main())
print(3600 < time.monotonic() - start < 3700)
";
    let (exit, stdout, stderr) = run(source);
    assert_eq!((exit, stdout.as_str()), (Exit::Code(0), "[3600, 60]\ntimeout\nTrue\n"), "{stderr}");
}
