"""What takes the place of the test module."""
import unittest


def test_before():
    pass


def test_value():
    pass


class TestValue(unittest.TestCase):
    def test_value(self):
        pass
