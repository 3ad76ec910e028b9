"""A test that must fail; alone in its file, since pytest reads all of it to show the failure."""


def fails():
    assert None
