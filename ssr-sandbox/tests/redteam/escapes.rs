//! Ways out of the sandbox. Each defines `attack()`, which must fail or find nothing: it gives what
//! it got hold of, if anything.

use ssr_core::{Command, Exit, Workspace};

use crate::support::open;

const ATTACKS: [(&str, &str); 36] = [
    ("read a file of the host", "def attack(): return open(HOST).read()"),
    (
        "climb out in every call",
        r#"
import os
def attack():
    up = "../" * 40 + HOST
    there = []
    calls = [
        lambda p: open(p), lambda p: os.stat(p), lambda p: os.lstat(p), lambda p: os.listdir(p),
        lambda p: os.scandir(p), lambda p: os.readlink(p), lambda p: os.remove(p),
        lambda p: os.rmdir(p), lambda p: os.truncate(p, 0), lambda p: os.utime(p),
        lambda p: os.chdir(p), lambda p: os.rename(p, "stolen"), lambda p: os.link(p, "stolen"),
        lambda p: os.open(p, os.O_RDONLY), lambda p: os.open(p, os.O_WRONLY | os.O_TRUNC),
        lambda p: os.replace("mine", p), lambda p: os.link("mine", p), lambda p: os.mkdir(p),
        lambda p: os.symlink("mine", p), lambda p: open(p, "x"),
    ]
    open("mine", "w").close()
    for number, call in enumerate(calls):
        for path in (up, "/" + up, "./d/../" + up, HOST + "/", "/testbed/" + up):
            try:
                call(path)
                there.append((number, path))
            except (OSError, ValueError):
                pass
    return there
"#,
    ),
    (
        "climb out of an open directory",
        r#"
import os
def attack():
    root = os.open("/", os.O_RDONLY)
    fd = os.open("../" * 20 + HOST.lstrip("/"), os.O_RDONLY, dir_fd=root)
    return os.read(fd, 10)
"#,
    ),
    (
        "follow a symbolic link out",
        "import os\ndef attack():\n    os.symlink(HOST, 'l')\n    return open('l').read()",
    ),
    (
        "follow a relative symbolic link out",
        "import os\ndef attack():\n    os.symlink('../' * 30 + HOST, 'l')\n    return open('l').read()",
    ),
    (
        "go through a linked directory",
        "import os\ndef attack():\n    os.symlink(os.path.dirname(HOST), 'd')\n    return os.listdir('d')",
    ),
    (
        "swap a directory for a link between two calls",
        r#"
import os
def attack():
    os.mkdir("d"); open("d/Cargo.toml", "w").close()
    fd = os.open("d", os.O_RDONLY)
    os.rename("d", "e"); os.symlink(os.path.dirname(HOST), "d")
    return open("d/Cargo.toml").read()
"#,
    ),
    (
        "name a file of the host twice",
        "import os\ndef attack():\n    os.link(HOST, 'l')\n    return open('l').read()",
    ),
    (
        "link to a link to a link",
        r#"
import os
def attack():
    os.symlink("b", "a"); os.symlink("c", "b"); os.symlink("a", "c")
    return open("a").read()
"#,
    ),
    (
        "read what the kernel says about the process",
        r#"
import os
def attack():
    found = []
    for name in ("environ", "cmdline", "maps", "mem", "cwd", "exe", "root", "fd/0", "status"):
        for process in ("self", "1", "thread-self", str(os.getpid())):
            try:
                found.append(open(f"/proc/{process}/{name}", "rb").read(10))
            except OSError:
                pass
    return found
"#,
    ),
    (
        "read devices",
        r#"
def attack():
    found = []
    for name in ("mem", "kmem", "sda", "tty", "pts/0", "shm", "kvm", "port", "fd/99"):
        try:
            found.append(open(f"/dev/{name}", "rb").read(1))
        except OSError:
            pass
    return found
"#,
    ),
    (
        "hide a path behind a NUL",
        "import os\ndef attack(): return os.open('/testbed\\0/../../' + HOST, os.O_RDONLY)",
    ),
    (
        "hide a path behind its encoding",
        r#"
import os
def attack():
    found = []
    for dots in ("\uff0e\uff0e", "%2e%2e", "..%00", ".\u200b.", "..\\", "\udc2e\udc2e"):
        try:
            found.append(os.listdir("/testbed/" + f"{dots}/" * 3))
        except (OSError, ValueError):
            pass
    return found
"#,
    ),
    ("name a very long path", "def attack(): return open('a/' * 100_000 + 'b').read()"),
    (
        "see variables of the host",
        "import os\ndef attack(): return [n for n in os.environ if n.startswith(('CARGO', 'SSR', 'RUST'))]",
    ),
    (
        "open a connection",
        "import socket\ndef attack(): return socket.create_connection(('1.1.1.1', 80), 1)",
    ),
    (
        "listen",
        "import socket\ndef attack():\n    s = socket.socket()\n    s.bind(('', 0))\n    return s.listen()",
    ),
    (
        "use a socket of the file system",
        "import socket\ndef attack(): return socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    ),
    ("ask for a name", "import socket\ndef attack(): return socket.getaddrinfo('example.org', 80)"),
    (
        "fetch a page",
        "import urllib.request\ndef attack(): return urllib.request.urlopen('http://example.org').read()",
    ),
    ("fork", "import os\ndef attack():\n    while True: os.fork()"),
    ("start a program", "import subprocess\ndef attack(): return subprocess.run(['id'])"),
    ("start a shell", "import os\ndef attack(): return os.system('id') == 0 or None"),
    ("spawn", "import os\ndef attack(): return os.posix_spawn('/bin/id', ['id'], {})"),
    ("become a program", "import os\ndef attack(): return os.execv('/bin/sh', ['sh'])"),
    (
        "start processes of Python",
        "import multiprocessing as m\ndef attack(): return m.Pool(2).map(abs, [1])",
    ),
    (
        "start threads",
        r#"
import _thread, time
def attack():
    for _ in range(10_000):
        _thread.start_new_thread(time.sleep, (100,))
    return "threads"
"#,
    ),
    (
        "kill other processes",
        "import os\ndef attack():\n    for pid in range(1, 100): os.kill(pid, 9)\n    return 'killed'",
    ),
    ("load a library", "import ctypes\ndef attack(): return ctypes.CDLL('libc.so.6').getpid()"),
    (
        "load an extension",
        r#"
import importlib.machinery as m, importlib.util as u
def attack():
    open("x.so", "wb").write(b"\0asm\1\0\0\0")
    spec = u.spec_from_file_location("x", "x.so", loader=m.ExtensionFileLoader("x", "x.so"))
    return u.module_from_spec(spec)
"#,
    ),
    ("map memory", "def attack(): return __import__('mmap').mmap(-1, 1 << 40)"),
    (
        "mount and change the root",
        "import os\ndef attack():\n    os.chroot('/')\n    return 'changed'",
    ),
    ("give itself other users", "import os\ndef attack():\n    os.setuid(1)\n    return 'changed'"),
    (
        "write into the interpreter for others",
        r#"
import json, os
def attack():
    open("/usr/lib/python3.14/zz_planted.py", "w").write("x = 1")
    open("/site-packages/zz_planted.py", "w").write("x = 1")
    json.zz_planted = 1
"#,
    ),
    (
        "leave something in the places that all runs share",
        r#"
import os, tempfile
def attack():
    for folder in ("/tmp", "/run/ssr", "/root", "/dev", "/"):
        try:
            open(f"{folder}/zz_planted", "w").write("x")
        except OSError:
            pass
"#,
    ),
    (
        "remove everything",
        r#"
import os, shutil
def attack():
    for folder in ("/usr", "/site-packages", "/testbed", "/tmp", "/run", "/dev"):
        shutil.rmtree(folder, ignore_errors=True)
"#,
    ),
];

/// The attack's end, as it prints it.
const END: &str = "
try:
    got = attack()
except BaseException as error:
    print('refused')
else:
    print('got', got) if got else print('refused')
";

/// Whether a workspace is as it should be.
const HEALTHY: &str = "
import importlib.util, json, os
planted = [p for d in ('/tmp', '/run/ssr', '/root', '/dev', '/', '/site-packages')
           for p in os.listdir(d) if 'planted' in p]
assert not planted, planted
assert importlib.util.find_spec('zz_planted') is None and not hasattr(json, 'zz_planted')
assert os.listdir('.') == ['a.txt'] and open('a.txt').read() == '1'
";

#[test]
fn no_way_leads_out() {
    let host = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let before = std::fs::read(host).unwrap();
    for (name, attack) in ATTACKS {
        let program = format!("HOST = {host:?}\n{attack}\n{END}");
        let output = open(&[("a.txt", "1")]).run(&Command::python(program)).unwrap();
        let (text, errors) = (output.stdout_text(), output.stderr_text());
        assert_eq!(text.lines().last(), Some("refused"), "{name}: {text}{errors}");
        let next = open(&[("a.txt", "1")]).run(&Command::python(HEALTHY)).unwrap();
        assert_eq!(next.exit, Exit::Code(0), "after {name}: {}", next.stderr_text());
    }
    assert_eq!(std::fs::read(host).unwrap(), before);
}
