"""Runs pytest in two halves: to the point before it collects, or to the point before it runs what
it collected, and from there to the end.

Both halves are pytest's own `main`. In the first it is stopped where it would hand the started
session on; in the second each step that was done already gives what it gave then.
"""

import contextlib
import os
import pathlib

import _pytest.config
import _pytest.main
import pytest
from _pytest.assertion import rewrite

import ssr_events
import ssr_graft
import ssr_pytest
import ssr_swap

# The status of a session that cannot stand for a changed repository; nothing was reported then.
REFUSED = 113


class _Started(BaseException):
    """Unwinds pytest when its session has started."""


class Session:
    """A session that has started."""

    def __init__(self, arguments, session, plugins, start, end):
        self.arguments, self.session, self.start, self.end = arguments, session, start, end
        self.audit = ssr_pytest.audit_of(plugins)
        self.collection = None


class _Collection:
    """What a session found: the events that tell of it, and the modules that it imported."""

    def __init__(self):
        self.events = []
        self.started = ()
        self.sources = {}
        # How often pytest has read the source of each test module that it imported.
        self.opened = {}
        # Definitions of tests that come or go.
        self.grafts = []

    def note(self, event, **fields):
        self.events.append((event, fields))


def prepare(arguments):
    """Starts a session; it fails where pytest ends by itself."""
    return _start(arguments, lambda prepared: None)


def collect(arguments, wanted):
    """Starts a session and collects; it fails where a test file does.

    Call `survey` afterwards, when nobody notes any more what files are looked at.
    """
    collection = _Collection()

    def go_on(prepared):
        prepared.collection = collection
        prepared.start(collection.note, wanted, (), ())
        session = prepared.session
        session.config.hook.pytest_collection(session=session)
        if session.testsfailed or session.shouldstop or session.shouldfail:
            raise RuntimeError("the tests could not be collected")

    with ssr_swap.Started() as collection.started, _counted(collection.opened):
        return _start(arguments, go_on)


@contextlib.contextmanager
def _counted(opened):
    """Counts how often pytest reads a module to rewrite its assertions."""

    class Path(type(pathlib.Path())):
        def read_bytes(self):
            opened[str(self)] = opened.get(str(self), 0) + 1
            return super().read_bytes()

    path = getattr(rewrite, "Path", None)
    if path is None:
        yield
        return
    rewrite.Path = Path
    try:
        yield
    finally:
        rewrite.Path = path


def _start(arguments, go_on):
    plugins, start, end = ssr_pytest.event_plugins()

    def stop(config, doit):
        session = _pytest.main.Session.from_config(config)
        session.exitstatus = pytest.ExitCode.OK
        config._do_configure()
        config.hook.pytest_sessionstart(session=session)
        # What `main` does on its way out belongs to the end of the second half.
        config._ensure_unconfigure = lambda: None
        prepared = Session(arguments, session, plugins, start, end)
        go_on(prepared)
        raise _Started(prepared)

    wrap, _pytest.main.wrap_session = _pytest.main.wrap_session, stop
    try:
        pytest.main(arguments, plugins=plugins)
    except _Started as started:
        return started.args[0]
    finally:
        _pytest.main.wrap_session = wrap
    # It ended by itself, on a wrong option or a missing file, say.
    raise RuntimeError("pytest started no session")


def survey(prepared):
    """Gets ready for changes to what was imported. Says which files may change, and what was
    collected.
    """
    session, collection = prepared.session, prepared.collection
    prepared.audit.release_functions()
    tested = {str(item.path) for item in session.items}
    collection.sources = ssr_swap.survey(session.config, tested)
    # What each test says of itself first, and never again.
    for item in session.items:
        if type(item) is pytest.Function:
            item.location
    ids = [ssr_events.text(item.nodeid) for item in session.items]
    opened = collection.opened
    return {"changeable": {path: opened.get(path, 0) for path in collection.sources}, "ids": ids}


