"""The supervisor: starts programs in order, restarts those that died or hang, and stops them in reverse order.

It uses one thread with one event loop and one task per program. Signal handlers only set events. Programs are probed
over HTTP: one path for liveness, one for readiness.
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
    """Raised in the task group after a signal to stop."""


@dataclass(frozen=True)
class Timing:
    """Intervals and timeouts of the supervisor in seconds; `…_tries` are counts.

    A live program counts as hung after `hung_after` seconds and `hung_tries` probes without a response, and one that
    has not responded since its start after `first_response_within` seconds.
    """

    ready_interval: float = 0.2
    live_interval: float = 2.0
    probe_timeout: float = 3.0
    hung_after: float = 15.0
    hung_tries: int = 3
    first_response_within: float = 30.0
    start_timeout: float = 60.0
    start_tries: int = 3
    stop_timeout: float = 10.0
    first_delay: float = 0.5
    max_delay: float = 15.0
    stable_after: float = 60.0


@dataclass(frozen=True)
class Status:
    """The current state of a program, for display."""

    name: str
    address: str
    process_id: int | None
    is_healthy: bool
    state: str


class Backoff:
    """The delay before a restart: doubled each time up to a limit, and reset after a stable run."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._delay = timing.first_delay

    def delay_after(self, uptime_seconds: float) -> float:
        """Return the delay in seconds after a run of `uptime_seconds`."""
        if uptime_seconds >= self._timing.stable_after:
            self._delay = self._timing.first_delay
        delay, self._delay = self._delay, min(self._delay * 2, self._timing.max_delay)
        return delay


