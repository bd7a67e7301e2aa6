"""Console output of several programs in one stream, each line prefixed by the name of its program."""

import os
import queue
import threading
from collections.abc import Iterable

WAITING_LINES = 2000
_COLOURS = (36, 33, 35, 32, 34, 90)  # cyan, yellow, magenta, green, blue, grey


class Console:
    """Writes lines to a file descriptor in a thread, so that a slow or closed terminal blocks no caller.

    When WAITING_LINES lines are queued, further lines are dropped, and their number is written later. Prefixes are
    coloured only on a terminal and without the variable NO_COLOR (https://no-color.org).
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
        """Write each line of `text`, prefixed by `name`."""
        prefix = f"{name:<{self._width}} | "
        if colour := self._colours.get(name):
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        for line in text.splitlines():
            self.write(prefix + line)

    def write(self, line: str) -> None:
        """Write a line without a prefix."""
        try:
            if self._left_out:
                self._lines.put_nowait(f"({self._left_out} lines were left out)")
                self._left_out = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write the queued lines, then stop. After the timeout the remaining lines are lost."""
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
            except OSError:  # the reader is gone; the services keep running
                continue