def swap(prepared, changed, whole):
    """Goes from the repository that was collected to one in which files are `changed`. Returns the
    keys of the code that changed. `whole` says that all tests are going to run.
    """
    keys = set()
    collection = prepared.collection
    if not changed:
        return keys
    try:
        for path in changed:
            source = collection.sources[path]
            keys |= source.swap(collection.started)
            for graft in source.grafts:
                if whole:
                    raise ssr_swap.Refused
                graft.check(prepared.session, source.module)
                collection.grafts.append(graft)
        if collection.grafts:
            # A suite without tests ends in another way.
            gone = sum(len(graft.places) for graft in collection.grafts)
            if gone == len(prepared.session.items):
                raise ssr_swap.Refused
            ssr_graft.check_hooks(prepared.session.config)
    except (ssr_swap.Refused, OSError):
        os._exit(REFUSED)
    return keys


def select(prepared, changed, reach, emit):
    """Leaves those tests to run that can end differently after the exchange of `changed`, the required
    ones first; the host knows how the others end. Returns the ids of the required ones.

    Sets of tests are numbers, whose bits are the tests in the order of the collection.
    """
    grafts = prepared.collection.grafts
    run = int(reach["also"], 16)
    for path, line, name in changed:
        run |= int(reach["codes"].get(path, {}).get(f"{line}:{name}", "0"), 16)
    gone = 0
    for graft in grafts:
        for at in graft.places:
            gone |= 1 << at
    run &= ~gone
    emit("selected", run=f"{run:x}", gone=f"{gone:x}")
    session = prepared.session
    items = session.items
    ids = [items[at].nodeid for at in reach["required"]]
    required = {at: rank for rank, at in enumerate(reach["required"])}
    chosen = [at for at in range(len(items)) if run >> at & 1]
    chosen.sort(key=lambda at: required.get(at, len(required)))
    items[:] = [items[at] for at in chosen]
    prepared.audit.hold_functions(items)
    if grafts:
        _graft(prepared, grafts, emit)
    return ids


def _graft(prepared, grafts, emit):
    session = prepared.session
    prepared.start(lambda event, **fields: None, None, (), ())
    try:
        new = [item for graft in grafts for item in graft.bring_in(session)]
    except BaseException:
        os._exit(REFUSED)
    emit("collected", ids=[ssr_events.text(item.nodeid) for item in new])
    session.items.extend(new)
    prepared.audit.hold_functions(new)


def resume(prepared, files, emit, wanted, skip, required, selected=False):
    """Goes on with what `prepare` or `collect` returned; `files` limits what is still to be
    collected, if there are any. `selected` says that the host knows what was collected.
    """
    arguments, session = prepared.arguments, prepared.session
    config = session.config
    prepared.start(emit, wanted, skip, required)
    if prepared.collection is not None:
        if selected and not session.items:
            emit("finished", status=0)
            return 0
        for event, fields in () if selected else prepared.collection.events:
            emit(event, **fields)
        if not selected:
            prepared.audit.hold_functions(session.items)
        _give_once(config.hook, "pytest_collection", None)
    elif files:
        arguments = [*arguments, "--", *files]
        config.args = config.option.file_or_dir = files
        if hasattr(config, "ArgsSource"):
            config.args_source = config.ArgsSource.ARGS
    del config._ensure_unconfigure
    _give_once(_pytest.config, "_prepareconfig", config)
    _give_once(_pytest.main.Session, "from_config", session)
    _give_once(config, "_do_configure", None)
    _give_once(config.hook, "pytest_sessionstart", [])
    status = int(pytest.main(arguments))
    prepared.end(status)
    return status


def record(prepared, emit, resume):
    """Runs `resume` and reports the code of the repository that was executed meanwhile."""
    with ssr_swap.Started() as keys:
        status = resume()
    emit("reached", codes=[[path, f"{line}:{name}"] for path, line, name in sorted(keys)])
    return status


def _give_once(owner, name, value):
    """Lets the next call of a function give `value`, without calling it."""
    own = vars(owner).get(name)

    def give(*args, **kwargs):
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)
        return value

    setattr(owner, name, give)
