"""Keeps programs running: starts them in order, restarts the dead and the hung, and ends them in order.

One thread, one event loop, one task per program. Signals only set events. The programs answer over HTTP: one path says
that they run, the other that they can do their work.
"""

import asyncio
import errno
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.core.errors import CannotStart
from shared.http.addresses import cannot_listen, why_not_free
from shared.processes.child_process import Child, ProbeReply, Program
from shared.processes.console import Console

OWN_NAME = "supervisor"


class _Stop(Exception):
    """Somebody asked for the end."""


@dataclass(frozen=True)
class Timing:
    """How patient the supervisor is, in seconds (tries in numbers)."""

    ready_every: float = 0.2
    live_every: float = 2.0
    answer_within: float = 3.0
    hung_after: float = 15.0
    hung_tries: int = 3
    heard_within: float = 30.0
    start_within: float = 60.0
    start_tries: int = 3
    drain_within: float = 10.0
    first_delay: float = 0.5
    longest_delay: float = 15.0
    stable_after: float = 60.0


@dataclass(frozen=True)
class Status:
    """A program as it is now."""

    name: str
    address: str
    process_id: int | None
    is_healthy: bool
    state: str


class Backoff:
    """How long to wait before each restart: twice as long each time, from the beginning again after a stable run."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._delay = timing.first_delay

    def delay_after(self, uptime_seconds: float) -> float:
        """The seconds to wait now, after a run of that length."""
        if uptime_seconds >= self._timing.stable_after:
            self._delay = self._timing.first_delay
        delay, self._delay = self._delay, min(self._delay * 2, self._timing.longest_delay)
        return delay


@contextmanager
def only_supervisor(lock_file: Path) -> Iterator[None]:
    """Be the only one to hold this lock file. Raises CannotStart with the process id of whoever holds it already."""
    try:
        handle = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"{lock_file} can't be opened ({error.strerror}): give it to the user who runs this"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 20).decode() or "unknown"
        os.close(handle)
        raise CannotStart(f"another supervisor (process {holder}) runs on {lock_file.parent}") from None
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def require_free_ports(programs: Sequence[Program], *, patience_seconds: float = 2.0) -> None:
    """Raise CannotStart when nobody can listen on a port, after some patience with a process that is just ending."""
    by_port: dict[int, Program] = {}
    give_up_at = time.monotonic() + patience_seconds
    for program in programs:
        other = by_port.setdefault(program.port, program)
        if other is not program:
            raise CannotStart(
                f"{other.name} and {program.name} both want port {program.port}: "
                f"set {other.port_variable} or {program.port_variable}"
            )
        while error := why_not_free(program.host, program.port):
            if error.errno != errno.EADDRINUSE or time.monotonic() >= give_up_at:
                raise cannot_listen(
                    error, program.host, program.port, name=program.name, port_variable=program.port_variable
                )
            time.sleep(0.1)


class Supervisor:
    """Runs programs until it is told to stop (SIGTERM, SIGINT, SIGHUP; a second SIGINT kills them at once)."""

    def __init__(self, programs: Sequence[Program], console: Console, *, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._console = console
        self._children = {program.name: Child(program, self._voice(program.name)) for program in programs}
        self._stop_asked = asyncio.Event()

    def run(self, when_started: Callable[[list[Status]], None]) -> None:
        """Start all, call `when_started` once when all are ready, keep them running; return after an orderly end.

        Raises CannotStart, with the last lines of the program in question, when one of them does not get ready.
        """
        asyncio.run(self._run(when_started))

    async def _run(self, when_started: Callable[[list[Status]], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._take_signal, number)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                for child in self._children.values():
                    tasks.create_task(self._keep(child))
                tasks.create_task(self._tell_when_started(when_started))
                tasks.create_task(self._stop_when_asked())
        except* _Stop:
            pass
        except* CannotStart as group:
            failure = group.exceptions[0]
        finally:
            await self._drain()
        if failure:
            raise failure

    async def _keep(self, child: Child) -> None:
        """Start a program, and start it again whenever it has ended or hung."""
        for name in child.program.after:
            if name in self._children:
                await self._children[name].heard.wait()
        backoff = Backoff(self._timing)
        was_ready = False
        while True:
            began_at = time.monotonic()
            what_happened = await self._run_once(child)
            was_ready = was_ready or child.ready.is_set()
            if not was_ready and (reason := child.refusal()):
                raise CannotStart(f"{child.program.name}: {reason}")
            if not was_ready and child.starts >= self._timing.start_tries:
                raise _not_started(child, f"{what_happened}, {child.starts} times")
            delay = backoff.delay_after(time.monotonic() - began_at)
            self._say(f"{child.program.name} {what_happened}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    async def _run_once(self, child: Child) -> str:
        """Start a program and ask how it is until it has ended, or is killed as hung; tells what happened."""
        try:
            await child.start()
        except OSError as error:
            return f"could not be started ({error.strerror})"
        heard_at, silent_tries = time.monotonic(), 0
        while not await child.ended(within_seconds=self._pause_before_asking(child)):
            answer = await self._ask(child)
            silence = time.monotonic() - heard_at
            if answer:
                heard_at, silent_tries = time.monotonic(), 0
                self._note(child, answer)
            elif silent_tries + 1 >= self._timing.hung_tries and silence > self._patience_with(child):
                child.kill()
                await child.ended()
                return f"did not answer for {silence:.0f} s and was killed"
            else:
                silent_tries += 1
        return child.how_it_ended()

    def _pause_before_asking(self, child: Child) -> float:
        return self._timing.live_every if child.ready.is_set() else self._timing.ready_every

    def _patience_with(self, child: Child) -> float:
        return self._timing.hung_after if child.heard.is_set() else self._timing.heard_within

    async def _ask(self, child: Child) -> ProbeReply | None:
        path = child.program.live_path if child.ready.is_set() else child.program.ready_path
        return await child.ask(path, within_seconds=self._timing.answer_within)

    def _note(self, child: Child, answer: ProbeReply) -> None:
        child.heard.set()
        if answer.status == 200 and not child.ready.is_set():
            child.ready.set()
            self._say(f"{child.program.name} is ready")

    async def _tell_when_started(self, when_started: Callable[[list[Status]], None]) -> None:
        children = self._children.values()
        try:
            async with asyncio.timeout(self._timing.start_within):
                for child in children:
                    await child.ready.wait()
        except TimeoutError:
            raise _not_started(child, f"was not ready within {self._timing.start_within:g} s") from None
        when_started(await asyncio.gather(*map(self._status, children)))

    async def _status(self, child: Child) -> Status:
        program = child.program
        answer = await child.ask(program.health_path, within_seconds=self._timing.answer_within)
        is_healthy = answer is not None and answer.status == 200
        state = "healthy" if is_healthy else _complaint(answer.body if answer else b"")
        return Status(program.name, program.address, child.process_id, is_healthy, state)

    async def _stop_when_asked(self) -> None:
        await self._stop_asked.wait()
        raise _Stop

    async def _drain(self) -> None:
        """End the programs, last started first: each finishes what it has begun before the next is asked to end."""
        give_up_at = time.monotonic() + self._timing.drain_within
        for child in reversed(self._children.values()):
            if child.process_id is None:
                continue
            child.terminate()
            if not await child.ended(within_seconds=max(give_up_at - time.monotonic(), 0.5)):
                self._say(f"{child.program.name} did not end in time and was killed")
                child.kill()
                await child.ended()
        self._say("all have ended")

    def _take_signal(self, number: int) -> None:
        if self._stop_asked.is_set():
            if number == signal.SIGINT:
                self._say("killing everything")
                for child in self._children.values():
                    child.kill()
            return
        self._say(f"{signal.Signals(number).name}: ending what has begun, then stopping (Ctrl-C again kills)")
        self._stop_asked.set()

    def _reap(self) -> None:
        for child in self._children.values():
            child.reap()

    def _say(self, text: str) -> None:
        self._console.say(OWN_NAME, text)

    def _voice(self, name: str) -> Callable[[str], None]:
        return lambda line: self._console.say(name, line)


def _not_started(child: Child, reason: str) -> CannotStart:
    last_lines = "".join(f"\n    {line}" for line in child.last_lines) or " none"
    return CannotStart(f"{child.program.name} {reason}. Its last lines:{last_lines}")


def _complaint(body: bytes) -> str:
    """What an unhealthy program says is missing: the keys of the `details` in its answer."""
    try:
        missing = ", ".join(json.loads(body)["details"])
    except (ValueError, LookupError, TypeError):
        missing = ""
    return f"not healthy ({missing})" if missing else "not healthy"
