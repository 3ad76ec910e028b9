"""Compiles mutants of a file.

Reads lines {"text": ..., "edits": [[start, end, new], ...]} with offsets in bytes of UTF-8, writes
lines {"rejected": [[index, why], ...], "compiles": bool}. A whole file takes long to compile, so
only the outermost function or other statement around the edit is, inside a class where it stood in
one; whatever is rejected like that is tried again as a whole file.
"""

import __future__
import ast
import json
import sys
import warnings
from bisect import bisect_right

warnings.simplefilter("ignore")
sys.setrecursionlimit(10_000)


def compiles(source, flags):
    try:
        compile(source, "mutant", "exec", flags, True)
    except (SyntaxError, ValueError) as error:
        return str(error)
    except (RecursionError, MemoryError):
        # The limit of this process, not of the language.
        return None


class Unit:
    """The lines of a statement of a module or class."""

    def __init__(self, start, end, in_class, inner):
        self.start, self.end, self.in_class, self.inner = start, end, in_class, inner
        self.alone = None


class Mutants:
    def __init__(self, text):
        self.text, self.starts = text, [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        tree = ast.parse(text)
        self.flags = 0
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for name in node.names:
                    self.flags |= getattr(__future__, name.name).compiler_flag
        self.units = self.collect(tree.body, False)

    def collect(self, body, in_class):
        units = []
        for node in body:
            first = min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])
            inner = self.collect(node.body, True) if isinstance(node, ast.ClassDef) else []
            last = min(node.end_lineno, len(self.starts) - 1)
            units.append(Unit(self.starts[first - 1], self.starts[last], in_class, inner))
        return units

    def check(self, unit, start, end, new):
        body = self.text[unit.start : start] + new + self.text[end : unit.end]
        return compiles(b"class C:\n" + body if unit.in_class else body, self.flags)

    def around(self, start, end):
        """The innermost unit that holds the edit and compiles by itself."""
        found, units = None, self.units
        while True:
            at = bisect_right(units, start, key=lambda unit: unit.start) - 1
            if at < 0 or end > units[at].end or start == units[at].end:
                return found
            unit = units[at]
            if unit.alone is None:
                unit.alone = self.check(unit, unit.start, unit.start, b"") is None
            if unit.alone:
                found = unit
            units = unit.inner

    def rejects(self, start, end, new):
        unit = self.around(start, end)
        if unit is not None and self.check(unit, start, end, new) is None:
            return None
        return compiles(self.text[:start] + new + self.text[end:], 0)


for line in sys.stdin:
    request = json.loads(line)
    text = request["text"].encode()
    rejected, fine = [], compiles(text, 0) is None
    if fine:
        mutants = Mutants(text)
        for index, (start, end, new) in enumerate(request["edits"]):
            why = mutants.rejects(start, end, new.encode())
            if why is not None:
                rejected.append([index, why])
    print(json.dumps({"rejected": rejected, "compiles": fine}), flush=True)
