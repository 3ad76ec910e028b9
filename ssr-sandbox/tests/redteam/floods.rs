//! Ways to use up the host. Each must come to the end that its limit names, keep what it printed
//! before, and leave the next run alone.

use std::time::Duration;

use ssr_core::{Command, Exit, Limits, Output, Workspace};

use crate::support::open;

/// The end that an attack must come to.
enum End {
    /// Python's own error, which the attack catches and names.
    Caught(&'static str),
    Timeout,
    OutOfMemory,
    StackOverflow,
    /// By itself, with output that was cut.
    Truncated,
    /// By itself, with this exit code.
    Left(i32),
}

use End::{Caught, Left, OutOfMemory, StackOverflow, Timeout, Truncated};

const ATTACKS: [(&str, &str, End); 31] = [
    ("one large block", "bytearray(10**9)", Caught("MemoryError")),
    ("many blocks", "x = []\nwhile True: x.append(bytearray(1 << 20))", Caught("MemoryError")),
    ("a list of itself", "x = [0]\nwhile True: x += x", Caught("MemoryError")),
    ("a long text", "'x' * 10**9", Caught("MemoryError")),
    ("a wide number", "'%0900000000d' % 1", Caught("MemoryError")),
    ("a large power", "x = 10 ** 10 ** 9", Timeout),
    (
        "memory that is hoarded in spite of the error",
        "x = []\nwhile True:\n  try: x.append(bytearray(1 << 16))\n  except MemoryError: pass",
        Timeout,
    ),
    (
        "nobody handles the lack of memory",
        "import sys\nsys.excepthook = None\nx = []\ndef f():\n  while True: x.append(' ' * 999)\nMISS = f()",
        OutOfMemory,
    ),
    (
        "a packed bomb",
        "import zlib\nb = zlib.compress(bytes(1 << 26))\nb''.join(zlib.decompress(b) for _ in range(99))",
        Caught("MemoryError"),
    ),
    ("an endless loop", "while True: pass", Timeout),
    (
        "a loop that catches everything",
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        Timeout,
    ),
    ("an endless generator", "import itertools\nsum(itertools.count())", Timeout),
    ("an endless sequence", "list(iter(int, 1))", Caught("MemoryError")),
    ("a slow pattern", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", Timeout),
    ("a loop in a finaliser", "class A:\n  def __del__(self):\n    while True: pass\nA()", Timeout),
    (
        "an exit that does not end",
        "import atexit\n@atexit.register\ndef f():\n  while True: pass",
        Timeout,
    ),
    ("a long sleep", "import time\ntime.sleep(10**9)\nraise KeyError", Caught("KeyError")),
    ("deep recursion", "def f(): f()\nf()", Caught("RecursionError")),
    (
        "recursion without a limit",
        "import sys\nsys.setrecursionlimit(2**31 - 1)\ndef f(): f()\nf()",
        OutOfMemory,
    ),
    ("recursion in C", "x = ()\nfor _ in range(10**6): x = (x,)\nhash(x)", StackOverflow),
    ("a deep source", "eval('(' * 10**6)", Caught("MemoryError")),
    ("a deep text of data", "import json\njson.loads('[' * 10**6)", StackOverflow),
    (
        "a huge traceback",
        "def f(n):\n  try: 1 / 0 if n == 0 else f(n - 1)\n  except Exception as e: raise ValueError('x' * 10**4) from e\nf(300)",
        Caught("ValueError"),
    ),
    ("a flood of output", "import os\nfor _ in range(10**4): os.write(1, b'x' * 4096)", Truncated),
    ("a flood of errors", "import os\nfor _ in range(10**4): os.write(2, b'x' * 4096)", Truncated),
    (
        "a flood of files",
        "for n in range(10**6): open(f'/tmp/{n}', 'w').close()",
        Caught("OSError"),
    ),
    (
        "a flood of folders",
        "import os\nfor n in range(10**6): os.mkdir(f'/tmp/{n}')",
        Caught("OSError"),
    ),
    ("a large file", "open('f', 'wb').truncate(1 << 40)", Caught("OSError")),
    (
        "many large files",
        "b = bytes(1 << 24)\nfor n in range(100): open(f'f{n}', 'wb').write(b)",
        Caught("OSError"),
    ),
    (
        "a flood of descriptors",
        "import os\nx = []\nwhile True: x.append(os.open('/dev/null', 0))",
        Caught("OSError"),
    ),
    (
        "signals to itself",
        "import os, signal\nfor f in (os.abort, lambda: signal.raise_signal(9)):\n  try: f()\n  except BaseException: pass\nos._exit(7)",
        Left(7),
    ),
];

fn held(output: &Output, end: &End) -> bool {
    let kept = output.stdout.starts_with(b"first\n");
    let last = output.stdout_text();
    let ended = match end {
        Caught(error) => {
            output.exit == Exit::Code(0) && last.lines().last() == Some(&format!("caught {error}"))
        }
        Timeout => output.exit == Exit::Timeout,
        OutOfMemory => output.exit == Exit::OutOfMemory,
        StackOverflow => output.exit == Exit::Trapped("stack overflow".to_owned()),
        Truncated => output.exit == Exit::Code(0) && output.truncated,
        // An abort is a trap of the interpreter, which is an end as well.
        Left(code) => {
            matches!(&output.exit, Exit::Code(c) if c == code)
                || matches!(output.exit, Exit::Trapped(_))
        }
    };
    kept && ended
}

#[test]
fn every_flood_meets_its_limit() {
    let time = Duration::from_secs(2);
    let limits = Limits::default().with_cpu(time).with_memory(160 << 20).with_output(64 << 10);
    let mut wrong = Vec::new();
    for (name, attack, end) in ATTACKS {
        let attack = attack.replace('\n', "\n  ");
        let uncaught = matches!(end, OutOfMemory);
        let catch = if uncaught {
            "finally: pass"
        } else {
            "except Exception as error:\n  x = None\n  kind = OSError if isinstance(error, OSError) else type(error)\n  print('caught', kind.__name__)"
        };
        let program = format!("print('first', flush=True)\ntry:\n  {attack}\n{catch}\n");
        let limits = match end {
            Timeout => limits.with_cpu(Duration::from_millis(500)),
            _ => limits.with_cpu(Duration::from_secs(60)),
        };
        let output = open(&[]).run(&Command::python(program).with_limits(limits)).unwrap();
        if !held(&output, &end) {
            let text = output.stdout_text();
            let errors = output.stderr_text();
            let tail = |text: &str| text[text.len().saturating_sub(200)..].to_owned();
            wrong.push((name, output.exit.clone(), output.truncated, tail(&text), tail(&errors)));
        }
        let next = open(&[]).run(&Command::python("print(sum(range(10)))")).unwrap();
        assert_eq!(next.stdout_text(), "45\n", "after {name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
