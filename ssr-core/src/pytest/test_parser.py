"""Turns the log of `pytest -v` on stdin into {test id: "passed" | "failed"} on stdout.

The progress lines name every test exactly, whatever its id contains. Skipped and expected-to-fail
tests say nothing about the code and are left out. A test that reports twice (a failing subtest or
teardown) counts as failed.
"""
import json
import re
import sys

PROGRESS = re.compile(
    r"^(?P<id>\S.*) (?P<status>PASSED|FAILED|ERROR|SUBFAILED\(.*\)|SUBFAILED\[.*\].*)\s+\[ *\d+%\]$"
)
SECTION = re.compile(r"^=+ (?P<name>[A-Za-z ]+?) =+$")
COLLECTION_ERROR = re.compile(r"^ERROR (?P<file>[^:]+?\.py)(?: - .*)?$")


def parse(log):
    results = {}
    section = None
    for line in log.splitlines():
        if header := SECTION.match(line):
            section = header["name"]
        elif section == "test session starts":
            if match := PROGRESS.match(line):
                passed = match["status"] == "PASSED" and results.get(match["id"]) != "failed"
                results[match["id"]] = "passed" if passed else "failed"
        elif section == "short test summary info":
            # A failed subtest of a unittest case is named here alone.
            if line.startswith("SUBFAILED"):
                results.update({id: "failed" for id in results if f" {id} - " in line})
            elif match := COLLECTION_ERROR.match(line):
                results[match["file"]] = "failed"
    return results


if __name__ == "__main__":
    log = sys.stdin.buffer.read().decode("utf-8", "replace")
    json.dump(parse(log), sys.stdout)
