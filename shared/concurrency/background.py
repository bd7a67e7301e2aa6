"""A job repeated at a fixed interval in a thread of its own."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class PeriodicTask:
    """Calls `job` at start and then every `interval_seconds`; an error is logged when it is news; the job goes on."""

    def __init__(self, job: Callable[[], object], *, name: str, interval_seconds: float) -> None:
        self._job = job
        self._interval_seconds = interval_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 8.0) -> None:
        """Let the running call finish, then end the thread. The timeout is longer than a read that is tried twice."""
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
                _log.info("%s works again", self._thread.name)
            self._stopping.wait(self._interval_seconds)

    def _try(self) -> str | None:
        """Do the job; what went wrong, in words, if something did."""
        try:
            self._job()
        except Exception as error:
            return str(error) or type(error).__name__
        return None
