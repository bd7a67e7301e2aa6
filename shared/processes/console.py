"""Lines for a person: each behind the name of who says it, in one stream."""

import os
import queue
import threading
from collections.abc import Iterable

WAITING_LINES = 2000
_COLOURS = (36, 33, 35, 32, 34, 90)  # cyan, yellow, magenta, green, blue, grey


class Console:
    """Writes to a file descriptor from a thread of its own, so that a reader who is slow or gone holds nobody up.

    When more lines wait than it keeps, the rest is left out, and it says so. Colours only where a person looks.
    """

    def __init__(self, names: Iterable[str], *, descriptor: int = 1) -> None:
        names = list(names)
        self._descriptor = descriptor
        self._width = max(map(len, names), default=0)
        self.is_coloured = os.isatty(descriptor) and not os.environ.get("NO_COLOR")
        self._colours = dict(zip(names, _COLOURS * len(names), strict=False)) if self.is_coloured else {}
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self._left_out = 0
        self._writer = threading.Thread(target=self._write, name="console", daemon=True)
        self._writer.start()

    def say(self, name: str, text: str) -> None:
        """Write `text`, each of its lines behind `name`."""
        prefix = f"{name:<{self._width}} | "
        if colour := self._colours.get(name):
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        for line in text.splitlines():
            self.write(prefix + line)

    def write(self, line: str) -> None:
        """Write a line as it is."""
        try:
            if self._left_out:
                self._lines.put_nowait(f"({self._left_out} lines were left out)")
                self._left_out = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write what waits; give up after the timeout when nobody reads."""
        try:
            self._lines.put(None, timeout=timeout_seconds)
        except queue.Full:
            return
        self._writer.join(timeout_seconds)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            rest = f"{line}\n".encode(errors="replace")
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:  # nobody reads any more; the work goes on
                continue
