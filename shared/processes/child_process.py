"""One supervised program: what to run, and the process that runs it now."""

import asyncio
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path

from shared.core.errors import CannotStart
from shared.http.addresses import base_url, reachable_host
from shared.processes import die_with_parent

LONGEST_LINE_BYTES = 16 * 1024
REMEMBERED_LINES = 15


@dataclass(frozen=True)
class Program:
    """What to run, and where it will answer.

    `port_variable` is told to a person whose port is taken; `after` names the programs that must have answered before
    this one is first started. `live_path` answers 200 when the program runs, `health_path` when it can do its work:
    then it is ready. Where one that it needs runs elsewhere or not at all, it may be `ready_when_live`.
    """

    name: str
    command: tuple[str, ...]
    host: str
    port: int
    port_variable: str
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    after: tuple[str, ...] = ()
    live_path: str = "/api/live"
    health_path: str = "/api/health"
    ready_when_live: bool = False

    @property
    def ready_path(self) -> str:
        """The path that answers 200 when it is ready."""
        return self.live_path if self.ready_when_live else self.health_path

    @property
    def address(self) -> str:
        """Its URL, without a path."""
        return base_url(self.host, self.port)


@dataclass(frozen=True)
class ProbeReply:
    """What a program said to a GET."""

    status: int
    body: bytes


class Child:
    """The process of a program: started as often as needed, killed by the kernel when this process dies.

    `heard` is set when it has answered at all since it was started, `ready` when it has said that it can work.
    For the main thread only: the kernel takes the death of the thread that started a process for that of the parent.
    """

    def __init__(self, program: Program, say: Callable[[str], None]) -> None:
        self.program = program
        self.starts = 0
        self.heard = asyncio.Event()
        self.ready = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()
        self._output_ended = asyncio.Event()

    @property
    def process_id(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the program; its output goes to `say`, line by line."""
        for event in (self.heard, self.ready, self._ended, self._output_ended):
            event.clear()
        self.last_lines.clear()
        self.starts += 1
        self._process = subprocess.Popen(  # noqa: S603 - the command is the caller's own
            [sys.executable, "-I", "-S", die_with_parent.__file__, str(getpid()), *self.program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.program.environment),
            cwd=self.program.folder,
            start_new_session=True,  # the terminal's Ctrl-C is for the supervisor alone
        )
        lines = _Lines(self._take_line, self._output_ended.set)
        await asyncio.get_running_loop().connect_read_pipe(lambda: lines, self._process.stdout)

    def reap(self) -> None:
        """Notice the end of the process; to be called when some child has ended."""
        if self._process and self._process.poll() is not None:
            self._ended.set()

    async def ended(self, *, within_seconds: float | None = None) -> bool:
        """Wait for the end of the process and of its output; False when it still runs after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._ended.wait()
        if self._ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._output_ended.wait()
        return self._ended.is_set()

    def how_it_ended(self) -> str:
        """In words: its exit status, or the signal that killed it."""
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    def refusal(self) -> str | None:
        """Return why the process refused to start, which it said by its exit status and its last line; else None."""
        if self._process is None or self._process.returncode != CannotStart.exit_status or not self.last_lines:
            return None
        return self.last_lines[-1].removeprefix(f"{self.program.name} can't start: ")

    def terminate(self) -> None:
        """Ask the process to finish what it has begun and end."""
        if self._process:
            self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        if self._process:
            self._process.kill()

    async def ask(self, path: str, *, within_seconds: float) -> ProbeReply | None:
        """Its answer to a GET; None when there is none in time."""
        try:
            async with asyncio.timeout(within_seconds):
                return await self._get(path)
        except (OSError, ValueError, IndexError):  # TimeoutError is an OSError
            return None

    async def _get(self, path: str) -> ProbeReply:
        host = reachable_host(self.program.host)
        reader, writer = await asyncio.open_connection(host, self.program.port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            status_line = await reader.readline()
            while (await reader.readline()).strip():
                pass
            body = await reader.read()
        finally:
            writer.close()
        return ProbeReply(int(status_line.split()[1]), body)

    def _take_line(self, line: str) -> None:
        self.last_lines.append(line)
        self._say(line)


class _Lines(asyncio.Protocol):
    """Cuts a stream of bytes into lines; one without end is cut where it gets too long."""

    def __init__(self, take: Callable[[str], None], at_end: Callable[[], None]) -> None:
        self._take, self._at_end = take, at_end
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._take(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._take(self._rest.decode(errors="replace"))
        self._at_end()
