"""Tells the host, before the snapshot, which parts of the interpreter no test may change.

The host keeps the bytes that this names and compares them while a suite runs and at its end. What
it compares, and when, is outside of the guest's reach.
"""

import gc
import json
import os
import sys
import types

# What collects, runs and reports: compared when the collection and the run end, and at some of the
# events between.
JUDGE = ("_pytest", "pluggy", "pytest", "unittest", "ssr_")

# What a report is made of: compared at each result and at each reading of the clock, of which there
# are two between a test and its report. Filled by `_find_hot`.
HOT = {"ssr_audit", "ssr_events", "ssr_pytest"}

# What tests may replace as long as they put it back: compared at the same events as the judge,
# where these are between tests.
WORLD = frozenset((
    "_collections_abc", "_io", "ast", "builtins", "contextlib", "functools", "importlib",
    "importlib._bootstrap", "importlib._bootstrap_external", "importlib.machinery",
    "importlib.util", "inspect", "io", "json.encoder", "linecache", "marshal", "operator", "os",
    "pathlib", "posix", "posixpath", "re", "tokenize", "types",
))

_DESCRIPTORS = (property, classmethod, staticmethod, types.ModuleType)

# Set for classes that Python code made; the others cannot be changed.
_HEAP_TYPE = 1 << 9

# What is replaced for the time of a session: by pytest's own plugins, and by our own runners of
# unittest and Django.
_SESSION = frozenset((
    "_pytest.config.Config._getini_unknown_type", "unittest.runner.TextTestRunner.run",
))


def _find_hot():
    """Adds the modules of what a report is made of: versions differ in where they have it, and keep
    the old places as names for the new ones."""
    try:
        import _pytest.reports
        import _pytest.runner
        import _pytest.timing
        import pluggy
    except ImportError:
        return
    HOT.add(_pytest.timing.__name__)
    made_of = (
        _pytest.reports.TestReport, _pytest.runner.CallInfo, _pytest.runner.runtestprotocol,
        getattr(pluggy, "Result", None), getattr(pluggy.PluginManager("witness"), "_inner_hookexec", None),
    )
    HOT.update(thing.__module__ for thing in made_of if thing is not None)


def _versioned(cls, scope):
    # pytest's plugin for old paths adds attributes to nodes for the time of a session.
    return scope == "hot" and not any(base.__name__ == "Node" for base in cls.__mro__)


def _scope(name):
    if name in HOT:
        return "hot"
    if name.startswith(JUDGE):
        return "judge"
    return "world" if name in WORLD else None


class _Survey:
    def __init__(self):
        self.namespaces, self.functions, self.types = [], [], []
        self.codes = {}
        self.seen = {}

    def namespace(self, mapping, label, scope):
        entries = [
            (name, id(value))
            for name, value in mapping.items()
            if isinstance(name, str) and f"{label}.{name}" not in _SESSION and (callable(value) or isinstance(value, _DESCRIPTORS))
        ]
        if entries:
            names, values = zip(*entries)
            self.namespaces.append({
                "label": label, "scope": scope, "dict": id(mapping), "len": len(mapping),
                "names": names, "values": values,
            })

    def thing(self, value, label, scope, module):
        if id(value) in self.seen:
            return
        if isinstance(value, types.FunctionType):
            self.seen[id(value)] = value
            self.functions.append({"label": label, "scope": scope, "at": id(value)})
            self.code(value.__code__)
            for cell in value.__closure__ or ():
                try:
                    self.thing(cell.cell_contents, label, scope, module)
                except ValueError:
                    pass
            self.thing(getattr(value, "__wrapped__", None), label, scope, module)
        elif isinstance(value, (classmethod, staticmethod)):
            self.thing(value.__func__, label, scope, module)
        elif isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                self.thing(part, label, scope, module)
        elif isinstance(value, type) and value.__module__ == module:
            self.seen[id(value)] = value
            if not value.__flags__ & _HEAP_TYPE:
                return
            mapping = next(d for d in gc.get_referents(value.__dict__) if type(d) is dict)
            self.types.append({"label": label, "scope": scope, "at": id(value),
                               "dict": id(mapping), "versioned": _versioned(value, scope)})
            self.namespace(mapping, label, scope)
            for name, part in mapping.items():
                self.thing(part, f"{label}.{name}", scope, module)

    def code(self, code):
        if id(code) not in self.codes:
            self.codes[id(code)] = code
            for constant in code.co_consts:
                if isinstance(constant, types.CodeType):
                    self.code(constant)


def survey(path):
    """Writes to `path` what there is to compare."""
    _find_hot()
    found = _Survey()
    for name, module in sorted(sys.modules.items()):
        scope = _scope(name)
        if scope is None or not isinstance(module, types.ModuleType):
            continue
        found.namespace(vars(module), name, scope)
        for attribute, value in list(vars(module).items()):
            found.thing(value, f"{name}.{attribute}", scope, name)
    import ssr_events
    import ssr_runtime

    emit = next(c for c in ssr_events.channel.__code__.co_consts if isinstance(c, types.CodeType))
    # A default of a function that is compared itself: none of these is ever freed, so that no
    # other object can take its place.
    _keep.__defaults__ = ((*found.seen.values(), *found.codes.values()),)
    text = json.dumps({
        "version": sys.version_info[:2],
        "namespaces": found.namespaces,
        "functions": found.functions,
        "types": found.types,
        "codes": list(found.codes),
        "code_type": id(types.CodeType),
        "emit": id(emit),
        "run": id(ssr_runtime.run.__code__),
    })
    with open(path, "w") as file:
        file.write(text)
    for depth in (0, 3, 9):
        _probe(depth)
    for _ in range(4):
        sys.settrace(_keep)
        sys.settrace(None)
        os.write(1, b"switched\n")
    gc.collect()
    gc.freeze()


def _keep(kept=()):
    return kept


def _probe(depth):
    """Shows the host frames whose place it knows, so that it learns how to walk them."""
    if depth:
        return _probe(depth - 1)
    frame = sys._getframe()
    os.write(1, b"%d %d %d\n" % (id(frame), id(frame.f_code), id(frame.f_back)))
