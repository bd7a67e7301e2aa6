"""Calls over real sockets to servers that answer, refuse, hang, disconnect, or don't listen."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from flask import Flask

from shared.core.errors import Forbidden, NotAuthenticated, NotFound, ServiceUnavailable, TooManyRequests
from shared.http import request_ids
from shared.http.client import NoAnswer, Peer, ServiceToken, make_session
from shared.http.discovery import Directory
from tests.support.fakes import FakeClock

Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Passes each request to the server's `reply`."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def _any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(self)
        self.server.reply(self)

    do_GET = do_POST = do_DELETE = _any  # noqa: N815 - http.server looks for these names

    def answer(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[Handler] = []
        self.reply: Reply = lambda handler: handler.answer(200, {"success": True})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with make_session() as session:
        yield session


@pytest.fixture
def peer(server: Server, session: requests.Session) -> Peer:
    return peer_at(server.url, session)


def peer_at(
    url: str,
    session: requests.Session,
    read_timeout_seconds: float = 0.2,
    clock: Callable[[], float] = time.monotonic,
) -> Peer:
    return Peer(
        "other",
        Directory({"other": url}),
        session,
        connect_timeout_seconds=0.2,
        read_timeout_seconds=read_timeout_seconds,
        clock=clock,
    )


def refused_url() -> str:
    """Return a URL at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_call_sends_body_query_token_and_headers(server: Server, peer: Peer) -> None:
    server.reply = lambda handler: handler.answer(201, {"success": True, "thing": {"id": 7}})
    answer = peer.call(
        "POST", "/things", token="abc", body={"a": 1}, query={"limit": 5, "q": None}, headers={"Idempotency-Key": "k"}
    )
    assert answer["thing"] == {"id": 7}
    seen = server.seen[0]
    assert (seen.command, seen.path, seen.body) == ("POST", "/things?limit=5", b'{"a":1}')
    assert seen.headers["Authorization"] == "Bearer abc"
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Idempotency-Key"] == "k"


def test_the_request_id_is_passed_on(server: Server, peer: Peer) -> None:
    app = Flask("caller")
    request_ids.install(app)
    app.add_url_rule("/", view_func=lambda: peer.call("GET", "/"))
    app.test_client().get("/", headers={"X-Request-ID": "abc-123"})
    assert server.seen[0].headers[request_ids.HEADER] == "abc-123"


def test_connections_are_kept(server: Server, peer: Peer) -> None:
    for _ in range(3):
        peer.call("POST", "/", body={})
    assert len({handler.client_address for handler in server.seen}) == 1


def test_refusals_are_raised_as_the_same_errors(server: Server, peer: Peer) -> None:
    refusal = {"success": False, "message": "No such thing.", "error_code": "THING_GONE", "details": {"id": "unknown"}}
    server.reply = lambda handler: handler.answer(404, refusal)
    with pytest.raises(NotFound) as refused:
        peer.call("GET", "/things/7")
    assert (refused.value.code, refused.value.message) == ("THING_GONE", "No such thing.")
    assert refused.value.details == {"id": "unknown"}


def test_retry_after_is_passed_on(server: Server, peer: Peer) -> None:
    body = {"success": False, "message": "Slowly.", "error_code": "TOO_MANY_REQUESTS", "details": {}}
    server.reply = lambda handler: handler.answer(429, body, Retry_After="9")
    with pytest.raises(TooManyRequests) as refused:
        peer.call("POST", "/", body={})
    assert refused.value.retry_after_seconds == 9


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"7"])
def test_a_response_other_than_a_json_object_is_no_answer(server: Server, peer: Peer, body: bytes) -> None:
    server.reply = lambda handler: handler.answer(200, body)
    with pytest.raises(Exception, match="not available"):
        peer.call("GET", "/")


def test_a_request_is_forwarded_without_changes(server: Server, peer: Peer) -> None:
    server.reply = lambda handler: handler.answer(422, b"%PDF", Content_Type="application/pdf")
    answer = peer.forward("POST", "/x?a=%2F&b=%C3%A9", {"Content-Type": "text/odd", "User-Agent": "me"}, b"\x00\xff")
    (seen,) = server.seen
    assert (seen.command, seen.path, seen.body) == ("POST", "/x?a=%2F&b=%C3%A9", b"\x00\xff")
    assert (seen.headers["Content-Type"], seen.headers["User-Agent"]) == ("text/odd", "me")
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (422, b"%PDF", "application/pdf")


def test_a_request_without_a_body_is_forwarded_without_one(server: Server, peer: Peer) -> None:
    for method, length in (("GET", None), ("POST", "0")):
        peer.forward(method, "/x", {}, b"")
        assert server.seen[-1].headers.get("Content-Length") == length
    assert [seen.headers.get("Content-Type") for seen in server.seen] == [None, None]


