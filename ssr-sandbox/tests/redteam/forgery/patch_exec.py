"""The module of the next test file is executed by something else."""
import builtins

original = builtins.exec


def exec(source, globals=None, locals=None):
    if globals is not None and globals.get("__name__") == "test_value":
        source = (
            "import unittest\n"
            "def test_value(): pass\n"
            "class TestValue(unittest.TestCase):\n"
            "    def test_value(self): pass\n"
        )
    return original(source, globals, locals)


builtins.exec = exec
import _pytest.assertion.rewrite

_pytest.assertion.rewrite.exec = exec
