"""Brings changed functions into modules that are imported already.

A session that has collected its tests has run the repository's modules. It can stand for a
repository in which a module differs as long as nothing that was executed differs: what a patch
changes must lie inside of functions that have not been called. Their code is then exchanged, and
the lines of what follows are moved. Everything else is refused, and the tests start from an
earlier point.
"""

import ast
import gc
import importlib.machinery
import importlib.util
import sys
import types
import warnings

import __future__

_REPOSITORY = "/testbed/"

# Sources beyond this many bytes in all are left alone, since preparing them takes long.
_MOST_BYTES = 4 << 20

_HAS_DOCSTRING = 0x4000000

# What holds statements, and statements.
_NESTED = (ast.stmt, ast.excepthandler, ast.match_case)

_FEATURES = {name: getattr(__future__, name) for name in __future__.all_feature_names}


class Refused(Exception):
    """The change is more than an exchange of functions that have not been called."""


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
    """A module as it was imported."""

    def __init__(self, path, lines, tree):
        self.path, self.lines = path, lines
        self.units, self.flags = _units(tree, len(lines)), _flags(tree)
        # Calls of what a module imports are compiled in another way.
        imported = ", ".join(f"_ as {name}" for name in _imported(tree.body))
        self.head = f"if 0: import {imported}" if imported else ""
        self.every = []
        # By the place of the code; None for a place that two of them share.
        self.live = {}
        self.classes = []
        self.changed = set()

    def swap(self, started):
        """Makes the module what importing the file at its path would make it now. Returns the keys of
        the code that does something else from now on, or does it in other lines of its own.
        """
        lines = _lines(self.path)
        start, old_end, new_end = _difference(self.lines, lines)
        unit = next((unit for unit in reversed(self.units) if unit[0] <= start), None)
        if unit is None or old_end > unit[1]:
            raise Refused
        first, end = unit
        moved = new_end - old_end
        old = self._compile(self.lines, first, end)
        new = self._compile(lines, first, end + moved)
        if _shape(old) != _shape(new):
            raise Refused
        changes = []
        self._pair_inner(old, new, started, changes)
        if moved:
            self._move(end, moved, changes)
        for live, code in changes:
            for function in live.functions:
                function.__code__ = code
        for cls in self.classes:
            line = vars(cls)["__firstlineno__"]
            if moved and line > end:
                type.__setattr__(cls, "__firstlineno__", line + moved)
        return self.changed

    def _compile(self, lines, first, end):
        if first == 0:
            raise Refused
        # The lines above are as many as in the file.
        text = self.head + "\n" * first + "\n".join(lines[first:end]) + "\n"
        return _quietly(compile, text, self.path, "exec", self.flags, True)

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

    def _move(self, end, moved, changes):
        known = {}
        for live in self.every:
            if live.code.co_firstlineno > end:
                if live.held:
                    raise Refused
                changes.append((live, _moved(live.code, moved, known)))


def survey():
    """The modules that can be changed later, by their paths. Called before anything is frozen."""
    sources = {}
    size = 0
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        loader = type(getattr(spec, "loader", None))
        path = getattr(spec, "origin", None)
        if (
            loader is not importlib.machinery.SourceFileLoader
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
        sources[path] = Source(path, lines, tree)
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


def _units(tree, length):
    """The lines of each statement of a module, up to the next one."""
    starts = []
    last = 0
    for statement in tree.body:
        decorators = getattr(statement, "decorator_list", ())
        first = min(node.lineno for node in (statement, *decorators)) - 1
        # Statements that share a line belong together.
        if first >= last:
            starts.append(first)
        last = statement.end_lineno
    return list(zip(starts, [*starts[1:], length]))


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
