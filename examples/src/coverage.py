# Runs pytest on the files named in argv and writes which lines of the repository were executed, in
# the form of `coverage json`.
import json
import os
import sys
import types

ROOT = os.getcwd() + "/"
REPORT = sys.argv[1]
executed = {}


def on_line(code, number):
    name = code.co_filename
    if name.startswith(ROOT):
        executed.setdefault(name, set()).add(number)
    return sys.monitoring.DISABLE


def statements(code):
    """All lines that code and what is defined in it can execute."""
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from statements(constant)


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
            "missing_lines": sorted(known - lines),
        }
    return {"files": files}


monitoring = sys.monitoring
monitoring.use_tool_id(monitoring.COVERAGE_ID, "coverage")
monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, on_line)
monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)
try:
    import pytest

    options = ["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-o", "addopts="]
    pytest.main(options + ["--capture=sys", "--continue-on-collection-errors"] + sys.argv[2:])
finally:
    monitoring.set_events(monitoring.COVERAGE_ID, 0)
    with open(REPORT, "w") as file:
        json.dump(report(), file)
