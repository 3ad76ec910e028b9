"""Supplies what CPython leaves out on WASI and pure-Python programs take for granted."""

import errno
import os
import socket

import ssr_absent
import ssr_ctypes
import ssr_threads
import ssr_zones


def supply_missing():
    ssr_threads.supply()
    ssr_absent.supply()
    ssr_ctypes.supply()
    ssr_zones.supply()
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        if not hasattr(os, name):
            setattr(os, name, lambda: 0)
    if not hasattr(os, "getlogin"):
        os.getlogin = lambda: "root"
    if not hasattr(os, "umask"):
        os.umask = lambda mask: 0o022
    if not hasattr(os, "get_terminal_size"):
        os.get_terminal_size = _get_terminal_size
    for name, value in _SOCKET.items():
        if not hasattr(socket, name):
            setattr(socket, name, value)
    # They exist and always fail: WASI cannot duplicate a descriptor, /dev/fd can.
    os.dup = _dup
    os.dup2 = _dup2


def _unknown_host(_host, /):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


# Names that programs mention; no socket can be made with them.
_SOCKET = {
    "gethostname": lambda: "localhost", "gethostbyname": _unknown_host,
    "gethostbyaddr": _unknown_host, "SO_REUSEADDR": 2, "SO_ERROR": 4, "SO_BROADCAST": 6,
    "SO_KEEPALIVE": 9,
}


def supply_event_loop():
    """Lets asyncio run: without sockets nothing but its own timers can wake a loop."""
    import selectors
    import time
    from asyncio.selector_events import BaseSelectorEventLoop

    class TimersOnly(selectors._BaseSelectorImpl):
        def select(self, timeout=None):
            if timeout is None:
                raise RuntimeError("the event loop waits for something that cannot happen here")
            time.sleep(max(timeout, 0))
            return []

    def make_self_pipe(self):
        self._ssock = self._csock = None

    selectors.DefaultSelector = TimersOnly
    BaseSelectorEventLoop._make_self_pipe = make_self_pipe
    BaseSelectorEventLoop._close_self_pipe = lambda self: None


def _get_terminal_size(fd=1, /):
    os.fstat(fd)
    raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))


def _dup(fd):
    for flags in (os.O_RDWR, os.O_WRONLY, os.O_RDONLY):
        try:
            return os.open(f"/dev/fd/{int(fd)}", flags)
        except PermissionError as error:
            refused = error
    raise refused


def _dup2(fd, fd2, inheritable=True):
    # The lowest free number is given first, so the numbers below the wanted one are filled up.
    os.fstat(fd)
    if fd == fd2:
        return fd2
    try:
        os.close(fd2)
    except OSError:
        pass
    spare = []
    try:
        while (copy := _dup(fd)) < fd2:
            spare.append(copy)
        if copy != fd2:
            os.close(copy)
            raise OSError(9, "Bad file descriptor")
        return copy
    finally:
        for copy in spare:
            os.close(copy)
