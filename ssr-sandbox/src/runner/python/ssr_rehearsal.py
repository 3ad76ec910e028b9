"""Brings pytest into the state after a first session, in which much is imported and cached."""

import io
import os
import shutil
import sys
import tempfile

import pytest

import ssr_pytest
import ssr_session  # noqa: F401, not from the repository's path later


def warm_up():
    """Runs once before the snapshot."""
    _share_syntax_trees()
    _rehearse()


def _share_syntax_trees():
    """Lets all tracebacks of a session share the syntax tree of each source.

    pytest parses and walks every module of a traceback anew for each failure. Where one broken
    module fails all the others at import, that takes most of the session.
    """
    try:
        from _pytest._code import code, source as sources

        original = code.getstatementrange_ast
    except (ImportError, AttributeError):
        return
    trees = {}

    def shared(lineno, source, assertion=False, astnode=None):
        content = str(source)
        known = trees.get(content) if astnode is None else astnode
        trees[content], start, end = original(lineno, source, assertion, known)
        return trees[content], start, end

    code.getstatementrange_ast = sources.getstatementrange_ast = shared


_REHEARSAL = '''
import unittest
import pytest

@pytest.fixture
def value(tmp_path, capsys, monkeypatch):
    yield 1

@pytest.mark.parametrize("n", [1, 2])
def test_function(value, n):
    assert value == n or {"a": [n]} == {"a": [1]}

def test_raises():
    with pytest.raises(ValueError, match="x"):
        raise ValueError("x")
    with pytest.warns(UserWarning):
        __import__("warnings").warn("x")
    assert 0.1 + 0.2 == pytest.approx(0.3)

@pytest.mark.skipif(True, reason="x")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected():
    assert [1, 2] == [1, 3]

class TestCase(unittest.TestCase):
    def test_method(self):
        self.assertEqual("a\\nb", "a\\nc")
'''


def _rehearse():
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "test_rehearsal.py")
    with open(path, "w") as file:
        file.write(_REHEARSAL)
    saved = sys.stdout, sys.stderr, list(sys.path), dict(os.environ), os.getcwd()
    modules, metadata = set(sys.modules), list(sys.meta_path)
    sys.stdout = sys.stderr = io.StringIO()
    os.chdir(folder)
    try:
        pytest.main([*ssr_pytest.OPTIONS, "-v", "-rA", "--rootdir", folder, path])
    finally:
        sys.stdout, sys.stderr = saved[:2]
        sys.path[:] = saved[2]
        os.environ.clear()
        os.environ.update(saved[3])
        os.chdir(saved[4])
        sys.meta_path[:] = metadata
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) == path:
            del sys.modules[name]
    shutil.rmtree(folder)
    shutil.rmtree(os.path.join(tempfile.gettempdir(), "pytest-of-root"), True)
