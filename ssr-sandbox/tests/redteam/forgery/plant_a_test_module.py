"""Puts a module under the name of the next test file where the import looks first."""
import os
import sys
import types

planted = types.ModuleType("test_value")
planted.__file__ = os.path.abspath("test_value.py")
exec(
    "import unittest\n"
    "def test_value(): pass\n"
    "class TestValue(unittest.TestCase):\n"
    "    def test_value(self): pass\n",
    planted.__dict__,
)
sys.modules["test_value"] = planted
