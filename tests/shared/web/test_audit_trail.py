"""What the other services report to the audit trail: all of it arrives once, also when the auth service is away."""

import json
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest

from reporting_service.reporting_storage import ReportStorage
from shared.core.errors import ServiceUnavailable
from shared.web import audit_trail
from shared.web.application import Peers
from shared.web.parts import part
from tests.support.asking import forwarded
from tests.support.processes import eventually
from tests.support.suite import BankOptions, Person, Suite

FILTERS = "from=2026-01-01&to=2100-01-01&min=1.50&account_id=6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b&q=rent"


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction", "reporting"), database)


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Person:
    return bank.employee()


def entries(bank: Suite, admin: Person, person: Person, count: int, *starts: str) -> list[dict[str, Any]]:
    """Return the entries on a person whose actions start so, oldest first, once there are that many; without auth's."""
    found: list[dict[str, Any]] = []

    def arrived() -> bool:
        query = {"user_id": person.user_id, "limit": "200"}
        rows = bank.call("auth", "GET", "/api/auth/audit", admin, query_string=query).get_json()["audit"]
        found[:] = [
            row for row in reversed(rows) if row["service"] != "auth-service" and row["action"].startswith(starts or "")
        ]
        return len(found) >= count

    eventually(arrived, within_seconds=10, what=f"{count} entries have arrived")
    return found


def freeze(bank: Suite, staff: Person, account: str, status: str = "frozen") -> int:
    body = {"status": status, "reason": "A check"}
    headers = {**forwarded(bank, "203.0.113.9"), "X-Request-ID": f"{status}-1", "User-Agent": "a browser"}
    path = f"/api/accounts/update/{account}"
    return bank.call("account", "PUT", path, staff, json=body, headers=headers).status_code


def test_freezing_and_lifting_name_the_employee_the_customer_and_the_reason(
    bank: Suite, admin: Person, employee: Person
) -> None:
    person = bank.person()
    account = person.open("100.00")["id"]
    assert [freeze(bank, employee, account), freeze(bank, employee, account, "active")] == [200, 200]
    first, second = entries(bank, admin, person, 2)
    assert [first["action"], second["action"]] == ["account.freeze", "account.unfreeze"]
    assert (first["actor"], first["subject"]) == (employee.username, person.username)
    assert (first["address"], first["user_agent"], first["request_id"]) == ("203.0.113.9", "a browser", "frozen-1")
    assert (first["details"]["reason"], first["service"]) == ("A check", "account-service")


def test_a_reversal_is_written_by_the_ledger_with_its_origin(bank: Suite, admin: Person) -> None:
    person = bank.person()
    account = person.open("100.00")["id"]
    path = f"/api/transactions/account/{account}"
    deposit = bank.call("transaction", "GET", path, person).get_json()["transactions"][0]["id"]
    path = f"/api/transactions/reverse/{deposit}"
    headers = {**forwarded(bank, "203.0.113.9"), "X-Request-ID": "reverse-1"}
    reversal = bank.call("transaction", "POST", path, admin, headers=headers).get_json()["transaction"]
    (entry,) = entries(bank, admin, person, 1, "transaction")
    assert (entry["action"], entry["outcome"], entry["actor"]) == ("transaction.reverse", "success", "admin")
    assert (entry["address"], entry["request_id"]) == ("203.0.113.9", "reverse-1")
    assert entry["details"] == {"transaction_id": reversal["id"], "reverses": deposit, "amount_minor": 10000}


def test_each_look_of_staff_at_a_customer_s_data_is_written_once_a_minute(
    bank: Suite, admin: Person, employee: Person
) -> None:
    person = bank.person()
    account = person.open("100.00")["id"]
    for _ in range(2):
        for name, path in (
            ("account", f"/api/accounts/details/{account}"),
            ("account", f"/api/accounts/history/{account}"),
            ("account", f"/api/accounts/user/{person.user_id}"),
            ("transaction", f"/api/transactions/account/{account}"),
            ("reporting", f"/api/reports/account/{account}?save=false"),
        ):
            assert bank.call(name, "GET", path, employee).status_code == 200
            if "user" not in path:
                assert bank.call(name, "GET", path, person).status_code == 200
    actions = [entry["action"] for entry in entries(bank, admin, person, 3)]
    assert sorted(actions) == ["view.account", "view.accounts", "view.transactions"]
    path = "/api/auth/audit/mine"
    seen = bank.call("auth", "GET", path, person).get_json()["audit"]
    assert {row["actor"] for row in seen} == {employee.username}


