"""Brings changed functions into modules that are imported already.

A session that has collected its tests has run the repository's modules, those with tests among
them. It can stand for a repository in which a module differs as long as nothing that was executed
differs: what a patch changes must lie inside of functions that have not been called. Their code is
then exchanged, and the lines of what follows are moved. Definitions of tests may come and go
(`ssr_graft`). Everything else is refused, and the tests start from an earlier point.
"""

import ast
import bisect
import gc
import importlib.machinery
import importlib.util
import sys
import types
import warnings

import __future__

import ssr_graft

try:
    from _pytest.assertion import rewrite
except ImportError:
    rewrite = None

_REPOSITORY = "/testbed/"

# Sources beyond this many bytes in all are left alone, since preparing them takes long.
_MOST_BYTES = 4 << 20

_HAS_DOCSTRING = 0x4000000

# What holds statements, and statements.
_NESTED = (ast.stmt, ast.excepthandler, ast.match_case)

_FEATURES = {name: getattr(__future__, name) for name in __future__.all_feature_names}


Refused = ssr_graft.Refused


def _key(code):
    return code.co_filename, code.co_firstlineno, code.co_qualname


class Started:
    """Notes which code of the repository is executed while it is in use."""

    def __init__(self):
        self.keys = set()

    def __enter__(self):
        monitoring = sys.monitoring
        self._tool = next(tool for tool in range(6) if monitoring.get_tool(tool) is None)
        monitoring.use_tool_id(self._tool, "ssr")
        monitoring.register_callback(self._tool, monitoring.events.PY_START, self._note)
        monitoring.set_events(self._tool, monitoring.events.PY_START)
        # What an earlier use has heard of is news to this one.
        monitoring.restart_events()
        return self.keys

    def _note(self, code, offset):
        if code.co_filename.startswith(_REPOSITORY):
            self.keys.add(_key(code))
        return sys.monitoring.DISABLE

    def __exit__(self, *error):
        monitoring = sys.monitoring
        monitoring.set_events(self._tool, 0)
        monitoring.register_callback(self._tool, monitoring.events.PY_START, None)
        monitoring.free_tool_id(self._tool)


class _Live:
    """A code object in use, with the functions that have it."""

    __slots__ = ("code", "functions", "parents", "held")

    def __init__(self, code):
        self.code = code
        self.functions = []
        self.parents = 0
        self.held = False


