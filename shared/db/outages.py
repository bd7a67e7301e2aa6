"""Lost connections to the database server: work is rerun where that is safe, else answered with 503.

A connection that breaks before COMMIT was sent has changed nothing, so its transaction or request is rerun until the
server is back, for at most `WAIT_SECONDS` of an outage; later failures in the same outage are answered immediately.
After a break during COMMIT the outcome is unknown, and only idempotent work is rerun. SQLite has no server, so none of
this applies to it.
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
_ABORTED = frozenset({"40001", "40P01", "23505"})  # serialization_failure, deadlock_detected, unique_violation
_PAUSE_SECONDS = 0.02, 0.1
# admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections; class 08 is connection_exception
_SERVER_LOST = frozenset({"57P01", "57P02", "57P03", "53300"})

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ConnectionLost(ServiceUnavailable):
    """The connection broke before COMMIT was sent, so nothing changed. `deadline` is on the monotonic clock."""

    def __init__(self, deadline: float) -> None:
        super().__init__(retry_after_seconds=1)
        self.deadline = deadline


class CommitUnknown(OutcomeUnknown):
    """The connection broke during COMMIT: the transaction may have been committed or not."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline


def wait(lost: ConnectionLost | CommitUnknown, since: float) -> bool:
    """Sleep before a retry. Return False immediately when it is too late for work that failed first at `since`."""
    if time.monotonic() > min(lost.deadline, since + WAIT_SECONDS):
        return False
    time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret
    return True


class RefusingPool(QueuePool):
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
    """Tracks since when the server of an engine is lost. Any successful check-out ends the outage."""

    def __init__(self, engine: Engine) -> None:
        self._lost_at: float | None = None
        event.listen(engine, "handle_error", self._to_connection_lost)
        event.listen(engine.pool, "checkout", self._end_outage)

    def connection_lost(self) -> ConnectionLost:
        """Return the error for a connection that broke just now."""
        return ConnectionLost(self._deadline())

    def commit_unknown(self) -> CommitUnknown:
        """Return the error for a connection that broke during COMMIT."""
        return CommitUnknown(self._deadline())

    def _deadline(self) -> float:
        self._lost_at = self._lost_at or time.monotonic()
        return self._lost_at + WAIT_SECONDS

    def _to_connection_lost(self, context: ExceptionContext) -> ConnectionLost | None:
        """Make SQLAlchemy raise ConnectionLost instead of its own error, except for pings, which reconnect."""
        if context.is_pre_ping or not is_lost(context.sqlalchemy_exception, is_disconnect=context.is_disconnect):
            return None
        context.is_disconnect = True  # closes the connection, and each older one when it is used
        return self.connection_lost()

    def _end_outage(self, *_args: Any) -> None:
        self._lost_at = None


def is_lost(error: BaseException | None, *, is_disconnect: bool = False) -> bool:
    """Return whether a driver's error means that the server is away."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return is_disconnect or error.connection_invalidated or isinstance(error, OperationalError)
    return is_disconnect or state in _SERVER_LOST or state.startswith("08")


def rerun_when_aborted(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Rerun a function that opens one transaction when another transaction got ahead of it.

    On PostgreSQL that is a deadlock, a serialization failure, or a unique violation by a row that was not visible
    before; on SQLite writers never overlap. A connection lost before COMMIT is treated the same. After five tries, or
    when the server stays away, ServiceUnavailable is raised.
    """
    return _rerun(function, ConnectionLost)


def rerun_when_unsure(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Rerun an idempotent function like `rerun_when_aborted`, and also when the connection broke during COMMIT."""
    return _rerun(function, ConnectionLost, CommitUnknown)


def _rerun(
    function: Callable[_P, _R], *lost_connections: type[ConnectionLost] | type[CommitUnknown]
) -> Callable[_P, _R]:
    @wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        aborted, unsure, since = 0, None, 0.0
        while aborted < 5:
            try:
                return function(*args, **kwargs)
            except lost_connections as error:
                unsure = unsure or (error if isinstance(error, CommitUnknown) else None)
                since = since or time.monotonic()
                if not wait(error, since):
                    raise unsure or error from None
            except Exception as error:
                if getattr(getattr(error, "orig", None), "sqlstate", None) not in _ABORTED:
                    if unsure:
                        raise unsure from error
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**aborted))  # noqa: S311 - jitter, not a secret
                aborted += 1
        raise unsure or ServiceUnavailable(retry_after_seconds=1)

    return wrapper