@pytest.mark.parametrize(
    ("method", "details"), [("GET", {}), ("POST", {"outcome": "unknown"}), ("DELETE", {"outcome": "unknown"})]
)
def test_a_forwarded_change_without_an_answer_has_an_unknown_outcome(
    server: Server, peer: Peer, method: str, details: dict[str, str]
) -> None:
    server.reply = Handler.hang_up
    with pytest.raises(ServiceUnavailable) as silence:
        peer.forward(method, "/x", {}, b"")
    assert silence.value.details == details
    assert ("not known" in silence.value.message) == bool(details)


def test_forwarding_to_a_closed_port_is_no_answer(session: requests.Session) -> None:
    with pytest.raises(NoAnswer):
        peer_at(refused_url(), session).forward("POST", "/x", {}, b"{}")


def test_redirects_are_not_followed(server: Server, peer: Peer) -> None:
    server.reply = lambda handler: handler.answer(302, {}, Location="http://127.0.0.1:1/")
    assert peer.send("GET", "/").status_code == 302
    assert len(server.seen) == 1


def test_a_call_to_a_closed_port_did_not_arrive(session: requests.Session) -> None:
    with pytest.raises(NoAnswer) as silence:
        peer_at(refused_url(), session).call("POST", "/", body={})
    assert not silence.value.may_have_arrived
    assert silence.value.status == 503


class Instances(Directory):
    """The same instances for every call, in the same order."""

    def __init__(self, *urls: str) -> None:
        super().__init__({"other": urls[0]})
        self.urls = list(urls)

    def addresses(self, _service: str) -> list[str]:
        return self.urls


def test_a_call_goes_to_the_next_instance_if_one_cannot_be_connected_to(
    server: Server, session: requests.Session
) -> None:
    peer = Peer("other", Instances(refused_url(), refused_url(), server.url), session)
    assert peer.call("POST", "/", body={}) == {"success": True}
    assert len(server.seen) == 1


def test_a_call_that_may_have_arrived_does_not_go_to_the_next_instance(
    server: Server, session: requests.Session
) -> None:
    server.reply = Handler.hang_up
    peer = Peer("other", Instances(server.url, server.url), session)
    with pytest.raises(NoAnswer) as silence:
        peer.call("POST", "/", body={})
    assert silence.value.may_have_arrived
    assert len(server.seen) == 1


def test_a_connection_attempt_times_out(session: requests.Session) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(address)
        with pytest.raises(NoAnswer) as silence:
            peer_at(f"http://127.0.0.1:{address[1]}", session).call("POST", "/", body={})
        assert not silence.value.may_have_arrived
        for one in crowd:
            one.close()


def test_a_call_that_times_out_may_have_arrived(server: Server, peer: Peer) -> None:
    release = threading.Event()
    server.reply = lambda _handler: (release.wait(5), None)[1]
    with pytest.raises(NoAnswer) as silence:
        peer.call("POST", "/", body={})
    assert silence.value.may_have_arrived
    release.set()
    assert len(server.seen) == 1


def test_a_post_is_sent_once(server: Server, peer: Peer) -> None:
    server.reply = Handler.hang_up
    with pytest.raises(NoAnswer) as silence:
        peer.call("POST", "/", body={})
    assert silence.value.may_have_arrived
    assert len(server.seen) == 1


def test_a_get_is_retried_once(server: Server, peer: Peer) -> None:
    server.reply = lambda handler: (
        handler.hang_up() if len(server.seen) == 1 else handler.answer(200, {"success": True})
    )
    assert peer.call("GET", "/")["success"]
    assert len(server.seen) == 2


def test_the_failure_that_opens_the_circuit_is_raised_unchanged(server: Server, peer: Peer) -> None:
    server.reply = Handler.hang_up
    may_have_arrived = []
    for _ in range(6):
        with pytest.raises(NoAnswer) as silence:
            peer.call("POST", "/", body={})
        may_have_arrived.append(silence.value.may_have_arrived)
    assert may_have_arrived == [True] * 5 + [False]
    assert len(server.seen) == 5


def test_a_refusal_does_not_count_as_a_failure(server: Server, peer: Peer) -> None:
    refusal = {"success": False, "message": "No.", "error_code": "FORBIDDEN", "details": {}}
    server.reply = lambda handler: handler.answer(403, refusal)
    for _ in range(8):
        with pytest.raises(Forbidden):
            peer.call("POST", "/", body={})
    assert len(server.seen) == 8


def test_the_circuit_closes_when_the_server_is_back(server: Server, session: requests.Session) -> None:
    now = [0.0]
    peer = peer_at(server.url, session, clock=lambda: now[0])
    server.reply = Handler.hang_up
    for _ in range(5):
        with pytest.raises(NoAnswer):
            peer.call("POST", "/", body={})
    server.reply = lambda handler: handler.answer(200, {"success": True})
    with pytest.raises(NoAnswer):
        peer.call("POST", "/", body={})
    now[0] = 1.0
    assert peer.call("POST", "/", body={})["success"]


