"""Runs one checking tool on files of the repository and prints what it found as one JSON line."""

import contextlib
import importlib
import io
import json
import os
import sys
import traceback

CACHE = "/tmp/ssr-gate-cache"


def run(request):
    # The tool and the standard library must not come out of the repository.
    path, here = list(sys.path), os.getcwd()
    outside = lambda entry: entry and not (os.path.abspath(entry) + "/").startswith(here + "/")
    sys.path[:] = filter(outside, path)
    tool = {"pylint": _pylint, "mypy": _mypy, "smoke": _smoke}[request["tool"]]
    printed, complaints = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaints):
            findings = tool(request, path, printed, complaints)
    except ModuleNotFoundError as error:
        return {"broken": f"{request['tool']} cannot be imported: {error}"}
    except BaseException as error:
        lines = traceback.format_exception_only(error)
        return {"broken": f"{request['tool']} crashed: {''.join(lines).strip()}"}
    return {"findings": findings}


def _status(main, *arguments, **options):
    try:
        return main(*arguments, **options) or 0
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else 2


def _pylint(request, path, printed, complaints):
    from pylint.lint import Run

    arguments = ["--output-format=json2", "--persistent=n", "--jobs=1", "--score=n"]
    status = _status(Run, arguments + request["args"] + ["--", *request["files"]])
    text = printed.getvalue()
    if status & 32 or not text.strip():
        raise RuntimeError(f"status {status}: {complaints.getvalue().strip() or text.strip()}")
    findings = []
    for message in json.loads(text)["messages"]:
        if message["type"] == "fatal":
            raise RuntimeError(message["message"])
        findings.append({
            "path": message["path"],
            "line": message["line"],
            "column": message["column"],
            "rule": message["symbol"],
            "severity": message["type"],
            "message": message["message"],
        })
    return findings


def _mypy(request, path, printed, complaints):
    from mypy.main import main

    _forget(request["changed"])
    arguments = ["--output=json", f"--cache-dir={CACHE}", "--no-error-summary"]
    arguments += request["args"] + ["--", *request["files"]]
    status = _status(main, args=arguments, stdout=printed, stderr=complaints, clean_exit=True)
    messages = [json.loads(line) for line in printed.getvalue().splitlines() if line[:1] == "{"]
    if status not in (0, 1) and not messages:
        said = complaints.getvalue().strip() or printed.getvalue().strip()
        raise RuntimeError(f"status {status}: {said}")
    return [
        {
            "path": message["file"],
            "line": message["line"],
            "column": message["column"],
            "rule": message["code"] or "misc",
            "severity": message["severity"],
            "message": message["message"],
        }
        for message in messages
        if message["severity"] == "error"
    ]


def _forget(changed):
    """What mypy knows of a changed module counts no more, whatever the times of its file say."""
    suffixes = tuple(f"/{os.path.splitext(file)[0].removeprefix('src/')}.meta.json" for file in changed)
    for folder, _, names in os.walk(CACHE):
        for name in names:
            file = os.path.join(folder, name)
            if suffixes and file.endswith(suffixes):
                os.remove(file)


def _smoke(request, path, printed, complaints):
    findings = []

    def found(file, rule, error):
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
        message = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
        findings.append({
            "path": file, "line": line or 1, "column": 0, "rule": rule, "severity": "error",
            "message": message[-1] if message else type(error).__name__,
        })

    compiles = set()
    for file in request["files"]:
        try:
            with open(file, "rb") as source:
                compile(source.read(), file, "exec", dont_inherit=True)
            compiles.add(file)
        except (SyntaxError, ValueError) as error:
            found(file, "does-not-compile", error)
    sys.path[:] = path
    for file, module in request["modules"]:
        if file in compiles:
            try:
                importlib.import_module(module)
            except BaseException as error:
                found(file, "cannot-be-imported", error)
    return findings


if __name__ == "__main__":
    answer = run(json.loads(sys.argv[1]))
    sys.__stdout__.write("\n" + json.dumps({"gate": answer}) + "\n")
    sys.__stdout__.flush()
    os._exit(0)
