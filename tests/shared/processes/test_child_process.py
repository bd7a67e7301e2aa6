import asyncio
import os
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.processes.child_process import LONGEST_LINE_BYTES, Child, Program
from tests.support.processes import free_ports

pytestmark = pytest.mark.timing

SILENT_SERVER = """
import socket, time
server = socket.create_server(('127.0.0.1', {port}))
print('up', flush=True)
server.accept()
time.sleep(60)
"""


def child_of(code: str, said: list[str], port: int = 9, host: str = "127.0.0.1") -> Child:
    program = Program(
        name="child",
        command=(sys.executable, "-c", code),
        host=host,
        port=port,
        port_variable="CHILD_PORT",
        environment={**os.environ, "GREETING": "hello"},
        folder=Path("/"),
    )
    return Child(program, said.append)


def run(main: Coroutine[Any, Any, None], child: Child) -> None:
    """Run a test in an event loop of a new thread, which polls for the end of the child instead of using SIGCHLD."""

    async def watch() -> None:
        while True:
            child.reap()
            await asyncio.sleep(0.01)

    async def watched() -> None:
        watching = asyncio.create_task(watch())
        try:
            await asyncio.wait_for(main, 20)
        finally:
            if child.process_id:
                child.kill()
                await child.ended()
            watching.cancel()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, watched()).result()


def test_output_is_passed_on_line_by_line_and_the_end_is_noticed() -> None:
    said: list[str] = []
    child = child_of(
        "import os, sys; print(os.environ['GREETING'], os.getcwd(), flush=True);"
        "print('problem', file=sys.stderr, flush=True); sys.stdout.buffer.write(b'caf\\xe9 without end'); sys.exit(3)",
        said,
    )

    async def main() -> None:
        assert child.process_id is None
        await child.start()
        assert child.process_id
        assert await child.ended(within_seconds=10)

    run(main(), child)
    assert said == ["hello /", "problem", "caf\ufffd without end"]
    assert list(child.last_lines) == said
    assert child.exit_description() == "ended with status 3"
    assert child.process_id is None


def test_a_very_long_line_is_split() -> None:
    said: list[str] = []
    child = child_of(f"print('x' * {LONGEST_LINE_BYTES * 10})", said)

    async def main() -> None:
        await child.start()
        await child.ended(within_seconds=10)

    run(main(), child)
    assert "".join(said) == "x" * LONGEST_LINE_BYTES * 10
    assert max(map(len, said)) < LONGEST_LINE_BYTES * 6


def test_a_child_has_its_own_session_and_can_be_restarted() -> None:
    child = child_of("import time; time.sleep(60)", [])

    async def main() -> None:
        await child.start()
        assert child.process_id
        assert os.getsid(child.process_id) == child.process_id
        assert not await child.ended(within_seconds=0.01)
        child.kill()
        assert await child.ended(within_seconds=10)
        assert child.exit_description() == "was killed by SIGKILL"
        await child.start()
        child.terminate()
        assert await child.ended(within_seconds=10)
        assert child.exit_description() == "was killed by SIGTERM"

    run(main(), child)
    assert child.starts == 2


def test_a_probe_without_a_response_in_time_is_none() -> None:
    port = free_ports(1)[0]
    said: list[str] = []
    child = child_of(SILENT_SERVER.format(port=port), said, port)

    async def main() -> None:
        assert await child.probe("/", within_seconds=1) is None
        await child.start()
        while not said:
            await asyncio.sleep(0.01)
        assert await child.probe("/", within_seconds=0.05) is None

    run(main(), child)


def test_a_probe_whose_response_is_not_http_is_none() -> None:
    async def main() -> None:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"who is there?\n\n")
            writer.close()

        async with await asyncio.start_server(babble, "127.0.0.1", child.program.port):
            assert await child.probe("/", within_seconds=5) is None

    child = child_of("", [], free_ports(1)[0])
    run(main(), child)


@pytest.mark.parametrize(("host", "authority"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")])
def test_a_probe_names_the_host_as_a_url_does(host: str, authority: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + asked.partition("Host: ")[2].split("\r\n")[0].encode())
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(answer, host) as server:
            port = server.sockets[0].getsockname()[1]
            reply = await child_of("", [], port, host).probe("/", within_seconds=10)
            assert reply
            assert (reply.status, reply.body.decode()) == (200, f"{authority}:{port}")

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, main()).result()
