"""What the host calls in the guest: `prepare` once before the snapshot, `run` once per command.

It also supplies what CPython leaves out on WASI and pure-Python programs take for granted.
"""

import atexit
import gc
import importlib
import io
import linecache
import os
import runpy
import sys
import tempfile
import types

# No threads and no other processes: no faulthandler, and no capturing of descriptors.
PYTEST_OPTIONS = ["-p", "no:cacheprovider", "--capture=sys", "-p", "no:faulthandler"]


def _supply_missing():
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        if not hasattr(os, name):
            setattr(os, name, lambda: 0)
    if not hasattr(os, "getlogin"):
        os.getlogin = lambda: "root"
    if not hasattr(os, "umask"):
        os.umask = lambda mask: 0o022
    # They exist and always fail: WASI cannot duplicate a descriptor, /dev/fd can.
    os.dup = _dup
    os.dup2 = _dup2


def _supply_event_loop():
    """Lets asyncio run: without sockets nothing but its own timers can wake a loop."""
    import selectors
    import time
    from asyncio.selector_events import BaseSelectorEventLoop

    class TimersOnly(selectors._BaseSelectorImpl):
        def select(self, timeout=None):
            if timeout is None:
                raise RuntimeError("the event loop waits for something that cannot happen here")
            time.sleep(max(timeout, 0))
            return []

    def make_self_pipe(self):
        self._ssock = self._csock = None

    selectors.DefaultSelector = TimersOnly
    BaseSelectorEventLoop._make_self_pipe = make_self_pipe
    BaseSelectorEventLoop._close_self_pipe = lambda self: None


def _dup(fd):
    for flags in (os.O_RDWR, os.O_WRONLY, os.O_RDONLY):
        try:
            return os.open(f"/dev/fd/{int(fd)}", flags)
        except PermissionError as error:
            refused = error
    raise refused


def _dup2(fd, fd2, inheritable=True):
    # The lowest free number is given first, so the numbers below the wanted one are filled up.
    os.fstat(fd)
    if fd == fd2:
        return fd2
    try:
        os.close(fd2)
    except OSError:
        pass
    spare = []
    try:
        while (copy := _dup(fd)) < fd2:
            spare.append(copy)
        if copy != fd2:
            os.close(copy)
            raise OSError(9, "Bad file descriptor")
        return copy
    finally:
        for copy in spare:
            os.close(copy)


# Modules of the standard library that tests often use and that are slow to compile.
_COMMON = (
    "asyncio", "collections.abc", "concurrent.futures", "copy", "csv", "dataclasses", "datetime",
    "decimal", "doctest", "fractions", "hashlib", "importlib.metadata", "importlib.resources",
    "json", "logging", "pickle", "random", "statistics", "subprocess", "tempfile", "threading",
    "typing", "unittest.mock", "urllib.parse", "uuid",
)


def prepare(preload):
    """Brings the interpreter into the state that every command starts from.

    `preload` names modules to import; one that cannot be imported is left to the commands. With
    pytest among them, a small session runs once, because pytest imports much on first use.
    """
    _supply_missing()
    for name in (*_COMMON, *preload):
        try:
            importlib.import_module(name)
        except Exception:
            pass
    _supply_event_loop()
    if "pytest" in sys.modules:
        importlib.import_module("ssr_pytest")
        _share_syntax_trees()
        _rehearse()
    sys.dont_write_bytecode = True
    linecache.clearcache()
    gc.collect()
    # Objects of the snapshot are not looked at by later collections: their pages stay shared.
    gc.freeze()


def _share_syntax_trees():
    """Lets all tracebacks of a session share the syntax tree of each source.

    pytest parses and walks every module of a traceback anew for each failure. Where one broken
    module fails all the others at import, that takes most of the session.
    """
    try:
        from _pytest._code import code, source as sources

        original = code.getstatementrange_ast
    except (ImportError, AttributeError):
        return
    trees = {}

    def shared(lineno, source, assertion=False, astnode=None):
        content = str(source)
        known = trees.get(content) if astnode is None else astnode
        trees[content], start, end = original(lineno, source, assertion, known)
        return trees[content], start, end

    code.getstatementrange_ast = sources.getstatementrange_ast = shared