@pytest.mark.parametrize("check", [Peer.is_alive, Peer.is_healthy])
def test_a_successful_health_check_closes_the_circuit(
    server: Server, session: requests.Session, check: Callable[[Peer], bool]
) -> None:
    peer = peer_at(server.url, session, clock=lambda: 0.0)
    server.reply = Handler.hang_up
    for _ in range(5):
        with pytest.raises(NoAnswer):
            peer.call("POST", "/", body={})
    assert not check(peer)
    server.reply = lambda handler: handler.answer(503, {"status": "unhealthy"})
    assert not check(peer)
    with pytest.raises(NoAnswer) as silence:
        peer.call("POST", "/", body={})
    assert not silence.value.may_have_arrived
    server.reply = lambda handler: handler.answer(200, {"success": True})
    assert check(peer)
    assert peer.call("POST", "/", body={})["success"]


def test_calls_to_one_peer_run_concurrently(server: Server, session: requests.Session) -> None:
    together = threading.Barrier(8)

    def meet(handler: Handler) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(20)
        handler.answer(200, {"met": not together.broken})

    server.reply = meet
    peer = peer_at(server.url, session, read_timeout_seconds=30)
    with ThreadPoolExecutor(8) as pool:
        met = list(pool.map(lambda _: peer.call("POST", "/", body={})["met"], range(8)))
    assert met == [True] * 8


def test_a_peer_is_healthy_if_its_health_check_answers_200(server: Server, peer: Peer) -> None:
    assert peer.is_healthy()
    assert server.seen[-1].path == "/api/health"
    server.reply = lambda handler: handler.answer(503, {"status": "unhealthy"})
    assert not peer.is_healthy()


def test_a_peer_is_alive_if_it_answers(server: Server, session: requests.Session) -> None:
    assert peer_at(server.url, session).is_alive()
    assert server.seen[0].path == "/api/live"
    assert not peer_at(refused_url(), session).is_alive()


def give_tokens(server: Server, *, refuse: str = "") -> None:
    """Answer like the auth service with tokens token-1, token-2, …; other paths refuse the token `refuse`."""
    given: list[str] = []

    def reply(handler: Handler) -> None:
        if handler.path == "/api/auth/token":
            given.append(f"token-{len(given) + 1}")
            handler.answer(200, {"access_token": given[-1], "expires_in": 3600})
        elif handler.headers["Authorization"] == f"Bearer {refuse}":
            handler.answer(401, {"success": False, "message": "x", "error_code": "INVALID_TOKEN", "details": {}})
        else:
            handler.answer(200, {"as": handler.headers["Authorization"]})

    server.reply = reply


def test_a_service_token_is_fetched_once_and_again_before_it_expires(server: Server, peer: Peer) -> None:
    give_tokens(server)
    clock = FakeClock()
    token = ServiceToken(peer, "some-service", "s3cret", clock=clock)
    assert [token.get(), token.get()] == ["token-1", "token-1"]
    assert json.loads(server.seen[0].body) == {
        "grant_type": "client_credentials",
        "client_id": "some-service",
        "client_secret": "s3cret",
    }
    clock.now = 3541
    assert token.get() == "token-2"


def test_a_refused_service_token_is_replaced_once(server: Server, peer: Peer) -> None:
    give_tokens(server, refuse="token-1")
    token = ServiceToken(peer, "some-service", "s3cret")
    assert token.call(peer, "GET", "/internal/things") == {"as": "Bearer token-2"}


def test_a_service_token_that_is_refused_twice_is_a_401(server: Server, peer: Peer) -> None:
    def reply(handler: Handler) -> None:
        if handler.path == "/api/auth/token":
            handler.answer(200, {"access_token": "x", "expires_in": 3600})
        else:
            handler.answer(401, {"success": False, "message": "x", "error_code": "INVALID_TOKEN", "details": {}})

    server.reply = reply
    with pytest.raises(NotAuthenticated):
        ServiceToken(peer, "some-service", "s3cret").call(peer, "GET", "/internal/things")
    assert len(server.seen) == 4


def test_a_timeout_is_not_retried() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(requests.ReadTimeout):
            make_session().get(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=(5, 0.2))
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_the_rows_of_all_pages_are_read_as_they_are_needed(server: Server, peer: Peer) -> None:
    def reply(handler: Handler) -> None:
        cursor = "cursor=next" in handler.path
        names, following = ("c", None) if cursor else ("ab", "next")
        things = [{"name": name} for name in names]
        handler.answer(200, {"things": things, "pagination": {"limit": 2, "next_cursor": following}})

    server.reply = reply
    rows = peer.rows("/things", "things", token="t", query={"status": "open"})
    assert [next(rows)["name"], next(rows)["name"]] == ["a", "b"]
    assert len(server.seen) == 1
    assert [row["name"] for row in rows] == ["c"]
    assert [handler.path.count("status=open") for handler in server.seen] == [1, 1]
