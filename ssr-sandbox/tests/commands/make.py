"""Records what real bash, git and GNU tools do with the commands of the tables in this folder.

    python3 make.py            records every table into recorded/
    python3 make.py --check    says what this machine's tools do differently and writes nothing

The scripts run in copies of `../fixtures/agent`. pytest comes from pip.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURE = HERE.parent / "fixtures" / "agent"
TOOLS = ["bash", "git", "grep", "sed", "awk", "find", "xargs", "ls", "sort", "diff", "patch",
         "tar", "bc", "column", "xxd", "jq", "perl", "python3"]
PYTEST = "pytest==9.2.0"
# Folders and files that no repository is read with.
LEFTOVERS = {".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".mypy_cache", ".tox"}
BEGIN = ("git init -q -b main . && git config user.name SSR && git config user.email ssr@localhost"
         " && git add -A -f && git commit -qm initial")


def cases(table):
    """The scripts of a table: blank lines stand between them, `~` for a blank line inside."""
    for block in table.read_text().split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n")
                 if not re.match(r"#!?(differs|refused)? ", line)]
        script = "".join("\n" if line == "~" else line + "\n" for line in lines if line)
        if script:
            yield script


def version(tool):
    if tool == "awk":
        name = os.path.basename(os.path.realpath(shutil.which("awk")))
        return name
    for option in ("--version", "-V", "-v"):
        done = subprocess.run([tool, option], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        lines = (done.stdout or done.stderr).strip().splitlines()
        if done.returncode == 0 and lines:
            found = next((line for line in lines if re.search(r"\d", line)), lines[0])
            return found.strip()
    return "unknown"


class Native:
    """This machine's tools on copies of the fixture."""

    def __init__(self, scratch):
        self.scratch = scratch
        bin = scratch / "bin"
        bin.mkdir()
        for name in ("python", "python3"):
            (bin / name).symlink_to(os.path.realpath(sys.executable))
        packages = scratch / "packages"
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", packages,
                        "--disable-pip-version-check", PYTEST], check=True)
        self.env = {
            "GIT_AUTHOR_NAME": "SSR", "GIT_AUTHOR_EMAIL": "ssr@localhost",
            "GIT_AUTHOR_DATE": "@1735689600 +0000", "GIT_COMMITTER_NAME": "SSR",
            "GIT_COMMITTER_EMAIL": "ssr@localhost", "GIT_COMMITTER_DATE": "@1735689600 +0000",
            "GIT_CONFIG_NOSYSTEM": "1", "LANG": "C.UTF-8", "TZ": "UTC",
            "PATH": f"{bin}:/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(packages),
        }
        self.template = scratch / "template"
        shutil.copytree(FIXTURE, self.template)
        for path in self.template.rglob("*"):
            if path.is_file():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        self.before = files(self.template)
        subprocess.run(["bash", "-c", BEGIN], cwd=self.template, env=self.environment(scratch), check=True)

    def environment(self, home):
        return {**self.env, "HOME": str(home)}

    def run(self, script):
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            top = Path(folder) / "testbed"
            home, tmp = Path(folder) / "home", Path(folder) / "tmp"
            home.mkdir()
            tmp.mkdir()
            shutil.copytree(self.template, top, symlinks=True)
            # No script sees the repository or the temporary folder of this machine.
            inside = script.replace("/tmp", "/\0").replace("/testbed", str(top)).replace("/\0", str(tmp))
            done = subprocess.run(
                ["bash", "-c", inside], cwd=top, env={**self.environment(home), "TMPDIR": str(tmp)},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
            stdout = done.stdout
            for path, name in ((top, b"/testbed"), (tmp, b"/tmp"), (home, b"/root")):
                stdout = stdout.replace(os.fsencode(str(path)), name)
            after = files(top)
        row = {"script": script, "code": done.returncode}
        try:
            row["stdout"] = stdout.decode()
        except UnicodeDecodeError:
            row["stdout_hex"] = stdout.hex()
        changed = {path: after.get(path) for path in sorted(self.before.keys() | after.keys())
                   if self.before.get(path) != after.get(path)}
        if changed:
            row["files"] = changed
        return row


def files(top):
    """Every file as text, or as hexadecimal digits, and whether it can be executed."""
    found = {}
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in LEFTOVERS]
        for name in names:
            path = Path(folder) / name
            if name in LEFTOVERS or not path.is_file():
                continue
            content = path.read_bytes()
            entry = {}
            try:
                entry["text"] = content.decode()
            except UnicodeDecodeError:
                entry["hex"] = content.hex()
            if path.stat().st_mode & 0o100:
                entry["executable"] = True
            found[path.relative_to(top).as_posix()] = entry
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true")
    options.add_argument("tables", nargs="*", help="names without .txt (default: all)")
    options = options.parse_args()
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"missing on this machine: {' '.join(missing)}")
    tables = sorted(HERE.glob("*.txt"))
    if options.tables:
        tables = [HERE / f"{name}.txt" for name in options.tables]
    (HERE / "recorded").mkdir(exist_ok=True)
    versions = {tool: version(tool) for tool in TOOLS}
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        native = Native(Path(scratch))
        for table in tables:
            with ThreadPoolExecutor(2) as pool:
                rows = list(pool.map(native.run, cases(table)))
            path = HERE / "recorded" / f"{table.stem}.json"
            if options.check:
                known = {row["script"]: row for row in json.loads(path.read_text())["cases"]}
                for row in rows:
                    if known.get(row["script"]) != row:
                        different += 1
                        print(f"{table.stem}: {row['script']}")
                continue
            lines = ",\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)
            path.write_text(f'{{"tools": {json.dumps(versions)},\n"cases": [\n{lines}\n]}}\n')
            print(f"{table.stem}: {len(rows)}")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
