"""Every endpoint refuses a bad value of a filter, and a reversed range, naming the parameter; it never ignores one."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.suite import BankOptions, Suite

SERVICES = ("auth", "account", "transaction", "reporting")
RANGES = {
    ("from", "to"): ("2026-02-01", "2026-01-31"),
    ("start_date", "end_date"): ("2026-02-01", "2026-01-31"),
    ("min", "max"): ("5.01", "5.00"),
}
NO_DAY = ("2026-02-30", "20260101", "2026-1-1", "yesterday", "")
BAD = {
    "amount": ("-1", "1e3", "x", "", "1,000", "NaN", "Infinity", "1.001", "10000000000.01", "+5", " 5", "1."),
    "uuid": ("x", "", "00000000-0000-0000-0000-00000000000g"),
    "date-time": (*NO_DAY, "2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "2026-01-01 00:00:00Z", "1767225600"),
    "date": (*NO_DAY, "2026-01-01T00:00:00Z"),
    "integer": ("0", "-1", "1001", "x", "", "1.0", "1_0", "+5"),
    "boolean": ("x", ""),
    "enum": ("x", "", "ACTIVE"),
    "cursor": ("x", "", "AAAA", "!!", "a" * 501),
    "tz": ("x", "", "Mars/Olympus", "../etc/passwd"),
}
KINDS = {"min": "amount", "max": "amount", "cursor": "cursor", "tz": "tz"}


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(SERVICES)


def lists(bank: Suite) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the service and the path of each GET for people, with its query parameters by name."""
    for service in SERVICES:
        document = bank.call(service, "GET", "/openapi.json").get_json()
        for path, methods in document["paths"].items():
            found = methods.get("get", {}).get("parameters", ())
            query = {one["name"]: one["schema"] for one in found if one["in"] == "query"}
            if path.startswith("/api/") and query:
                yield service, path, query


def kind_of(name: str, schema: dict[str, Any]) -> str | None:
    """Return the kind of a filter, a key of BAD; None for free text."""
    written = json.dumps(schema)
    return KINDS.get(name) or next((kind for kind in BAD if f'"{kind}"' in written), None)


def test_reversed_ranges_are_refused_everywhere(bank: Suite) -> None:
    admin, tried = bank.admin(), set[str]()
    for service, path, query in lists(bank):
        for ends, values in RANGES.items():
            if query.keys() >= set(ends):
                address = "/".join(str(uuid4()) if part.startswith("{") else part for part in path.split("/"))
                reversed_range = dict(zip(ends, values, strict=True))
                answer = bank.call(service, "GET", address, admin, query_string=reversed_range)
                assert (answer.status_code, list(answer.get_json()["details"])) == (400, [ends[0]]), path
                tried.add(service)
    assert tried == set(SERVICES)


def test_a_bad_value_of_a_filter_is_refused_everywhere(bank: Suite) -> None:
    admin, ada = bank.admin(), bank.person()
    ids = {"{account_id}": ada.open("10.00")["id"], "{user_id}": ada.user_id}
    ids["{transaction_id}"] = ada.transactions()[0]["id"]
    wrong, tried = [], set[str]()
    for service, path, query in lists(bank):
        address = "/".join(ids.get(part, str(uuid4())) if part.startswith("{") else part for part in path.split("/"))
        for name, schema in query.items():
            kind = kind_of(name, schema)
            for value in (*(BAD[kind] if kind else ()), "\0"):
                answer = bank.call(service, "GET", address, admin, query_string={name: value})
                named = {one.partition(".")[0] for one in answer.get_json()["details"]}
                if answer.status_code != 404 and (answer.status_code, named) != (400, {name}):
                    wrong.append((path, name, value[:30], answer.status_code, named))
                if answer.status_code == 400 and kind:
                    tried.add(kind)
    assert wrong == []
    assert tried == set(BAD)
