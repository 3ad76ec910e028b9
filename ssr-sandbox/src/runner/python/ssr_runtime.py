"""What the host calls in the guest: `prepare` once before the snapshot, `run` once per command."""

import atexit
import gc
import importlib
import io
import linecache
import os
import runpy
import sys
import time
import types

import ssr_django
import ssr_events
import ssr_supply
import ssr_unittest

_HOME = os.path.dirname(__file__)

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
    ssr_supply.supply_missing()
    for name in (*_COMMON, *preload):
        try:
            importlib.import_module(name)
        except Exception:
            pass
    ssr_supply.supply_event_loop()
    if "pytest" in sys.modules:
        importlib.import_module("ssr_rehearsal").warm_up()
    sys.dont_write_bytecode = True
    linecache.clearcache()
    gc.collect()
    # Objects of the snapshot are not looked at by later collections: their pages stay shared.
    gc.freeze()


def run(command):
    """Runs one command and ends the process with its exit status.

    It returns only when memory ran out and nobody handled that.
    """
    if command["kind"] != "resumed":
        _enter(command)
    status = _guarded(_KINDS[command["kind"]], command)
    if status is None:
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except Exception:
            status = status or 120
    os._exit(status & 0xFF)


def _enter(command):
    os.environ.update(command["env"])
    if "TZ" in command["env"]:
        time.tzset()
    os.chdir(command["cwd"])
    sys.argv[:] = command["argv"]
    extra = command["env"].get("PYTHONPATH", "").split(":")
    sys.path[:0] = command["path"][:1] + [entry for entry in extra if entry] + command["path"][1:]
    sys.dont_write_bytecode = bool(command["dont_write_bytecode"])
    _forget(command["shadowed"], command["path"])


def prepare_session(command):
    """Brings a pytest command to the point before it collects; `run` goes on from there."""
    global _session
    _enter(command)
    import ssr_pytest
    import ssr_session

    _session = ssr_session.prepare(ssr_pytest.OPTIONS + command["argv"][1:])
    _rest()


def prepare_collection(command):
    """Brings a pytest command to the point at which its tests are collected."""
    global _session
    _enter(command)
    import ssr_pytest
    import ssr_session

    arguments = ssr_pytest.OPTIONS + command["argv"][1:]
    _session = ssr_session.collect(arguments, command["wanted"])


def survey_collection(path):
    """Writes to `path` which files may change before `run` goes on, and what was collected."""
    import json

    import ssr_session

    with open(path, "w") as file:
        json.dump(ssr_session.survey(_session), file)
    _rest()


def _rest():
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()


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
    return filename.startswith((f"{_HOME}/", "<frozen runpy"))


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


def run_tests(command):
    emit = ssr_events.connect(command["key"], command["channel"])
    wanted, skip = command["wanted"], command["skip"]
    if command["runner"] == "pytest":
        import ssr_pytest

        arguments, required = command["argv"][1:], command["required"]
        if command["cache"]:
            return ssr_pytest.run_with_cache(arguments, emit, wanted, skip, required)
        return ssr_pytest.run(ssr_pytest.OPTIONS + arguments, emit, wanted, skip, required)

    name = ssr_unittest.dotted
    if command["runner"] == "django":
        name = ssr_unittest.labelled
        ssr_django.supply()

    def main():
        program = command["argv"][0]
        if program.endswith(".py"):
            return _file(command)
        return _module({"module": program})

    return ssr_unittest.run(main, emit, name, wanted, skip)


def _resumed(command):
    import ssr_session

    required, reach = command["required"], command["reach"]
    changed = ssr_session.swap(_session, command["changed"], reach is None)
    emit = ssr_events.connect(command["key"], command["channel"])
    if reach is not None:
        required = ssr_session.select(_session, changed, reach, emit)

    def resume():
        return ssr_session.resume(
            _session, command["files"], emit, command["wanted"], command["skip"], required,
            reach is not None,
        )

    if reach is not None and reach["record"]:
        return ssr_session.record(_session, emit, resume)
    return resume()


_KINDS = {
    "code": _code, "stdin": _stdin, "file": _file, "module": _module, "tests": run_tests,
    "resumed": _resumed,
}
