"""Background tasks: a function that a thread calls at a fixed interval."""

import logging
import threading
import time
from collections.abc import Callable

from shared.core.errors import ServiceUnavailable

START_SECONDS = 15.0
_log = logging.getLogger(__name__)


class PeriodicTask:
    """A thread that calls `job` at start and then every `interval_seconds`.

    An exception does not stop it. Only the first of several equal errors in a row is logged, and the recovery. In the
    first START_SECONDS other services may not be available yet, as when all start at the same time; that is not logged.
    """

    def __init__(self, job: Callable[[], object], *, name: str, interval_seconds: float) -> None:
        self._job = job
        self._interval_seconds = interval_seconds
        self._stopping = threading.Event()
        self._may_wait_until = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._may_wait_until = time.monotonic() + START_SECONDS
        self._thread.start()

    def stop(self, timeout_seconds: float = 8.0) -> None:
        """Stop the thread and wait for a running call. The default timeout exceeds that of a call with one retry."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        problem = None
        while not self._stopping.is_set():
            before, problem = problem, self._try()
            if problem and problem != before:
                _log.warning("%s failed: %s", self._thread.name, problem)
            elif before and not problem:
                _log.info("%s recovered", self._thread.name)
            self._stopping.wait(self._interval_seconds)

    def _try(self) -> str | None:
        """Call the job and return the message of its exception, or None."""
        try:
            self._job()
        except ServiceUnavailable as error:
            return None if time.monotonic() < self._may_wait_until else str(error)
        except Exception as error:
            return str(error) or type(error).__name__
        return None