@contextmanager
def supervisor_lock(lock_file: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file during the block, and write the process id into it.

    Raises CannotStart, naming the process that holds the lock, or when the file can't be opened.
    """
    try:
        file = lock_file.open("a+", encoding="ascii")
    except OSError as error:
        raise CannotStart(
            f"{lock_file} can't be opened ({error.strerror}): give it to the user who runs the services"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = f"another supervisor (process {file.read() or 'unknown'})"
            raise CannotStart(f"{holder} runs on {lock_file.parent}: stop that one first") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def require_free_ports(programs: Sequence[Program], *, max_wait_seconds: float = 2.0) -> None:
    """Raise CannotStart when a program can't listen on its port, or two programs have the same one.

    A port in use is tried again for `max_wait_seconds`, since the process that uses it may be stopping.
    """
    by_port: dict[int, Program] = {}
    give_up_at = time.monotonic() + max_wait_seconds
    for program in programs:
        other = by_port.setdefault(program.port, program)
        if other is not program:
            raise CannotStart(
                f"{other.name} and {program.name} have the same port {program.port}: "
                f"set {other.port_variable} or {program.port_variable}"
            )
        while error := why_not_free(program.host, program.port):
            if error.errno != errno.EADDRINUSE or time.monotonic() >= give_up_at:
                raise cannot_listen(
                    error, program.host, program.port, name=program.name, port_variable=program.port_variable
                )
            time.sleep(0.1)


class Supervisor:
    """Runs programs until SIGTERM, SIGINT or SIGHUP. A second SIGINT kills them immediately."""

    def __init__(self, programs: Sequence[Program], console: Console, *, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._console = console
        self._children = {program.name: Child(program, self._line_writer(program.name)) for program in programs}
        self._stop_requested = asyncio.Event()

    def run(self, on_started: Callable[[list[Status]], None]) -> None:
        """Start all programs, call `on_started` once when all are ready, and keep them running.

        Returns after a stop by a signal. Raises CannotStart, with the last output lines of the program, when one does
        not become ready in time.
        """
        asyncio.run(self._run(on_started))

    async def _run(self, on_started: Callable[[list[Status]], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._handle_signal, number)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                for child in self._children.values():
                    tasks.create_task(self._keep_running(child))
                tasks.create_task(self._report_start(on_started))
                tasks.create_task(self._wait_for_stop())
        except* _Stop:
            pass
        except* CannotStart as group:
            failure = group.exceptions[0]
        finally:
            await self._drain()
        if failure:
            raise failure

    async def _keep_running(self, child: Child) -> None:
        """Run a program and restart it with increasing delays whenever it has ended or hung.

        Raises CannotStart when it can't start, or has ended `start_tries` times before it was ready once.
        """
        for name in child.program.after:
            if name in self._children:
                await self._children[name].responded.wait()
        backoff = Backoff(self._timing)
        was_ready = False
        while True:
            began_at = time.monotonic()
            outcome = await self._run_once(child)
            was_ready = was_ready or child.ready.is_set()
            if not was_ready and (reason := child.refusal_reason()):
                raise CannotStart(f"{child.program.name}: {reason}")
            if not was_ready and child.starts >= self._timing.start_tries:
                raise _not_started(child, f"{outcome}, {child.starts} times")
            delay = backoff.delay_after(time.monotonic() - began_at)
            self._say(f"{child.program.name} {outcome}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    async def _run_once(self, child: Child) -> str:
        """Run a program once, probing it, until it has ended or is killed as hung. Return what happened."""
        try:
            await child.start()
        except OSError as error:
            return f"could not be started ({error.strerror})"
        responded_at, failed_probes = time.monotonic(), 0
        while not await child.ended(within_seconds=self._probe_interval(child)):
            reply = await self._probe(child)
            silence = time.monotonic() - responded_at
            if reply:
                responded_at, failed_probes = time.monotonic(), 0
                self._record_reply(child, reply)
            elif failed_probes + 1 >= self._timing.hung_tries and silence > self._hung_after(child):
                child.kill()
                await child.ended()
                return f"did not answer for {silence:.0f} s and was killed"
            else:
                failed_probes += 1
        return child.exit_description()

    def _probe_interval(self, child: Child) -> float:
        return self._timing.live_interval if child.ready.is_set() else self._timing.ready_interval

    def _hung_after(self, child: Child) -> float:
        return self._timing.hung_after if child.responded.is_set() else self._timing.first_response_within

    async def _probe(self, child: Child) -> ProbeReply | None:
        path = child.program.live_path if child.ready.is_set() else child.program.ready_path
        return await child.probe(path, within_seconds=self._timing.probe_timeout)

    def _record_reply(self, child: Child, reply: ProbeReply) -> None:
        child.responded.set()
        if reply.status == 200 and not child.ready.is_set():
            child.ready.set()
            self._say(f"{child.program.name} is ready")

    async def _report_start(self, on_started: Callable[[list[Status]], None]) -> None:
        children = self._children.values()
        try:
            async with asyncio.timeout(self._timing.start_timeout):
                for child in children:
                    await child.ready.wait()
        except TimeoutError:
            raise _not_started(child, f"was not ready within {self._timing.start_timeout:g} s") from None
        on_started(await asyncio.gather(*map(self._status, children)))

    async def _status(self, child: Child) -> Status:
        program = child.program
        reply = await child.probe(program.health_path, within_seconds=self._timing.probe_timeout)
        is_healthy = reply is not None and reply.status == 200
        state = "healthy" if is_healthy else _failed_checks(reply.body if reply else b"")
        return Status(program.name, program.address, child.process_id, is_healthy, state)

    async def _wait_for_stop(self) -> None:
        await self._stop_requested.wait()
        raise _Stop

    async def _drain(self) -> None:
        """Stop the programs in reverse order: each finishes its running requests before the next one is stopped."""
        give_up_at = time.monotonic() + self._timing.stop_timeout
        for child in reversed(self._children.values()):
            if child.process_id is None:
                continue
            child.terminate()
            if not await child.ended(within_seconds=max(give_up_at - time.monotonic(), 0.5)):
                self._say(f"{child.program.name} did not stop in time and was killed")
                child.kill()
                await child.ended()
        self._say("all programs have stopped")

    def _handle_signal(self, number: int) -> None:
        if self._stop_requested.is_set():
            if number == signal.SIGINT:
                self._say("killing all programs")
                for child in self._children.values():
                    child.kill()
            return
        self._say(f"{signal.Signals(number).name}: finishing running requests, then stopping (Ctrl-C again kills)")
        self._stop_requested.set()

    def _reap(self) -> None:
        for child in self._children.values():
            child.reap()

    def _say(self, text: str) -> None:
        self._console.say(OWN_NAME, text)

    def _line_writer(self, name: str) -> Callable[[str], None]:
        return lambda line: self._console.say(name, line)


def _not_started(child: Child, reason: str) -> CannotStart:
    last_lines = "".join(f"\n    {line}" for line in child.last_lines) or " none"
    return CannotStart(f"{child.program.name} {reason}. Its last lines:{last_lines}")


def _failed_checks(body: bytes) -> str:
    """Describe an unhealthy program by the failed checks, which are the keys of `details` in its response."""
    try:
        failed = ", ".join(json.loads(body)["details"])
    except (ValueError, LookupError, TypeError):
        failed = ""
    return f"not healthy ({failed})" if failed else "not healthy"
