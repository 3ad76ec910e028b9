"""Skips the test from within the tested code."""


def value():
    import pytest

    pytest.skip("nothing to see")
