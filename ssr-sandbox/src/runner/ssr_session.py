"""Runs pytest in two halves: to the point before it collects, and from there to the end.

Both halves are pytest's own `main`. In the first it is stopped where it would hand the started
session on; in the second each step that was done already gives what it gave then.
"""

import _pytest.config
import _pytest.main
import pytest

import ssr_pytest


class _Started(BaseException):
    """Unwinds pytest when its session has started."""


def prepare(arguments):
    """Starts a session; it fails where pytest ends by itself."""
    plugins, start, end = ssr_pytest.event_plugins()
    sessions = []

    def stop(config, doit):
        session = _pytest.main.Session.from_config(config)
        session.exitstatus = pytest.ExitCode.OK
        config._do_configure()
        config.hook.pytest_sessionstart(session=session)
        # What `main` does on its way out belongs to the end of the second half.
        config._ensure_unconfigure = lambda: None
        sessions.append(session)
        raise _Started

    go_on, _pytest.main.wrap_session = _pytest.main.wrap_session, stop
    try:
        pytest.main(arguments, plugins=plugins)
    except _Started:
        pass
    finally:
        _pytest.main.wrap_session = go_on
    if not sessions:
        raise RuntimeError("pytest started no session")
    return arguments, sessions[0], start, end


def resume(prepared, files, emit, wanted, skip):
    """Goes on with what `prepare` returned; `files` limits what is collected, if there are any."""
    arguments, session, start, end = prepared
    config = session.config
    start(emit, wanted, skip)
    if files:
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
    end(status)
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
