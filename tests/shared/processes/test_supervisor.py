import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.core.errors import CannotStart
from shared.processes.supervisor import Backoff, Timing, supervisor_lock
from tests.support.processes import RunningProcess, eventually, free_ports, is_running, status_of

pytestmark = pytest.mark.timing

SUPERVISOR = """
import json, os, sys
from pathlib import Path
from shared.processes.child_process import Program
from shared.processes.console import Console
from shared.core.errors import CannotStart
from shared.processes.supervisor import Supervisor, Timing, supervisor_lock, require_free_ports

folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
names = list(options["programs"])
programs = [
    Program(name=name,
            command=(sys.executable, str(folder / "service.py"), name, str(program["port"]), *program["how"]),
            host="127.0.0.1", port=program["port"], port_variable=name.upper() + "_PORT", environment=os.environ,
            folder=folder, after=tuple(program["after"]))
    for name, program in options["programs"].items()
]
console = Console(names)
try:
    with supervisor_lock(folder / "supervisor.lock"):
        require_free_ports(programs, max_wait_seconds=0.2)
        Supervisor(programs, console, timing=Timing(**options["timing"])).run(
            lambda all: console.write("STARTED " + " ".join(f"{one.name}={one.process_id}={one.state}" for one in all)))
except CannotStart as error:
    console.write(f"REFUSED {error}")
    sys.exit(1)
finally:
    console.close()
"""
SERVICE = """
import signal, socket, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

name, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3:]

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        unwell = "unwell" in how and self.path == "/api/health"
        body = b'{"details": {"database": "unavailable"}}' if unwell else b"{}"
        self.send_response(503 if unwell else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def end(*_):
    with Path("ends").open("a") as file:
        file.write(name + "\\n")
    if "stubborn" not in how:
        sys.exit(0)

signal.signal(signal.SIGTERM, end)
if "broken" in how:
    sys.exit("the setting X is missing")
if "refusing" in how:
    print(name, "can't start: X is not set", file=sys.stderr)
    sys.exit(78)
if "mute" in how:
    time.sleep(60)
ThreadingHTTPServer.allow_reuse_address = True
print("hello from", name, flush=True)
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
QUICK = {"ready_interval": 0.02, "live_interval": 0.1, "probe_timeout": 0.4, "hung_after": 1.2, "first_delay": 0.1}
Programs = dict[str, dict[str, object]]
Start = Callable[..., RunningProcess]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    (tmp_path / "supervisor.py").write_text(SUPERVISOR)
    (tmp_path / "service.py").write_text(SERVICE)

    def start(programs: Programs, **timing: float) -> RunningProcess:
        for program in programs.values():
            program.setdefault("port", free_ports(1)[0])
            program.setdefault("how", [])
            program.setdefault("after", [])
        options = {"programs": programs, "timing": {**QUICK, **timing}}
        code = f"import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path({str(tmp_path / 'supervisor.py')!r})"
        return RunningProcess("-c", code, "supervisor", str(tmp_path), json.dumps(options))

    return start


def processes(supervisor: RunningProcess) -> dict[str, int]:
    line = supervisor.wait_for(r"STARTED (.*)")[1]
    return {name: int(process_id) for name, process_id, _ in (part.split("=") for part in line.split())}


def test_the_restart_delay_doubles_up_to_a_limit_and_a_stable_run_resets_it() -> None:
    backoff = Backoff(Timing(first_delay=0.5, max_delay=3.0, stable_after=60.0))
    assert [backoff.delay_after(uptime) for uptime in (1, 1, 1, 1, 59.9, 60, 1)] == [0.5, 1, 2, 3, 3, 0.5, 1]


def test_a_hung_program_is_replaced_within_45_seconds_with_the_default_timing() -> None:
    usual = Timing()
    noticed_after = usual.hung_after + usual.live_interval + usual.probe_timeout
    to_start = 5.0
    assert noticed_after + usual.max_delay + to_start <= 45


def test_all_programs_are_started_and_their_output_is_prefixed(start: Start) -> None:
    with start({"first": {}, "second-one": {"after": ["first"]}}) as supervisor:
        supervisor.wait_for(r"STARTED first=\d+=healthy second-one=\d+=healthy")
        supervisor.wait_for(r"(?m)^first      \| hello from first$")
        supervisor.wait_for(r"(?m)^second-one \| hello from second-one$")
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
        assert supervisor.output.index("hello from first") < supervisor.output.index("hello from second-one")


def test_a_killed_program_is_restarted_while_the_others_keep_running(start: Start) -> None:
    programs: Programs = {"first": {}, "second": {}}
    with start(programs) as supervisor:
        before = processes(supervisor)
        os.kill(before["first"], signal.SIGKILL)
        supervisor.wait_for(r"first was killed by SIGKILL; starting it again in 0\.1 s")
        supervisor.wait_for("first is ready", times=2)
        assert status_of(f"http://127.0.0.1:{programs['first']['port']}/api/live") == 200
        assert is_running(before["second"])
        assert supervisor.output.count("second is ready") == 1


def test_a_hung_program_is_replaced(start: Start) -> None:
    with start({"first": {}}) as supervisor:
        process_id = processes(supervisor)["first"]
        os.kill(process_id, signal.SIGSTOP)
        supervisor.wait_for(r"first did not answer for \d+ s and was killed; starting it again")
        supervisor.wait_for("first is ready", times=2)
        assert not is_running(process_id)


def test_an_unhealthy_program_that_responds_is_not_ready_and_not_killed(start: Start) -> None:
    with start({"first": {"how": ["unwell"]}}, start_timeout=1.5) as supervisor:
        assert supervisor.wait() == 1
        assert "REFUSED first was not ready within 1.5 s" in supervisor.output
        assert "was killed" not in supervisor.output


def test_a_program_that_never_responds_fails_the_start(start: Start) -> None:
    with start({"first": {"how": ["mute"]}}, start_timeout=0.8) as supervisor:
        assert supervisor.wait() == 1
        assert "REFUSED first was not ready within 0.8 s. Its last lines: none" in supervisor.output


def test_a_program_that_ends_at_start_stops_all_and_its_last_lines_are_shown(start: Start, tmp_path: Path) -> None:
    with start({"first": {}, "second": {"how": ["broken"], "after": ["first"]}}) as supervisor:
        assert supervisor.wait() == 1
        assert "REFUSED second ended with status 1, 3 times. Its last lines:" in supervisor.output
        assert supervisor.output.count("\n    the setting X is missing") == 1
        assert (tmp_path / "ends").read_text() == "first\n"


def test_a_program_that_refuses_to_start_is_not_restarted_and_its_reason_is_shown(start: Start) -> None:
    with start({"first": {}, "second": {"how": ["refusing"], "after": ["first"]}}) as supervisor:
        assert supervisor.wait() == 1
        assert supervisor.output.endswith("REFUSED second: X is not set\n")
        assert "starting it again" not in supervisor.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_programs_stop_in_reverse_order(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    with start({"first": {}, "second": {}, "third": {}}) as supervisor:
        running = processes(supervisor)
        supervisor.send(number)
        assert supervisor.wait() == 0
        assert (tmp_path / "ends").read_text().split() == ["third", "second", "first"]
        assert not any(map(is_running, running.values()))


def test_a_program_that_does_not_stop_in_time_is_killed(start: Start) -> None:
    with start({"first": {"how": ["stubborn"]}}, stop_timeout=0.6) as supervisor:
        process_id = processes(supervisor)["first"]
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
        assert "first did not stop in time and was killed" in supervisor.output
        assert not is_running(process_id)


def test_a_second_interrupt_kills_immediately(start: Start, tmp_path: Path) -> None:
    with start({"first": {"how": ["stubborn"]}, "second": {"how": ["stubborn"]}}, stop_timeout=60) as supervisor:
        processes(supervisor)
        supervisor.send(signal.SIGINT)
        eventually((tmp_path / "ends").exists)
        began_at = time.monotonic()
        supervisor.send(signal.SIGINT)
        assert supervisor.wait() == 0
        assert time.monotonic() - began_at < 5


def test_a_signal_during_the_start_stops_the_started_programs(start: Start) -> None:
    with start({"first": {}, "second": {"how": ["mute"]}}) as supervisor:
        supervisor.wait_for("first is ready")
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
        assert "STARTED" not in supervisor.output


def test_no_program_outlives_a_killed_supervisor_and_the_next_one_can_start(start: Start) -> None:
    programs: Programs = {"first": {}, "second": {"how": ["stubborn"]}}
    with start(programs) as supervisor:
        running = processes(supervisor)
        supervisor.send(signal.SIGKILL)
        supervisor.wait()
        eventually(lambda: not any(map(is_running, running.values())), within_seconds=2)
    with start(programs) as supervisor:
        processes(supervisor)


def test_a_port_in_use_is_refused_by_name(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with start({"first": {}, "second": {"port": port}}) as supervisor:
            assert supervisor.wait() == 1
            assert f"REFUSED port {port} on 127.0.0.1 is not free for second" in supervisor.output
            assert "set SECOND_PORT to another" in supervisor.output
            assert "hello" not in supervisor.output


def test_two_programs_on_one_port_are_refused(start: Start) -> None:
    port = free_ports(1)[0]
    with start({"first": {"port": port}, "second": {"port": port}}) as supervisor:
        assert supervisor.wait() == 1
        assert f"first and second have the same port {port}: set FIRST_PORT or SECOND_PORT" in supervisor.output


def test_a_second_supervisor_is_refused_with_the_process_id_of_the_first(start: Start, tmp_path: Path) -> None:
    with start({"first": {}}) as supervisor:
        processes(supervisor)
        expected = rf"\(process {supervisor.process_id}\) runs on {tmp_path}: stop that one first$"
        with pytest.raises(CannotStart, match=expected), supervisor_lock(tmp_path / "supervisor.lock"):
            pass
