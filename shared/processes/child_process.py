"""A supervised program and its current process."""

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
    """A command to run and the address at which it serves HTTP.

    `port_variable` is named in the message about a port in use. `after` names the programs that must have responded
    before the first start of this one. `live_path` returns 200 while the program runs, `health_path` when its
    dependencies work too, which makes it ready. With `ready_when_live` it is ready as soon as it is live, for a program
    whose dependencies run elsewhere or not at all.
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
        """The path that returns 200 when the program is ready."""
        return self.live_path if self.ready_when_live else self.health_path

    @property
    def address(self) -> str:
        """The URL of the program, without a path."""
        return base_url(self.host, self.port)


@dataclass(frozen=True)
class ProbeReply:
    """The response of a program to a probe."""

    status: int
    body: bytes


class Child:
    """The process of a program. It can be restarted, and the kernel kills it when this process dies.

    `responded` is set once it has answered a probe since its start, `ready` once it has answered that it is ready.
    Use it in the main thread only: the parent-death signal is sent when the thread that started the process ends.
    """

    def __init__(self, program: Program, write_line: Callable[[str], None]) -> None:
        self.program = program
        self.starts = 0
        self.responded = asyncio.Event()
        self.ready = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._write_line = write_line
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()
        self._output_ended = asyncio.Event()

    @property
    def process_id(self) -> int | None:
        """The id of the running process, or None."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the program. Each line of its output is passed to `write_line`. Raises OSError."""
        for event in (self.responded, self.ready, self._ended, self._output_ended):
            event.clear()
        self.last_lines.clear()
        self.starts += 1
        self._process = subprocess.Popen(  # noqa: S603 - the command comes from the code
            [sys.executable, "-I", "-S", die_with_parent.__file__, str(getpid()), *self.program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.program.environment),
            cwd=self.program.folder,
            start_new_session=True,  # Ctrl-C in the terminal signals the supervisor only
        )
        lines = _LineSplitter(self._handle_line, self._output_ended.set)
        await asyncio.get_running_loop().connect_read_pipe(lambda: lines, self._process.stdout)

    def reap(self) -> None:
        """Reap the process if it has ended. Call it after SIGCHLD."""
        if self._process and self._process.poll() is not None:
            self._ended.set()

    async def ended(self, *, within_seconds: float | None = None) -> bool:
        """Wait for the end of the process and of its output. Return False when it still runs after the timeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._ended.wait()
        if self._ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._output_ended.wait()
        return self._ended.is_set()

    def exit_description(self) -> str:
        """Describe the exit status, or the signal that killed the process."""
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    def refusal_reason(self) -> str | None:
        """Return the reason from the last line if the exit status says that the process can't start, else None."""
        if self._process is None or self._process.returncode != CannotStart.exit_status or not self.last_lines:
            return None
        return self.last_lines[-1].removeprefix(f"{self.program.name} can't start: ")

    def terminate(self) -> None:
        """Send SIGTERM, upon which a service finishes its running requests and exits."""
        if self._process:
            self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._process:
            self._process.kill()

    async def probe(self, path: str, *, within_seconds: float) -> ProbeReply | None:
        """Send a GET request and return the response, or None without a valid one within the timeout."""
        try:
            async with asyncio.timeout(within_seconds):
                return await self._get(path)
        except (OSError, ValueError, IndexError):  # TimeoutError is an OSError
            return None

    async def _get(self, path: str) -> ProbeReply:
        reader, writer = await asyncio.open_connection(reachable_host(self.program.host), self.program.port)
        authority = self.program.address.removeprefix("http://")  # an IPv6 address stands in brackets
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n".encode())
            status_line = await reader.readline()
            while (await reader.readline()).strip():
                pass
            body = await reader.read()
        finally:
            writer.close()
        return ProbeReply(int(status_line.split()[1]), body)

    def _handle_line(self, line: str) -> None:
        self.last_lines.append(line)
        self._write_line(line)


class _LineSplitter(asyncio.Protocol):
    """Splits the output into lines. A line longer than LONGEST_LINE_BYTES is split."""

    def __init__(self, on_line: Callable[[str], None], on_end: Callable[[], None]) -> None:
        self._on_line, self._on_end = on_line, on_end
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._on_line(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._on_line(self._rest.decode(errors="replace"))
        self._on_end()
