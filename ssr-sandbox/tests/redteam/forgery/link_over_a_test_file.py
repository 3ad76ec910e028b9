"""Puts a symbolic link into the place of a test file."""
import os

with open("/tmp/other.py", "w") as file:
    file.write(
        "import unittest\n"
        "def test_value(): pass\n"
        "class TestValue(unittest.TestCase):\n"
        "    def test_value(self): pass\n"
    )
os.remove("/testbed/test_value.py")
os.symlink("/tmp/other.py", "/testbed/test_value.py")
