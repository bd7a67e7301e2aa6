"""A thread pool whose threads keep the context of the request that they work for."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ContextPool:
    """Run calls in a thread pool with the caller's context, so that they log and forward its request id."""

    def __init__(self, name: str, workers: int = 32) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def begin(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Call `function` in another thread; the future's `result()` waits and returns or raises what it did."""
        context = copy_context()
        return self._pool.submit(lambda: context.run(function, *args, **kwargs))

    def close(self) -> None:
        """End the threads when their calls are done."""
        self._pool.shutdown(cancel_futures=True)
