"""Lets the asynchronous parts of Django run on a single thread.

asgiref carries a call from synchronous to asynchronous code and back by handing it to another
thread and waiting for the result. Here the call is made on the spot instead: a loop that runs is
set aside while synchronous code below it runs, in which a new loop may run.
"""

from concurrent.futures import Executor, Future

import ssr_threads


def supply():
    try:
        from asgiref import sync
    except ImportError:
        return
    if not hasattr(sync, "CurrentThreadExecutor"):
        return
    on_the_spot = _OnTheSpot()
    sync.ThreadPoolExecutor = sync.CurrentThreadExecutor = _OnTheSpot
    sync.SyncToAsync.single_thread_executor = on_the_spot
    run, defer = sync.AsyncToSync.__call__, sync.SyncToAsync.__call__

    def call(self, *args, **kwargs):
        # The loop that is set aside cannot take work.
        self.force_new_loop = True
        return run(self, *args, **kwargs)

    async def call_later(self, *args, **kwargs):
        # Else the loop would start threads for it.
        self._executor = self._executor or on_the_spot
        return await defer(self, *args, **kwargs)

    sync.AsyncToSync.__call__ = call
    sync.SyncToAsync.__call__ = call_later


class _OnTheSpot(Executor):
    def __init__(self, *_, **__):
        pass

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        try:
            with ssr_threads.outside_of_loops():
                future.set_result(work(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future

    def run_until_future(self, future):
        pass
