# Runs pytest on the files named in argv and writes which lines of the repository were executed, in the
# form of `coverage json`, and by which test.
import json
import os
import sys
import types

ROOT = os.getcwd() + "/"
REPORT = sys.argv[1]
monitoring = sys.monitoring
# By file, then by line: the tests that executed it. None stands for what no test does: imports.
executed = {}
tests = []
current = None


def on_line(code, number):
    name = code.co_filename
    if name.startswith(ROOT):
        executed.setdefault(name, {}).setdefault(number, set()).add(current)
    return monitoring.DISABLE


def statements(code):
    """All lines that code and what is defined in it can execute."""
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from statements(constant)


class Recorder:
    def pytest_runtest_logstart(self, nodeid, location):
        global current
        current = len(tests)
        tests.append(nodeid)
        # A line reports itself once until it is asked again.
        monitoring.restart_events()

    def pytest_runtest_logfinish(self, nodeid, location):
        global current
        current = None
        monitoring.restart_events()


def report():
    files = {}
    for name, lines in executed.items():
        try:
            with open(name, "rb") as file:
                known = set(statements(compile(file.read(), name, "exec")))
        except (OSError, SyntaxError, ValueError):
            continue
        files[name[len(ROOT):]] = {
            "executed_lines": sorted(lines),
            "missing_lines": sorted(known - set(lines)),
            "statements": sorted(known),
            "imported": sorted(line for line, by in lines.items() if None in by),
            "tests": {line: sorted(by - {None}) for line, by in lines.items() if by - {None}},
        }
    return {"tests": tests, "files": files}


monitoring.use_tool_id(monitoring.COVERAGE_ID, "coverage")
monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, on_line)
monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)
try:
    import pytest

    options = ["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-o", "addopts="]
    options += ["--capture=sys", "--continue-on-collection-errors"]
    pytest.main(options + sys.argv[2:], plugins=[Recorder()])
finally:
    monitoring.set_events(monitoring.COVERAGE_ID, 0)
    with open(REPORT, "w") as file:
        json.dump(report(), file)
