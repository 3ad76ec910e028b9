"""Threads where there is one thread only: each runs to its end before `start` returns.

That is one of the orders in which real threads may run, so what a program computes is what it could
have computed elsewhere. What is not such an order is refused: a thread that would have to wait for
another one makes `start` raise RuntimeError, as on a machine that can start no thread, and a wait of
the main program that nobody can end raises RuntimeError, too, where real threads would hang.
"""

import _thread
import _threading_local
import asyncio
import concurrent.futures.thread as pool
import contextlib
import contextvars
import itertools
import queue
import sys
import threading
import time

_main = _thread.get_ident()
_idents = itertools.count(_main + 1)
# The threads that have begun, innermost last.
_running = [_main]


class Blocked(BaseException):
    """Unwinds a thread that would have to wait. Not an Exception: loops that retry must end."""


def _get_ident():
    return _running[-1]


def _wait(timeout, what):
    if len(_running) > 1:
        raise Blocked(f"it waits for {what} while the thread that starts it waits for its end")
    if timeout < 0:
        raise RuntimeError(f"waiting for {what} that nobody can give: there is one thread only")
    time.sleep(timeout)
    return False


class _Lock:
    __slots__ = ("_lock", "__weakref__")

    def __init__(self, allocate=_thread.allocate_lock):
        self._lock = allocate()

    def acquire(self, blocking=True, timeout=-1):
        if self._lock.acquire(False):
            return True
        if not blocking or timeout == 0:
            return self._lock.acquire(blocking, timeout)
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        return _wait(timeout, "a lock")

    def release(self):
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    def _at_fork_reinit(self):
        self._lock._at_fork_reinit()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self._lock.release()

    def __repr__(self):
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")

    acquire_lock, release_lock, locked_lock = acquire, release, locked


class _Handle:
    """What `Thread.join` and `Thread.is_alive` ask since Python 3.13."""

    def __init__(self):
        self.ident, self._done = None, False

    def is_done(self):
        return self._done

    def _set_done(self):
        self._done = True

    def join(self, timeout=None):
        if not self._done:
            _wait(-1 if timeout is None else timeout, "the end of a thread")


def _run(bootstrap, _arguments=(), handle=None, daemon=False):
    """Takes the place of the function that makes an operating system run `bootstrap`."""
    thread = bootstrap.__self__
    report = thread._invoke_excepthook

    def unless_blocked(thread):
        if isinstance(error := sys.exc_info()[1], Blocked):
            thread._blocked = str(error)
        else:
            report(thread)

    thread._invoke_excepthook = unless_blocked
    _running.append(next(_idents))
    if handle is not None:
        handle.ident = _running[-1]
    try:
        with outside_of_loops():
            contextvars.Context().run(bootstrap)
    finally:
        _running.pop()
        if handle is not None:
            handle._set_done()
        # Until Python 3.12 the end of a thread is the release of this lock.
        ended = getattr(thread, "_tstate_lock", None)
        if ended is not None and ended.locked():
            ended.release()


@contextlib.contextmanager
def outside_of_loops():
    """Hides the event loop and the task that run: each thread may have its own."""
    loop = asyncio._get_running_loop()
    swap = getattr(asyncio.tasks, "_swap_current_task", None) if loop is not None else None
    task = swap and swap(loop, None)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if swap:
            swap(loop, task)


def _start(self, start=threading.Thread.start):
    start(self)
    reason = self.__dict__.pop("_blocked", None)
    if reason is not None:
        raise RuntimeError(f"can't start new thread: {reason}")


def _submit(self, fn, /, *args, submit=pool.ThreadPoolExecutor.submit, **kwargs):
    future = submit(self, fn, *args, **kwargs)
    name = f"{self._thread_name_prefix or self}_0"
    threading.Thread(target=_drain, args=(self,), name=name, daemon=True).start()
    return future


def _drain(executor):
    """Does what a pool has to do; its workers would wait for more."""
    context = executor.__dict__.get("_context_of_its_worker")
    try:
        if context is None:
            context = executor._context_of_its_worker = _initialize(executor)
    except BaseException:
        pool._base.LOGGER.critical("Exception in initializer:", exc_info=True)
        executor._initializer_failed()
        return
    while True:
        try:
            item = executor._work_queue.get_nowait()
        except queue.Empty:
            return
        if item is not None:
            item.run(*context)


def _initialize(executor):
    if hasattr(executor, "_create_worker_context"):
        context = executor._create_worker_context()
        context.initialize()
        return (context,)
    if executor._initializer is not None:
        executor._initializer(*executor._initargs)
    return ()


def supply():
    """Puts all of this in its place, before the modules that take it from there."""
    threading.get_ident = _thread.get_ident = _get_ident
    threading.Lock = threading._allocate_lock = _Lock
    # The one of C knows its owner by the identity of the real thread.
    threading._CRLock = None
    threading.local = _threading_local.local
    threading._start_new_thread = threading._start_joinable_thread = _run
    threading._ThreadHandle = _Handle
    threading._set_sentinel = _Lock
    threading.Thread.start = _start
    queue.SimpleQueue = queue._PySimpleQueue
    pool.ThreadPoolExecutor.submit = _submit
    pool.ThreadPoolExecutor._adjust_thread_count = lambda self: None
