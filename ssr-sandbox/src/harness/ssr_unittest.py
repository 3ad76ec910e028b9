"""Reports runs of unittest's text runner on the event channel, whoever starts them: `python -m
unittest`, Django's runner, a script."""

import unittest
from unittest.loader import _FailedTest
from unittest.suite import _ErrorHolder
from unittest.util import strclass

from ssr_events import text

# From best to worst.
_ORDER = ("passed", "xfailed", "skipped", "xpassed", "failed", "error")


def dotted(test):
    """The id of a test as unittest has it: `tests.test_a.Case.test_x`."""
    return text(test.id())


def labelled(test):
    """The id of a test as SWE-bench has it for Django: `test_x (app.tests.Case)`."""
    method = getattr(test, "_testMethodName", None)
    return text(test if method is None else f"{method} ({strclass(type(test))})")


def run(main, emit, name, wanted=None, skip=()):
    """Calls `main`, which runs tests by unittest's text runner, and returns its exit status.

    Tests report under the id that `name` gives them.
    `wanted` limits the run to these ids, `None` runs all that is collected; `skip` takes ids out.
    """
    runs = _Runs(emit, name, wanted, skip)
    status = 0
    try:
        status = main() or 0
        return status
    except SystemExit as exit:
        # Before Python 3.12 unittest leaves with a truth value.
        status = int(exit.code) if isinstance(exit.code, int) else int(exit.code is not None)
        raise
    except BaseException as error:
        status = 1
        emit("broken", message=text(f"{type(error).__name__}: {error}")[-1000:])
        raise
    finally:
        # A test that leaves the interpreter is not the end of the run.
        if not runs.busy:
            if runs.completed == 0:
                emit("broken", message="it ended before it ran any test")
            emit("finished", status=status)


class _Runs:
    """The runs of one program. A test may run tests itself: only the outermost run reports."""

    def __init__(self, emit, name, wanted, skip):
        self.busy = False
        self.completed = 0
        skip = frozenset(skip)
        original = unittest.TextTestRunner.run

        def is_chosen(test):
            names = {name(inner) for inner in _tests_in(test)}
            return not names <= skip and (wanted is None or not names.isdisjoint(wanted))

        def run(runner, suite):
            if self.busy:
                return original(runner, suite)
            self.busy = True
            tests = [test for test in _parts(suite) if is_chosen(test)]
            report = _Report(emit, name, tests)
            make = runner._makeResult
            runner._makeResult = lambda: report.listen(make())
            result = original(runner, _Suite(tests, report))
            self.busy = False
            self.completed += 1
            return result

        unittest.TextTestRunner.run = run


def _parts(suite):
    """The tests of a suite one by one, save for suites that run in a way of their own."""
    if not isinstance(suite, unittest.TestSuite) or type(suite).run is not unittest.TestSuite.run:
        yield suite
        return
    for part in suite:
        yield from _parts(part)


def _tests_in(part):
    if not isinstance(part, unittest.BaseTestSuite):
        yield part
        return
    for inner in part:
        yield from _tests_in(inner)


class _Suite(unittest.TestSuite):
    """Says which test is next before its class and its module are set up for it."""

    def __init__(self, tests, report):
        super().__init__()
        self._tests = tests
        self._announce = None
        self._report = report

    def run(self, result, debug=False):
        self._announce = self._report.next
        return super().run(result, debug)

    def __iter__(self):
        announce, self._announce = self._announce, None
        for test in self._tests:
            if announce is not None:
                announce(test)
            yield test


class _Report:
    """Listens to what a result is told."""

    def __init__(self, emit, name, tests):
        self._emit = emit
        self._name = name
        self._done = set()
        # What a test was told until it stops.
        self._told = {}
        # The tests that need a class or a module to be set up, by what unittest calls that.
        self._below = {}
        names = []
        for test in (inner for part in tests for inner in _tests_in(part)):
            names.append(name(test))
            for fixture in (
                f"setUpClass ({strclass(type(test))})",
                f"setUpModule ({type(test).__module__})",
            ):
                self._below.setdefault(fixture, []).append(names[-1])
        emit("collected", ids=names)

    def next(self, test):
        if not isinstance(test, unittest.BaseTestSuite) and self._name(test) not in self._done:
            self._emit("started", id=self._name(test))

    def listen(self, result):
        def listener(method, notice):
            original = getattr(result, method)

            def listening(test, *arguments):
                original(test, *arguments)
                notice(test, *arguments)

            setattr(result, method, listening)

        def told(outcome):
            return lambda test, *details: self._tell(test, outcome, *details)

        listener("startTest", self._start)
        listener("addSuccess", told("passed"))
        listener("addFailure", told("failed"))
        listener("addError", told("error"))
        listener("addSkip", told("skipped"))
        listener("addExpectedFailure", told("xfailed"))
        listener("addUnexpectedSuccess", told("xpassed"))
        listener("addSubTest", self._subtest)
        listener("stopTest", self._stop)
        return result

    def _start(self, test):
        self._told[test] = []

    def _stop(self, test):
        told = self._told.pop(test, None)
        if told:
            self._outcome(self._name(test), max(told, key=_ORDER.index))

    def _subtest(self, test, subtest, error):
        if error is not None:
            failed = issubclass(error[0], test.failureException)
            self._tell(test, "failed" if failed else "error")

    def _tell(self, test, outcome, details=None):
        # A skipped subtest is told in the place of its test.
        test = getattr(test, "test_case", test)
        if isinstance(test, _ErrorHolder):
            for name in self._below.get(test.description, ()):
                if name not in self._done:
                    self._outcome(name, outcome)
            self._fixture(test, outcome, details)
        elif isinstance(test, _FailedTest):
            self._told.pop(test, None)
            self._collection(self._name(test), outcome, details)
        elif test in self._told:
            self._told[test].append(outcome)
        else:
            # Django does not start a test whose preparation fails.
            self._outcome(self._name(test), outcome)

    def _outcome(self, name, outcome):
        self._done.add(name)
        self._emit("outcome", id=name, outcome=outcome)

    def _fixture(self, holder, outcome, details):
        self._collection(text(holder.description), outcome, details)

    def _collection(self, name, outcome, details):
        failed = outcome != "skipped"
        lines = text(details[1]).strip().splitlines() if failed and details else []
        self._emit(
            "collection",
            id=name,
            outcome="failed" if failed else "skipped",
            message=lines[-1][:1000] if lines else "",
        )
