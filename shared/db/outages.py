"""Work whose connection to the database server breaks: tried again where that is safe, else answered with 503.

A connection that breaks before COMMIT was sent has changed nothing, so its transaction or request is run again until
the server is back, for at most `WAIT_SECONDS` of an outage; later failures of the same outage are answered at once.
When it breaks during COMMIT nobody knows whether the transaction was committed; only work that may be done twice is
run again then. SQLite has no server, and never comes here.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from shared.core.errors import OutcomeUnknown, ServiceUnavailable

WAIT_SECONDS = 2.0
_OVERTAKEN = frozenset({"40001", "40P01", "23505"})  # serialization_failure, deadlock_detected, unique_violation
_PAUSE_SECONDS = 0.02, 0.1
# admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections; class 08 is connection_exception
_SERVER_IS_AWAY = frozenset({"57P01", "57P02", "57P03", "53300"})

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ConnectionLost(ServiceUnavailable):
    """The connection broke before COMMIT was sent, so nothing was changed. `deadline` is on the monotonic clock."""

    def __init__(self, deadline: float) -> None:
        super().__init__(retry_after_seconds=1)
        self.deadline = deadline

    def wait(self, since: float) -> bool:
        """Wait a moment. Returns False, at once, when it is too late for work that has failed since then."""
        return _wait(self.deadline, since)


class CommitUnknown(OutcomeUnknown):
    """The connection broke during COMMIT: the transaction may be committed or not."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def wait(self, since: float) -> bool:
        """Wait a moment. Returns False, at once, when it is too late for work that has failed since then."""
        return _wait(self.deadline, since)


def _wait(deadline: float, since: float) -> bool:
    if time.monotonic() > min(deadline, since + WAIT_SECONDS):
        return False
    time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - spreads retries, keeps no secret
    return True


class ImpatientPool(QueuePool):
    """A pool that refuses a request with 503 when no connection becomes free in time.

    After `dispose`, a connection that is returned is closed. SQLAlchemy would keep it for the garbage collector.
    """

    _is_disposed = False

    def dispose(self) -> None:
        """Close the free connections now, and those in use when they are returned."""
        self._is_disposed = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._is_disposed:
            record.close()
        else:
            super()._do_return_conn(record)

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except NoConnectionFree as error:
            raise ServiceUnavailable(retry_after_seconds=1) from error


class Outages:
    """When the server of an engine was last lost, if no connection has worked since."""

    def __init__(self, engine: Engine) -> None:
        self._lost_at: float | None = None
        event.listen(engine, "handle_error", self._replace)
        event.listen(engine.pool, "checkout", self._works)

    def connection_lost(self) -> ConnectionLost:
        """The error for a connection that broke just now."""
        return ConnectionLost(self._deadline())

    def commit_unknown(self) -> CommitUnknown:
        """The same for one that broke during COMMIT."""
        return CommitUnknown(self._deadline())

    def _deadline(self) -> float:
        self._lost_at = self._lost_at or time.monotonic()
        return self._lost_at + WAIT_SECONDS

    def _replace(self, context: ExceptionContext) -> ConnectionLost | None:
        """Let SQLAlchemy raise ConnectionLost instead of its own error. What a ping finds it mends by itself."""
        if context.is_pre_ping or not is_lost(context.sqlalchemy_exception, is_disconnect=context.is_disconnect):
            return None
        context.is_disconnect = True  # the connection is closed, and so are all others of its age when they are used
        return self.connection_lost()

    def _works(self, *_args: Any) -> None:
        self._lost_at = None


def is_lost(error: BaseException | None, *, is_disconnect: bool = False) -> bool:
    """Whether an error of the driver means that the server is away."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return is_disconnect or error.connection_invalidated or isinstance(error, OperationalError)
    return is_disconnect or state in _SERVER_IS_AWAY or state.startswith("08")


def rerun_when_aborted(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a function that opens one transaction again, from its start, when another transaction came before it.

    On PostgreSQL that is a deadlock, a serialization failure, or a row of the same key that was not there when this one
    looked; on SQLite writers never overlap. The same is done when the connection was lost before COMMIT. Gives up after
    five tries, or when the server stays away, with ServiceUnavailable.
    """
    return _rerun(function, ConnectionLost)


def rerun_when_unsure(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same for a function that may do its work twice: it is run again, too, when the connection broke in COMMIT."""
    return _rerun(function, ConnectionLost, CommitUnknown)


def _rerun(
    function: Callable[_P, _R], *lost_connections: type[ConnectionLost] | type[CommitUnknown]
) -> Callable[_P, _R]:
    @wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        overtaken, unsure, since = 0, None, 0.0
        while overtaken < 5:
            try:
                return function(*args, **kwargs)
            except lost_connections as error:
                unsure = unsure or (error if isinstance(error, CommitUnknown) else None)
                since = since or time.monotonic()
                if not error.wait(since):
                    raise unsure or error from None
            except Exception as error:
                if getattr(getattr(error, "orig", None), "sqlstate", None) not in _OVERTAKEN:
                    if unsure:
                        raise unsure from error
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**overtaken))  # noqa: S311 - spreads retries, keeps no secret
                overtaken += 1
        raise unsure or ServiceUnavailable(retry_after_seconds=1)

    return wrapper
