"""Runs the selected tests in a container and reports them beside what they print."""

import json
import os
import runpy
import sys
import threading
import time

from ssr_channel import REQUEST, connect


def main():
    with open(REQUEST) as file:
        request = json.load(file)
    os.remove(REQUEST)
    emit = connect(request)
    if request["per_test"] is not None:
        emit = _watched(emit, request["per_test"])
    arguments, wanted, skip = request["arguments"], request["wanted"], request["skip"]
    if request["runner"] == "pytest":
        import ssr_pytest

        _leave_own_folder()
        return ssr_pytest.run(arguments[1:], emit, wanted, skip, ignored=())
    import ssr_unittest

    _leave_own_folder()

    def program():
        sys.argv[:] = arguments
        name = arguments[0]
        if not name.endswith(".py"):
            return runpy.run_module(name, run_name="__main__", alter_sys=True) and 0
        sys.path[0] = os.path.dirname(os.path.abspath(name))
        return runpy.run_path(name, run_name="__main__") and 0

    name = ssr_unittest.labelled if request["runner"] == "django" else ssr_unittest.dotted
    return ssr_unittest.run(program, emit, name, wanted, skip)


def _leave_own_folder():
    # Modules are looked for where `python -m` looks, instead of beside this file.
    sys.path[0] = os.getcwd()


def _watched(emit, limit, now=time.monotonic, leave=os._exit):
    """Leaves the process when one test takes longer than `limit` seconds, with the status of
    `timeout`; the test that was started last and has not ended is the one."""
    until = None

    def watching(event, **fields):
        nonlocal until
        emit(event, **fields)
        if event == "started":
            until = now() + limit
        elif event in ("collection", "outcome", "finished") or fields.get("phase") == "teardown":
            until = None

    def look(sleep=time.sleep):
        while True:
            sleep(min(limit, 0.1))
            if until is not None and now() > until:
                leave(124)

    threading.Thread(target=look, daemon=True).start()
    return watching


if __name__ == "__main__":
    sys.exit(main())
