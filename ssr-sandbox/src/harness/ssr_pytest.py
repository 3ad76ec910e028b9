"""Reports a pytest session on the event channel."""

import os

import pytest

from ssr_events import text

try:
    from ssr_audit import Audit
except ImportError:
    # In a container, where plugins of all ages may do what it takes for a sign.
    Audit = None

# No threads and no other processes: no faulthandler, and no capturing of descriptors.
_ALWAYS = ["--capture=sys", "-p", "no:faulthandler"]

# What a run found neither changes the repository nor what the next run selects.
OPTIONS = ["-p", "no:cacheprovider", "-p", "no:stepwise", *_ALWAYS]

# Where the shell keeps what failed last, for the runs that ask for it.
CACHE = "/var/cache/pytest"
WITH_CACHE = ["-o", f"cache_dir={CACHE}", *_ALWAYS]

# Options of plugins that watch or distribute a run and do not change its outcomes. Repositories
# put them into `addopts`; without the plugin pytest would refuse to run at all.
_IGNORED_OPTIONS = [
    (("--cov",), {"action": "append", "nargs": "?", "const": True}),
    (("--cov-report",), {"action": "append"}),
    (("--cov-config", "--cov-fail-under", "--cov-context"), {}),
    (("--no-cov", "--no-cov-on-fail", "--cov-branch", "--cov-append"), {"action": "store_true"}),
    (("-n", "--numprocesses", "--maxprocesses", "--dist"), {}),
    (("--timeout", "--timeout-method"), {}),
    # Settings without a dash are those of configuration files.
    (("faulthandler_timeout", "faulthandler_exit_on_timeout"), None),
]

# Without a cache they change nothing: pytest runs all tests then, in their order.
_CACHE_OPTIONS = [
    (("--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first"),
     {"action": "store_true"}),
    (("--cache-clear", "--sw", "--stepwise", "--sw-skip", "--stepwise-skip"),
     {"action": "store_true"}),
    (("--sw-reset", "--stepwise-reset"), {"action": "store_true"}),
    (("--lfnf", "--last-failed-no-failures"), {}),
    (("--cache-show",), {"nargs": "?", "const": "*"}),
    (("cache_dir",), None),
]
_WITHOUT_CACHE = _IGNORED_OPTIONS + _CACHE_OPTIONS


def event_plugins(ignored=_WITHOUT_CACHE, text=text):
    """The plugins of a session, with the functions that say where it reports to, which tests to run
    and which of them end it by failing, and that report its end. Options in `ignored` are accepted
    and mean nothing.
    """
    audit = None if Audit is None else Audit()
    emit = wanted = running = None
    skip = required = frozenset()
    silent = False

    def start(channel, only=None, without=(), needed=()):
        nonlocal emit, wanted, skip, required
        emit, skip, required = channel, frozenset(without), frozenset(needed)
        if audit is not None:
            audit.connect(channel)
        wanted = None if only is None else frozenset(only)

    def end(status):
        if audit is None:
            emit("finished", status=status)
            return
        audit.finish()
        emit("finished", status=status, canary=audit.canary)

    def pytest_addoption(parser):
        group = parser.getgroup("accepted and ignored")
        for names, settings in ignored:
            for name in names:
                if settings is None:
                    parser.addini(name, "accepted and ignored")
                    continue
                group._addoption(name, dest=f"ignored {name}", **settings)

    def pytest_configure(config):
        # A worker of pytest-xdist reports to its controller, which reports here.
        nonlocal silent
        silent = hasattr(config, "workerinput")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(config, items):
        def is_left_out(item):
            id = text(item.nodeid)
            return id in skip or (wanted is not None and id not in wanted)

        left_out = [item for item in items if is_left_out(item)]
        if left_out:
            items[:] = [item for item in items if not is_left_out(item)]
            config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(session):
        nonlocal running
        running = session
        if not silent:
            emit("collected", ids=[text(item.nodeid) for item in session.items])

    # A file is imported when it is collected, which may take as long as a test.

    def pytest_collectstart(collector):
        if not silent and isinstance(collector, pytest.File):
            emit("started", id=text(collector.nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(collector):
        if isinstance(collector, pytest.File) and text(collector.nodeid) in skip:
            return pytest.CollectReport(collector.nodeid, "passed", None, [])
        return None

    def pytest_collectreport(report):
        if silent:
            return
        lines = text(report.longrepr).strip().splitlines()
        emit(
            "collection",
            id=text(report.nodeid),
            outcome=report.outcome,
            message=lines[-1][:1000] if lines else "",
        )

    def pytest_runtest_logstart(nodeid, location):
        if not silent:
            emit("started", id=text(nodeid))

    def pytest_runtest_logreport(report):
        if silent:
            return
        # A passed set-up or subtest says nothing yet about the test as a whole.
        if report.passed and (hasattr(report, "context") or report.when == "setup"):
            return
        if audit is not None:
            audit.check_report(report)
        emit(
            "test",
            id=text(report.nodeid),
            phase=report.when,
            outcome=report.outcome,
            expected=hasattr(report, "wasxfail"),
        )
        if report.failed and required and text(report.nodeid) in required:
            running.shouldfail = "a required test failed"

    def pytest_internalerror(excrepr):
        if not silent:
            emit("broken", message=text(excrepr)[-1000:])

    hooks = {name: hook for name, hook in locals().items() if name.startswith("pytest_")}
    # Some versions of pytest keep plugins in sets: a type's instance can be hashed, a
    # SimpleNamespace cannot.
    plugin = type("EventPlugin", (), {})()
    vars(plugin).update(hooks)
    return [plugin] if audit is None else [plugin, audit], start, end


def audit_of(plugins):
    """The one among the plugins of a session that has an eye on its tests."""
    return next(plugin for plugin in plugins if Audit is not None and isinstance(plugin, Audit))


def run_with_cache(arguments, emit, wanted=None, skip=(), required=()):
    """Runs pytest with its own cache, outside of the repository."""
    os.makedirs(f"{CACHE}/v/cache", exist_ok=True)
    arguments = [*WITH_CACHE, *arguments]
    return run(arguments, emit, wanted, skip, required, ignored=_IGNORED_OPTIONS)


def run(
    arguments, emit, wanted=None, skip=(), required=(), ignored=_WITHOUT_CACHE, main=pytest.main
):
    """Runs pytest with the given command line and returns its exit status.

    `wanted` limits the session to these ids, `None` runs all that is collected; `skip` takes ids
    out, of tests and of files. The session is over when one of `required` fails.
    """
    plugins, start, end = event_plugins(ignored)
    start(emit, wanted, skip, required)
    status = int(main(arguments, plugins=plugins))
    end(status)
    return status