class Source:
    """A module as it was imported. `config` is that of the session when pytest has rewritten its
    assertions, and `None` otherwise.
    """

    def __init__(self, module, path, lines, tree, config):
        self.module, self.path, self.lines, self.config = module, path, lines, config
        self.units, self.flags = _units(tree), _flags(tree)
        # Calls of what a module imports are compiled in another way.
        imported = ", ".join(f"_ as {name}" for name in _imported(tree.body))
        self.head = f"if 0: import {imported}" if imported else ""
        self.names = None if config is None else ssr_graft.names_by_line(tree)
        self.every = []
        # By the place of the code; None for a place that two of them share.
        self.live = {}
        self.classes = []
        self.changed = set()
        self.grafts = []

    def swap(self, started):
        """Makes the module what importing the file at its path would make it now, save for `grafts`.
        Returns the keys of the code that does something else from now on, or does it in other lines
        of its own.
        """
        lines = _lines(self.path)
        blocks, shifts = self._align(lines)
        changes = []
        for first, end, new_first, new_end in blocks:
            try:
                old = self._compile(self.lines, self._start(first), self._start(end))
                new = self._compile(lines, new_first, new_end)
                if _shape(old) != _shape(new):
                    raise Refused
            except Refused:
                self._graft(first, end, lines, new_first, new_end, started)
                continue
            self._pair_inner(old, new, started, changes)
        self._move(shifts, changes)
        for live, code in changes:
            for function in live.functions:
                function.__code__ = code
        for cls in self.classes:
            line = vars(cls)["__firstlineno__"]
            shift = shifts[self._unit_at(line)]
            if shift:
                type.__setattr__(cls, "__firstlineno__", line + shift)
        return self.changed

    def _start(self, unit):
        return self.units[unit][0] if unit < len(self.units) else len(self.lines)

    def _unit_at(self, line):
        """The unit of a line, which is counted from 1."""
        return bisect.bisect_right(self.units, line - 1, key=lambda unit: unit[0]) - 1

    def _align(self, lines):
        """Which units became which lines: those that differ, as the first and the last unit and line,
        and how far each other one has moved.

        The lines in which units begin lead from one to the next. That they begin units now as well is
        shown later: what lies between is compiled by itself.
        """
        start, old_end, new_end = _difference(self.lines, lines)
        if start == old_end == new_end:
            return [], [0] * len(self.units)
        first = self._unit_at(start + 1)
        if first < 0:
            raise Refused
        last = max(first, self._unit_at(old_end))
        moved = new_end - old_end
        known = {}
        for unit in range(first + 1, last + 1):
            text = self.lines[self.units[unit][1]]
            known[text] = None if text in known else unit
        anchors = [(first, self.units[first][0])]
        end = self._start(last + 1) + moved
        for line in range(self.units[first][0], end):
            unit = known.get(lines[line])
            if unit is None or unit <= anchors[-1][0]:
                continue
            begin, header = self.units[unit]
            at = line - (header - begin)
            if at > anchors[-1][1] and lines[at:line] == self.lines[begin:header]:
                anchors.append((unit, at))
        anchors.append((last + 1, end))
        shifts = [0] * (last + 1) + [moved] * (len(self.units) - last - 1)
        blocks = []
        for (unit, at), (next_unit, next_at) in zip(anchors, anchors[1:]):
            while unit < next_unit:
                begin, stop = self._start(unit), self._start(unit + 1)
                length = stop - begin
                if at + length > next_at or lines[at:at + length] != self.lines[begin:stop]:
                    break
                if unit + 1 == next_unit and at + length != next_at:
                    break
                shifts[unit] = at - begin
                unit, at = unit + 1, at + length
            if unit < next_unit:
                shifts[unit:next_unit] = [None] * (next_unit - unit)
                blocks.append((unit, next_unit, at, next_at))
        return blocks, shifts

    def _graft(self, first, end, lines, new_first, new_end, started):
        if self.config is None or first == 0:
            raise Refused
        begin, stop = self._start(first), self._start(end)
        elsewhere = [names for line, names in self.names.items() if not begin <= line < stop]
        graft = ssr_graft.Graft(
            "\n".join(self.lines[begin:stop]), "\n".join(lines[new_first:new_end]), elsewhere
        )
        if new_first < new_end and any(line.strip() for line in lines[new_first:new_end]):
            graft.code = self._compile(lines, new_first, new_end)
        for path, line, name in started:
            # Of a class only its body may have been executed.
            if path == self.path and begin < line <= stop and name not in graft.classes:
                raise Refused
        for live in self.every:
            inside = begin < live.code.co_firstlineno <= stop
            if inside or not graft.names.isdisjoint(live.code.co_names):
                self.changed.add(_key(live.code))
        self.grafts.append(graft)

    def _compile(self, lines, first, end):
        if first == 0:
            raise Refused
        # The lines above are as many as in the file.
        text = self.head + "\n" * first + "\n".join(lines[first:end]) + "\n"
        return _quietly(self._code, text)

    def _code(self, text):
        if self.config is None:
            return compile(text, self.path, "exec", self.flags, True)
        tree = compile(text, self.path, "exec", self.flags | ast.PyCF_ONLY_AST, True)
        if tree.body:
            rewrite.rewrite_asserts(tree, text.encode(), self.path, self.config)
        return compile(tree, self.path, "exec", self.flags, True)

    def _pair_inner(self, old, new, started, changes):
        for before, after in zip(_inner(old), _inner(new)):
            self._pair(before, after, started, changes)

    def _pair(self, old, new, started, changes):
        live = self._find(old)
        if live is not None:
            changes.append((live, new))
        same = _shape(old) == _shape(new)
        if not same or old.co_linetable != new.co_linetable:
            self.changed.add(_key(old))
        if same:
            self._pair_inner(old, new, started, changes)
        elif _key(old) in started or _interface(old) != _interface(new):
            raise Refused

    def _find(self, code):
        if _key(code) not in self.live:
            return None
        live = self.live[_key(code)]
        if live is None or live.held or live.code != code:
            raise Refused
        return live

    def _move(self, shifts, changes):
        known = {}
        for live in self.every:
            shift = shifts[self._unit_at(live.code.co_firstlineno)]
            if shift:
                if live.held:
                    raise Refused
                changes.append((live, _moved(live.code, shift, known)))