_REHEARSAL = '''
import unittest
import pytest

@pytest.fixture
def value(tmp_path, capsys, monkeypatch):
    yield 1

@pytest.mark.parametrize("n", [1, 2])
def test_function(value, n):
    assert value == n or {"a": [n]} == {"a": [1]}

def test_raises():
    with pytest.raises(ValueError, match="x"):
        raise ValueError("x")
    with pytest.warns(UserWarning):
        __import__("warnings").warn("x")
    assert 0.1 + 0.2 == pytest.approx(0.3)

@pytest.mark.skipif(True, reason="x")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected():
    assert [1, 2] == [1, 3]

class TestCase(unittest.TestCase):
    def test_method(self):
        self.assertEqual("a\\nb", "a\\nc")
'''


def _rehearse():
    import pytest

    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "test_rehearsal.py")
    with open(path, "w") as file:
        file.write(_REHEARSAL)
    saved = sys.stdout, sys.stderr, list(sys.path), dict(os.environ), os.getcwd()
    modules, metadata = set(sys.modules), list(sys.meta_path)
    sys.stdout = sys.stderr = io.StringIO()
    os.chdir(folder)
    try:
        pytest.main([*PYTEST_OPTIONS, "-v", "-rA", "--rootdir", folder, path])
    finally:
        sys.stdout, sys.stderr = saved[:2]
        sys.path[:] = saved[2]
        os.environ.clear()
        os.environ.update(saved[3])
        os.chdir(saved[4])
        sys.meta_path[:] = metadata
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) == path:
            del sys.modules[name]
    __import__("shutil").rmtree(folder)
    __import__("shutil").rmtree(os.path.join(tempfile.gettempdir(), "pytest-of-root"), True)


def run(command):
    """Runs one command and ends the process with its exit status.

    It returns only when memory ran out and nobody handled that.
    """
    os.environ.update(command["env"])
    os.chdir(command["cwd"])
    sys.argv[:] = command["argv"]
    extra = command["env"].get("PYTHONPATH", "").split(":")
    sys.path[:0] = command["path"][:1] + [entry for entry in extra if entry] + command["path"][1:]
    sys.dont_write_bytecode = bool(command["dont_write_bytecode"])
    _forget(command["shadowed"], command["path"])
    status = _guarded(_KINDS[command["kind"]], command)
    if status is None:
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            status = status or 120
    os._exit(status & 0xFF)


def _forget(names, path):
    """Lets the repository's own packages win over installed ones that are already imported.

    A submodule that only the installed version has stays: code of the installed version that is
    in use, such as the pluggy below pytest, may import it late.
    """
    names = frozenset(names)

    def stays(name):
        below = name.replace(".", "/")
        files = (f"{below}.py", f"{below}/__init__.py")
        return not any(os.path.exists(os.path.join(entry, file)) for entry in path for file in files)

    for name in [name for name in sys.modules if name.partition(".")[0] in names]:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if origin.startswith("/site-packages/") and not ("." in name and stays(name)):
            del sys.modules[name]


def _guarded(kind, command):
    try:
        return kind(command) or 0
    except SystemExit as exit:
        if exit.code is None:
            return 0
        if isinstance(exit.code, int):
            return exit.code
        print(exit.code, file=sys.stderr)
        return 1
    except BaseException as error:
        # The frames above the program are ours.
        trace = error.__traceback__
        while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, MemoryError):
            return None
        return 130 if isinstance(error, KeyboardInterrupt) else 1


def _is_ours(filename):
    return filename == __file__ or filename.startswith("<frozen runpy")


def _main_module(filename=None):
    main = types.ModuleType("__main__")
    main.__builtins__ = __builtins__
    if filename is not None:
        main.__file__ = filename
    sys.modules["__main__"] = main
    return main.__dict__


def _run_source(source, filename, namespace):
    if isinstance(source, str):
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)


def _code(command):
    _run_source(command["source"], "<string>", _main_module())


def _stdin(command):
    _run_source(sys.stdin.read(), "<stdin>", _main_module())


def _file(command):
    filename = command["argv"][0]
    try:
        with io.open_code(os.path.abspath(filename)) as file:
            source = file.read()
    except OSError as error:
        print(f"python: can't open file {filename!r}: [Errno {error.errno}] {error.strerror}",
              file=sys.stderr)
        return 2
    _run_source(source, filename, _main_module(filename))


def _module(command):
    _main_module()
    runpy._run_module_as_main(command["module"], alter_argv=True)


def _tests(command):
    import ssr_pytest

    with open(command["key"]) as file:
        key = file.read()
    os.remove(command["key"])
    fd = os.open(command["channel"], os.O_WRONLY)
    arguments = PYTEST_OPTIONS + command["argv"][1:]
    return ssr_pytest.run(arguments, fd, key, command["wanted"])


_KINDS = {"code": _code, "stdin": _stdin, "file": _file, "module": _module, "tests": _tests}
