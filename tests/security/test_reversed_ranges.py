"""Every endpoint that takes a range refuses a reversed one, naming the parameter, and never answers an empty list."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from tests.support.suite import Suite

SERVICES = ("auth", "account", "transaction", "reporting")
RANGES = {
    ("from", "to"): ("2026-02-01", "2026-01-31"),
    ("start_date", "end_date"): ("2026-02-01", "2026-01-31"),
    ("min", "max"): ("5.01", "5.00"),
}


def ranges_of(document: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each path of an OpenAPI document that people may ask, with the names of each range that it takes."""
    for path, methods in document["paths"].items():
        names = {one["name"] for one in methods.get("get", {}).get("parameters", ())}
        for ends in RANGES:
            if names.issuperset(ends) and path.startswith("/api/"):
                yield "/".join(str(uuid4()) if part.startswith("{") else part for part in path.split("/")), ends


def test_reversed_ranges_are_refused_everywhere(bank: Suite) -> None:
    admin, tried = bank.admin(), set[str]()
    for service in SERVICES:
        for path, ends in ranges_of(bank.call(service, "GET", "/openapi.json", None).get_json()):
            answer = bank.call(service, "GET", path, admin, query_string=dict(zip(ends, RANGES[ends], strict=True)))
            assert (answer.status_code, list(answer.get_json()["details"])) == (400, [ends[0]]), path
            tried.add(path.replace("/api/", "").partition("/")[0])
    assert tried == {"auth", "accounts", "transactions", "reports"}
