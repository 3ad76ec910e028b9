"""The channel on which a test run reports: JSON lines on a file descriptor.

A run lists the ids that it collected, so that a test that never reports is known to be missing,
says which test it starts and how it ended, and writes last that the runner returned. Each line
carries the key of the run and a number that goes up by one.

This module is imported before any code of the repository, and what it needs later is bound in a
closure: rebinding `os.write` or `json.dumps` afterwards does not reach it.
"""

import json
import os


def text(value):
    """`value` as text that every reader accepts: an id may hold surrogates, UTF-8 may not."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def connect(key_file, path):
    """Opens the channel at `path` for the run whose key lies in `key_file`, and takes the key away.

    Returns the function that writes one event.
    """
    with open(key_file) as file:
        key = file.read()
    os.remove(key_file)
    return channel(os.open(path, os.O_WRONLY), key)


def channel(fd, key, write=os.write, encode=json.JSONEncoder().encode):
    """The function that writes one event to `fd`."""
    number = 0

    def emit(event, **fields):
        nonlocal number
        number += 1
        line = encode({"key": key, "n": number, "event": event, **fields}) + "\n"
        data = line.encode("ascii")
        while data:
            data = data[write(fd, data):]

    return emit
