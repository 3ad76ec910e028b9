"""Brings definitions of tests into a test module that is imported already, and takes others out.

Only definitions that do nothing but define are grafted: plain functions and classes whose execution
depends on nothing and changes nothing, and whose names no other statement of the module uses while
it is imported. Everything else is refused.
"""

import ast
import sys
import unittest

import pytest

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# What pytest and unittest call by its name.
_SPECIAL = ("pytest_", "setup", "teardown", "setUp", "tearDown", "__", "load_tests", "runTest")

# Called while a function is defined, these give the same each time.
_PURE = frozenset((
    "bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "range", "repr", "set",
    "slice", "str", "tuple",
))


class Refused(Exception):
    """The change is more than can be brought into what was executed already."""


class Graft:
    """Definitions that take the place of others. `elsewhere` has the names that each other statement
    of the module uses when it is executed.
    """

    def __init__(self, old, new, elsewhere):
        old, new = _definitions(old), _definitions(new)
        self.gone, self.added = set(old), list(new)
        self.names = {*old, *new}
        self.classes = {name for name, node in old.items() if isinstance(node, ast.ClassDef)}
        self.bases = [
            base for node in new.values() if isinstance(node, ast.ClassDef) for base in node.bases
        ]
        self.code = None
        # Where pytest collects them, and the places of the tests that they take away.
        self.node, self.places = None, ()
        if any(names is None or not self.names.isdisjoint(names) for names in elsewhere):
            raise Refused

    def check(self, session, module):
        """Refuses what others have a part in."""
        items = items_of(session, module.__file__)
        self.node = items[0][1]
        self.places = [at for at, _, name in items if name in self.gone]
        for base in self.bases:
            found = vars(module).get(base.id) if isinstance(base, ast.Name) else None
            if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
                found = getattr(vars(module).get(base.value.id), base.attr, None)
            if found is not unittest.TestCase and found is not object:
                raise Refused
        old = {id(vars(module).get(name)) for name in self.gone}
        for other in list(sys.modules.values()):
            file = getattr(other, "__file__", None)
            if other is module or not isinstance(file, str) or not file.startswith("/testbed/"):
                continue
            if any(id(value) in old for value in list(vars(other).values())):
                raise Refused

    def bring_in(self, session):
        """Defines what is new in the module, forgets what is gone, and returns the new tests."""
        namespace = vars(self.node.obj)
        for name in self.gone:
            namespace.pop(name, None)
        if self.code is None:
            return []
        exec(self.code, namespace)
        return collect(session, self.node, self.added)


def names_by_line(tree):
    """By the line of each statement of a module, counted from 0: the names that it uses or binds when
    it is executed, `None` when that cannot be told.
    """
    found = {}
    for statement in tree.body:
        names = found.setdefault(statement.lineno - 1, set())
        if not _collect(statement, names):
            found[statement.lineno - 1] = None
    return {line: None if names is None else frozenset(names) for line, names in found.items()}


def _collect(node, names):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for name in node.names:
            if name.name == "*":
                return False
            names.add(name.asname or name.name.partition(".")[0])
        return True
    if isinstance(node, ast.Name):
        names.add(node.id)
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        names.add(node.name)
    if isinstance(node, _FUNCTIONS):
        executed = (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults))
    elif isinstance(node, ast.Lambda):
        executed = (*node.args.defaults, *filter(None, node.args.kw_defaults))
    else:
        executed = ast.iter_child_nodes(node)
    return all([_collect(child, names) for child in executed])


def _definitions(text):
    """The statements of `text` by their names."""
    found = {}
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Refused from None
    for node in body:
        if isinstance(node, _FUNCTIONS):
            plain = _is_plain_function(node)
        else:
            plain = isinstance(node, ast.ClassDef) and _is_plain_class(node)
        if not plain or node.name in found or node.name.startswith(_SPECIAL):
            raise Refused
        found[node.name] = node
    return found


def _is_plain_function(node, allowed=()):
    marks = [mark for mark in node.decorator_list if ast.unparse(mark) not in allowed]
    defaults = (*node.args.defaults, *filter(None, node.args.kw_defaults))
    return all(_is_mark(mark) and _is_plain(mark) for mark in marks) and all(map(_is_plain, defaults))


def _is_plain_class(node):
    return (
        not node.keywords
        and all(_is_mark(mark) and _is_plain(mark) for mark in node.decorator_list)
        and all(map(_is_plain_member, node.body))
    )


def _is_plain_member(node):
    if isinstance(node, _FUNCTIONS):
        # Such as `setUp` and `test_a`; the others are called while the class is made.
        hook = node.name in ("__init_subclass__", "__class_getitem__", "__set_name__")
        # What pytest makes fixtures of, which the class before has left behind.
        hook = hook or node.name.startswith(("setup", "teardown"))
        return not hook and _is_plain_function(node, ("staticmethod", "classmethod", "property"))
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return all(isinstance(name, ast.Name) for name in node.targets) and _is_plain(node.value)
    return isinstance(node, ast.Pass)


def _is_mark(node):
    call = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(call).startswith("pytest.mark.")


def _is_plain(expression):
    """Whether evaluating the expression once more gives the same and changes nothing."""
    for node in ast.walk(expression):
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(node, ast.Call) and not (_is_mark(node) or _is_known(node.func)):
            return False
    return True


def _is_known(function):
    name = ast.unparse(function)
    return name in _PURE or name == "pytest.param"


def items_of(session, path):
    """The places of the tests of a file, each with its module and the name of the definition that it
    comes from.
    """
    found = []
    for at, item in enumerate(session.items):
        if str(item.path) == path:
            chain = item.listchain()
            below = [at for at, node in enumerate(chain) if isinstance(node, pytest.Module)]
            if not below or below[-1] + 1 >= len(chain):
                raise Refused
            top = chain[below[-1] + 1]
            name = getattr(top, "originalname", None) or top.name
            found.append((at, chain[below[-1]], name))
    if not found:
        raise Refused
    return found


def check_hooks(config):
    """Refuses where the repository looks at all tests together."""
    for name in ("pytest_collection_modifyitems", "pytest_collection_finish"):
        for hook in getattr(config.hook, name).get_hookimpls():
            file = getattr(hook.plugin, "__file__", None)
            if isinstance(file, str) and file.startswith("/testbed/"):
                raise Refused


def collect(session, module, names):
    """The tests of these definitions of a module, as pytest finds them."""
    items = []
    failed = session.testsfailed
    for name in names:
        found = module.ihook.pytest_pycollect_makeitem(
            collector=module, name=name, obj=getattr(module.obj, name)
        )
        for node in found if isinstance(found, list) else filter(None, [found]):
            items.extend(session.genitems(node))
    session.config.hook.pytest_collection_modifyitems(
        session=session, config=session.config, items=items
    )
    if session.testsfailed != failed:
        raise Refused
    return items
