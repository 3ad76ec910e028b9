"""Raises what ends a test case of unittest without a failure."""
from unittest.case import _ShouldStop


def value():
    raise _ShouldStop
