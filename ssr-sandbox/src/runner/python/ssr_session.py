"""Runs pytest in two halves: to the point before it collects, or to the point before it runs what
it collected, and from there to the end.

Both halves are pytest's own `main`. In the first it is stopped where it would hand the started
session on; in the second each step that was done already gives what it gave then.
"""

import os

import _pytest.config
import _pytest.main
import pytest

import ssr_events
import ssr_pytest
import ssr_swap

# The status of a session that cannot stand for a changed repository; nothing was reported then.
REFUSED = 113


class _Started(BaseException):
    """Unwinds pytest when its session has started."""


class Session:
    """A session that has started."""

    def __init__(self, arguments, session, start, end):
        self.arguments, self.session, self.start, self.end = arguments, session, start, end
        self.collection = None


class _Collection:
    """What a session found: the events that tell of it, and the modules that it imported."""

    def __init__(self):
        self.events = []
        self.started = ()
        self.sources = {}

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

    with ssr_swap.Started() as collection.started:
        return _start(arguments, go_on)


def _start(arguments, go_on):
    plugins, start, end = ssr_pytest.event_plugins()

    def stop(config, doit):
        session = _pytest.main.Session.from_config(config)
        session.exitstatus = pytest.ExitCode.OK
        config._do_configure()
        config.hook.pytest_sessionstart(session=session)
        # What `main` does on its way out belongs to the end of the second half.
        config._ensure_unconfigure = lambda: None
        prepared = Session(arguments, session, start, end)
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
    prepared.collection.sources = ssr_swap.survey()
    # What each test says of itself first, and never again.
    for item in prepared.session.items:
        if type(item) is pytest.Function:
            item.location
    ids = [ssr_events.text(item.nodeid) for item in prepared.session.items]
    return {"changeable": list(prepared.collection.sources), "ids": ids}


def swap(prepared, changed):
    """Goes from the repository that was collected to one in which files are `changed`. Returns the
    keys of the code that changed.
    """
    keys = set()
    if not changed:
        return keys
    sources, started = prepared.collection.sources, prepared.collection.started
    try:
        for path in changed:
            keys |= sources[path].swap(started)
    except (ssr_swap.Refused, OSError):
        os._exit(REFUSED)
    return keys


def select(prepared, changed, reach, emit):
    """Leaves those tests to run that can end differently after the exchange of `changed`, the required
    ones first; the host knows how the others end. Returns the ids of the required ones.

    Sets of tests are numbers, whose bits are the tests in the order of the collection.
    """
    run = int(reach["also"], 16)
    for path, line, name in changed:
        run |= int(reach["codes"].get(path, {}).get(f"{line}:{name}", "0"), 16)
    emit("selected", run=f"{run:x}")
    items = prepared.session.items
    required = {at: rank for rank, at in enumerate(reach["required"])}
    chosen = [at for at in range(len(items)) if run >> at & 1]
    chosen.sort(key=lambda at: required.get(at, len(required)))
    ids = [items[at].nodeid for at in chosen if at in required]
    items[:] = [items[at] for at in chosen]
    return ids


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
