import os
import pty
import threading

from shared.processes.console import WAITING_LINES, Console
from tests.support.processes import eventually


def all_of(descriptor: int) -> str:
    with os.fdopen(descriptor, closefd=True) as file:
        return file.read()


def test_each_line_is_prefixed_by_the_name_of_its_program() -> None:
    out, into = os.pipe()
    console = Console(["one", "three"], descriptor=into)
    console.say("one", "first\nsecond")
    console.say("three", "third")
    console.write("as it is")
    console.close()
    os.close(into)
    assert all_of(out).splitlines() == ["one   | first", "one   | second", "three | third", "as it is"]


def test_colours_are_used_on_a_terminal_only() -> None:
    master, terminal = pty.openpty()
    console = Console(["one"], descriptor=terminal)
    console.say("one", "hello")
    console.close()
    assert os.read(master, 100) == b"\x1b[36mone | \x1b[0mhello\r\n"
    os.close(terminal)
    os.close(master)


def test_a_blocked_reader_delays_nobody_and_the_dropped_lines_are_counted() -> None:
    out, into = os.pipe()
    console = Console(["one"], descriptor=into)
    for _ in range(WAITING_LINES + 200):
        console.say("one", "x" * 1000)
    read: list[str] = []

    def read_all() -> None:
        with os.fdopen(out) as file:
            read.extend(file)

    def is_told() -> bool:
        console.say("one", "back again")
        return any(line.endswith("lines were left out)\n") for line in read)

    reader = threading.Thread(target=read_all)
    reader.start()
    eventually(is_told)
    console.close()
    os.close(into)
    reader.join()
    assert read[-1] == "one | back again\n"


def test_a_closed_output_is_no_error() -> None:
    out, into = os.pipe()
    os.close(out)
    console = Console(["one"], descriptor=into)
    console.say("one", "hello")
    console.close()
    os.close(into)