def survey(config, tested):
    """The modules that can be changed later, by their paths. Called before anything is frozen.
    `config` is that of the session that imported them, and `tested` the files that have its tests.
    """
    sources = {}
    size = 0
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        loader = type(getattr(spec, "loader", None))
        path = getattr(spec, "origin", None)
        rewritten = (
            rewrite is not None and loader is rewrite.AssertionRewritingHook and path in tested
        )
        if (
            not (rewritten or loader is importlib.machinery.SourceFileLoader)
            or not isinstance(path, str)
            or not path.startswith(_REPOSITORY)
            or "__warningregistry__" in vars(module)
        ):
            continue
        try:
            lines = _lines(path)
            text = "\n".join(lines)
            size += len(text)
            if size > _MOST_BYTES:
                break
            tree = _quietly(ast.parse, text, path)
            # A changed file is compiled as a whole, and what that warns of is heard.
            _quietly(compile, text, path, "exec", 0, True)
        except (Refused, OSError):
            continue
        sources[path] = Source(module, path, lines, tree, config if rewritten else None)
    gc.collect()
    _find_live(sources)
    return sources


def _find_live(sources):
    seen = {}
    files = {}
    for name, module in list(sys.modules.items()):
        files[name] = getattr(module, "__file__", None)
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType:
            source = sources.get(thing.__code__.co_filename)
            if source is not None:
                _enter(source, thing.__code__, seen).functions.append(thing)
        elif issubclass(type(thing), type) and "__firstlineno__" in vars(thing):
            name = vars(thing).get("__module__")
            if isinstance(name, str) and files.get(name) in sources:
                sources[files[name]].classes.append(thing)
    for live in seen.values():
        _count_inner(live, seen)
    expected = _references()
    for live in seen.values():
        known = len(live.functions) + live.parents
        live.held = sys.getrefcount(live.code) != expected + known


def _enter(source, code, seen):
    live = seen.get(id(code))
    if live is None:
        live = seen[id(code)] = _Live(code)
        source.every.append(live)
        key = _key(code)
        source.live[key] = None if key in source.live else live
        for inner in _inner(code):
            _enter(source, inner, seen)
    return live


def _count_inner(live, seen):
    for inner in _inner(live.code):
        seen[id(inner)].parents += 1


def _references():
    """How often code is referred to that no function and no other code has."""
    module = compile("def f(): pass", "", "exec")
    live = _Live(_inner(module)[0])
    del module
    return sys.getrefcount(live.code)


def _lines(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        return importlib.util.decode_source(data).split("\n")
    except (SyntaxError, UnicodeError):
        raise Refused from None


def _difference(old, new):
    """Where the lines of the two differ: from the first, to the second in `old` and the third in
    `new`."""
    most = min(len(old), len(new))
    start = 0
    while start < most and old[start] == new[start]:
        start += 1
    same = 0
    while same < most - start and old[-1 - same] == new[-1 - same]:
        same += 1
    return start, len(old) - same, len(new) - same


def _units(tree):
    """Where the statements of a module begin: the line of each, and the one below its decorators. A
    statement goes on up to the next one.
    """
    units = []
    last = 0
    for statement in tree.body:
        decorators = getattr(statement, "decorator_list", ())
        first = min(node.lineno for node in (statement, *decorators)) - 1
        # Statements that share a line belong together.
        if first >= last:
            units.append((first, statement.lineno - 1))
        last = statement.end_lineno
    return units


def _imported(body):
    """The names that statements of a module import, below conditions too."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in node.names:
                if name.name != "*":
                    yield name.asname or name.name.partition(".")[0]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _imported(
                child for child in ast.iter_child_nodes(node) if isinstance(child, _NESTED)
            )


def _flags(tree):
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for name in statement.names:
                flags |= _FEATURES[name.name].compiler_flag
    return flags


def _quietly(function, *args):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            result = function(*args)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Refused from None
    if heard:
        raise Refused
    return result


def _inner(code):
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _all_inner(code):
    for inner in _inner(code):
        yield inner
        yield from _all_inner(inner)


def _shape(code):
    """What a code object does, wherever it stands and whatever the code inside of it does."""
    constants = tuple(
        None if isinstance(constant, types.CodeType) else constant for constant in code.co_consts
    )
    return code.replace(co_firstlineno=1, co_linetable=b"", co_consts=constants)


def _interface(code):
    """What can be told of a function without calling it."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
    documented = code.co_flags & _HAS_DOCSTRING
    return (
        code.co_name, code.co_qualname, code.co_flags, code.co_argcount,
        code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames[:count],
        code.co_freevars, code.co_consts[0] if documented else None,
    )


def _moved(code, lines, known):
    found = known.get(id(code))
    if found is None:
        constants = tuple(
            _moved(constant, lines, known) if isinstance(constant, types.CodeType) else constant
            for constant in code.co_consts
        )
        line = code.co_firstlineno + lines
        found = known[id(code)] = code.replace(co_firstlineno=line, co_consts=constants)
    return found
