"""Writes the compiled form of another test module to where pytest looks for it."""
import importlib.util
import marshal
import os
import struct

import _pytest.assertion.rewrite as rewrite

SOURCE = (
    "import unittest\n"
    "def test_value(): pass\n"
    "class TestValue(unittest.TestCase):\n"
    "    def test_value(self): pass\n"
)
path = "/testbed/test_value.py"
stat = os.stat(path)
code = compile(SOURCE, path, "exec")
os.makedirs("/testbed/__pycache__", exist_ok=True)
with open(f"/testbed/__pycache__/test_value{rewrite.PYC_TAIL}", "wb") as file:
    file.write(importlib.util.MAGIC_NUMBER)
    file.write(struct.pack("<LLL", 0, int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF))
    file.write(marshal.dumps(code))
