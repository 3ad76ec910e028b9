"""Honest and wrong; the forgery is the package beside the test module, which is never edited."""


def value():
    return 41
