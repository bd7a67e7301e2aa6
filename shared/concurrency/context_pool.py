"""A thread pool that carries the request context into its threads."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ContextPool:
    """A thread pool that runs calls in a copy of the caller's context, so that they log and forward the request id."""

    def __init__(self, name: str, workers: int = 32) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def submit(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Call `function` in another thread and return its future."""
        context = copy_context()
        return self._pool.submit(lambda: context.run(function, *args, **kwargs))

    def close(self) -> None:
        """Wait for running calls, cancel queued ones and stop the threads."""
        self._pool.shutdown(cancel_futures=True)
