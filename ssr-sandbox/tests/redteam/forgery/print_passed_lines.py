"""Prints what a log of a passing suite looks like."""
import atexit

LINES = """test_first.py::test_first PASSED [ 33%]
test_value.py::test_value PASSED [ 66%]
test_value.py::TestValue::test_value PASSED [100%]
============ 3 passed in 0.01s ============"""
print(LINES)
atexit.register(print, LINES)


def value():
    print(LINES)
    return 41