def test_lists_of_everybody_and_refusals_are_written(bank: Suite, admin: Person, employee: Person) -> None:
    person = bank.person()
    for name, path in (
        ("account", "/api/accounts/all?status=frozen"),
        ("transaction", f"/api/transactions/all?{FILTERS}"),
    ):
        assert bank.call(name, "GET", path, employee).status_code == 200
        assert bank.call(name, "GET", path, person).status_code == 403
    listed = {entry["action"]: entry["details"] for entry in entries(bank, admin, employee, 2, "list")}
    assert listed["list.accounts"] == {"status": "frozen"}
    assert listed["list.transactions"].keys() == {"from", "to", "min", "account_id", "q"}
    refused = entries(bank, admin, person, 2)
    assert {(entry["action"], entry["outcome"]) for entry in refused} == {("access", "refused")}
    assert [entry["details"]["request"] for entry in refused] == ["GET /api/accounts/all", "GET /api/transactions/all"]


def test_a_refusal_by_a_rule_is_written_although_its_transaction_was_rolled_back(bank: Suite, admin: Person) -> None:
    account = admin.open("1.00")["id"]
    assert freeze(bank, admin, account) == 403
    refused = entries(bank, admin, admin, 1, "access")
    assert refused[-1]["details"] == {"request": f"PUT /api/accounts/update/{account}"}


def test_nothing_is_lost_and_nothing_waits_while_auth_is_away(bank: Suite, admin: Person, employee: Person) -> None:
    person = bank.person()
    account = person.open("100.00")["id"]
    assert freeze(bank, employee, account, "active") == 200
    entries(bank, admin, person, 1)
    bank.adapters["auth"].down = True
    try:
        assert [freeze(bank, employee, account, status) for status in ("frozen", "active") * 15] == [200] * 30
        bank.restart("account")
    finally:
        bank.adapters["auth"].down = False
    actions = [entry["action"] for entry in entries(bank, admin, person, 31)]
    assert actions == ["account.unfreeze", *["account.freeze", "account.unfreeze"] * 15]


class LostAnswers:
    """A fake of Peers whose calls arrive and whose answers are lost, as often as `times` says."""

    def __init__(self, peers: Peers, times: int) -> None:
        self._peers, self.left = peers, times
        self.token = self

    def __getitem__(self, name: str) -> Any:
        return self._peers[name]

    def call(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._peers.token.call(*args, **kwargs)
        if self.left:
            self.left -= 1
            raise ServiceUnavailable
        return answer


def test_an_entry_whose_answer_was_lost_is_sent_again_and_kept_once(bank: Suite, admin: Person) -> None:
    person, app = bank.person(), bank.apps["reporting"]
    outbox = part(ReportStorage, app).outbox
    peers, markers = LostAnswers(_peers(bank), times=2), list[str]()
    with app.app_context():
        while peers.left and len(markers) < 50:  # the bank's own background task may deliver an entry first
            markers.append(uuid4().hex)
            details = {"marker": markers[-1]}
            audit_trail.record(outbox, "report.test", subject_id=UUID(person.user_id), details=details)
            with suppress(ServiceUnavailable):
                audit_trail.deliver(outbox, peers)  # type: ignore[arg-type]  # a fake
        audit_trail.deliver(outbox, peers)  # type: ignore[arg-type]  # a fake
        assert (peers.left, outbox.list_first(1)) == (0, [])
    kept = [entry["details"]["marker"] for entry in entries(bank, admin, person, len(markers))]
    assert sorted(kept) == sorted(markers)


def _peers(bank: Suite) -> Peers:
    from reporting_service.reporting_service import ReportingSettings

    settings = ReportingSettings.load(**bank.variables)
    return Peers(settings, bank.session, settings.client_secret)


def test_an_entry_that_auth_would_refuse_is_refused_where_it_is_written(bank: Suite) -> None:
    app = bank.apps["reporting"]
    with app.app_context(), pytest.raises(ValueError, match="small letters"):
        audit_trail.record(part(ReportStorage, app).outbox, "Not an action")


def test_the_body_of_an_entry_is_what_auth_reads(bank: Suite) -> None:
    app = bank.apps["reporting"]
    bank.adapters["auth"].down = True
    try:
        with app.app_context():
            outbox = part(ReportStorage, app).outbox
            audit_trail.record(outbox, "report.test", details={"name": "Straße"})
            body = json.loads(outbox.list_first(9)[-1][1])
    finally:
        bank.adapters["auth"].down = False
    assert (body["details"], body["outcome"], body["timestamp"][-1]) == ({"name": "Straße"}, "success", "Z")
