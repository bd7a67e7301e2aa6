"""Places for requests, which clients get in turn, so that one client with many requests can't keep the others out."""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.core.errors import ServiceUnavailable


@dataclass(eq=False, slots=True)
class _Waiting:
    has_place: bool = False
    is_over: threading.Event = field(default_factory=threading.Event)


class FairPlaces:
    """A number of places. When all are taken, the next free one goes to the waiting client that holds the fewest.

    Requests of one client get them in the order of arrival. When `max_waiting` requests wait, another one takes the
    turn of the last request of the client with the most requests. If its own client has as many, it is refused.
    """

    def __init__(self, places: int, max_waiting: int) -> None:
        self._guard = threading.Lock()
        self._free, self._max_waiting = places, max_waiting
        self._held: Counter[str] = Counter()
        self._queues: dict[str, deque[_Waiting]] = {}

    @contextmanager
    def hold(self, client: str, timeout_seconds: float) -> Iterator[None]:
        """Hold a place during the block.

        Raises ServiceUnavailable when no place is free within the timeout or too many requests wait already.
        """
        self._enter(client, timeout_seconds)
        try:
            yield
        finally:
            self._leave(client)

    def _enter(self, client: str, timeout_seconds: float) -> None:
        with self._guard:
            if self._free:
                self._free -= 1
                self._held[client] += 1
                return
            waiting = self._queue(client)
        waiting.is_over.wait(timeout_seconds)
        with self._guard:
            if waiting.has_place:
                return
            self._remove(client, waiting)
        raise ServiceUnavailable(retry_after_seconds=1)

    def _leave(self, client: str) -> None:
        with self._guard:
            self._held[client] -= 1
            if not self._held[client]:
                del self._held[client]
            if not self._queues:
                self._free += 1
                return
            following = min(self._queues, key=lambda other: self._held[other])
            queue = self._queues.pop(following)
            waiting = queue.popleft()
            if queue:
                self._queues[following] = queue  # now the last among clients that hold as many
            self._held[following] += 1
            waiting.has_place = True
            waiting.is_over.set()

    def _queue(self, client: str) -> _Waiting:
        """Add a waiting request. Raises ServiceUnavailable when too many wait."""
        if sum(map(len, self._queues.values())) >= self._max_waiting:
            greediest = max(self._queues, key=self._requests_of, default=client)
            if self._requests_of(greediest) <= self._requests_of(client):
                raise ServiceUnavailable(retry_after_seconds=1)
            last = self._queues[greediest][-1]
            self._remove(greediest, last)
            last.is_over.set()
        waiting = _Waiting()
        self._queues.setdefault(client, deque()).append(waiting)
        return waiting

    def _requests_of(self, client: str) -> int:
        return self._held[client] + len(self._queues.get(client, ()))

    def _remove(self, client: str, waiting: _Waiting) -> None:
        """Remove a waiting request, unless that was done already."""
        queue = self._queues.get(client, deque())
        if waiting in queue:
            queue.remove(waiting)
            if not queue:
                del self._queues[client]
