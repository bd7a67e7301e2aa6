"""Staff verify who customers are, by documents whose numbers are stored encrypted."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from auth_service import auth_logic
from auth_service.auth_models import column_keys, db
from auth_service.auth_storage import EncryptedColumns
from auth_service.identity.identity_storage import IdentityStorage
from auth_service.second_factor.second_factor_schemas import ENCRYPTION_KEYS_FILE
from shared.core import clock
from shared.core.errors import CannotStart
from shared.security import secret_files
from shared.security.encryption import read_keys
from tests.support.asking import call, refusal
from tests.support.suite import Person, Suite

NEXT_KEY = "another key that is long enough to be one"
PASSPORT = {
    "state": "verified",
    "reason": "Passport shown at the branch",
    "document_kind": "passport",
    "document_number": "C01X00T47",
    "expires_on": "2096-05-30",
}
NOTHING = {
    "state": "none",
    "document_kind": None,
    "document_number": None,
    "expires_on": None,
    "expired": False,
    "decided_at": None,
}


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Person:
    return employee_with(bank)


@pytest.fixture
def clara(bank: Suite) -> Person:
    return bank.person()


def employee_with(bank: Suite, *permissions: str) -> Person:
    return bank.employee(permissions=permissions)


def decide(bank: Suite, employee: Person, customer: Person, **changes: Any) -> dict[str, Any]:
    path = f"customers/{customer.user_id}/identity"
    answer = call(bank, "PUT", path, employee, json={**PASSPORT, **changes})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def own(bank: Suite, customer: Person) -> dict[str, Any]:
    found: dict[str, Any] = call(bank, "GET", "identity", customer).get_json()["identity"]
    return found


def test_every_decision_is_kept_with_who_when_and_which_document(bank: Suite, employee: Person, clara: Person) -> None:
    missing = {"document_kind": None, "document_number": None, "expires_on": None}
    decide(bank, employee, clara, state="pending", reason="Passport promised", **missing)
    answer = decide(bank, employee, clara)
    assert (answer["identity"], answer["expired"]) == ("verified", False)
    verified, pending = answer["checks"]
    assert (pending["state"], pending["document_number"]) == ("pending", None)
    assert {name: verified[name] for name in PASSPORT} == PASSPORT
    assert (verified["decided_by"], verified["decided_by_name"]) == (employee.user_id, employee.username)
    query = f"audit?action=identity.change&user_id={clara.user_id}"
    entries = call(bank, "GET", query, bank.admin()).get_json()["audit"]
    assert [entry["details"] for entry in entries] == [
        {"from": "pending", "to": "verified", "reason": "Passport shown at the branch"},
        {"from": "none", "to": "pending", "reason": "Passport promised"},
    ]


def test_customers_see_their_own_state_and_not_what_the_staff_wrote(
    bank: Suite, employee: Person, clara: Person
) -> None:
    assert own(bank, clara) == NOTHING
    decide(bank, employee, clara)
    seen = own(bank, clara)
    assert seen.keys() == NOTHING.keys()
    assert (seen["state"], seen["document_number"], seen["expires_on"]) == ("verified", "••••0T47", "2096-05-30")


def test_a_document_expires(bank: Suite, employee: Person, clara: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    today = clock.now().date()
    decide(bank, employee, clara, expires_on=str(today))
    assert own(bank, clara)["expired"] is False
    later = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert own(bank, clara)["expired"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"document_kind": None}, "document_kind"),
        ({"document_number": None}, "document_number"),
        ({"expires_on": None}, "expires_on"),
        ({"expires_on": "2020-01-31"}, "expires_on"),
        ({"expires_on": "2031-02-30"}, "expires_on"),
        ({"expires_on": 5}, "expires_on"),
        ({"document_kind": "library_card"}, "document_kind"),
        ({"document_number": "x"}, "document_number"),
        ({"document_number": "<b>12345</b>"}, "document_number"),
        ({"state": "trusted"}, "state"),
        ({"reason": ""}, "reason"),
        ({"reason": " "}, "reason"),
        ({"decided_by": str(uuid4())}, "decided_by"),
    ],
)
def test_what_is_not_enough_is_400_with_the_field_named(
    bank: Suite, employee: Person, clara: Person, changes: dict[str, Any], field: str
) -> None:
    answer = call(bank, "PUT", f"customers/{clara.user_id}/identity", employee, json={**PASSPORT, **changes})
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert answer.get_json()["details"].keys() == {field}
    assert own(bank, clara) == NOTHING


def test_deciding_and_the_whole_number_need_the_permission(bank: Suite, employee: Person, clara: Person) -> None:
    decide(bank, employee, clara)
    path = f"customers/{clara.user_id}/identity"
    reader = employee_with(bank, "customers:read")
    assert refusal(call(bank, "PUT", path, reader, json=PASSPORT)) == (403, "FORBIDDEN")
    (check,) = call(bank, "GET", path, reader).get_json()["checks"]
    assert check["document_number"] == "••••0T47"
    assert refusal(call(bank, "GET", path, clara)) == (403, "FORBIDDEN")
    for nobody in (uuid4(), employee.user_id):
        answer = call(bank, "PUT", f"customers/{nobody}/identity", employee, json=PASSPORT)
        assert refusal(answer) == (404, "NOT_FOUND")


def test_customers_are_found_by_the_state_of_their_identity(bank: Suite, employee: Person, clara: Person) -> None:
    def found(state: str) -> list[tuple[str, str]]:
        query = {"identity": state, "q": clara.username}
        rows = call(bank, "GET", "customers", employee, query_string=query).get_json()["customers"]
        return [(row["username"], row["identity"]) for row in rows]

    assert found("none") == [(clara.username, "none")]
    decide(bank, employee, clara, state="rejected", reason="The photo is of somebody else")
    assert found("none") == []
    assert found("rejected") == [(clara.username, "rejected")]
    assert refusal(call(bank, "GET", "customers?identity=x", employee)) == (400, "INVALID_REQUEST")


def test_numbers_are_stored_encrypted_and_anew_with_a_new_key(bank: Suite, employee: Person, clara: Person) -> None:
    decide(bank, employee, clara)
    app = bank.apps["auth"]
    storage = IdentityStorage(db)
    keys = read_keys(
        secret_files.read_or_create(secret_files.folder(Path(bank.variables["BANK_DATA_DIR"])) / ENCRYPTION_KEYS_FILE)
    )

    def stored() -> str:
        storage.refresh()
        return str(db.session.execute(text("SELECT document_number FROM identity_check")).scalars().all())

    with app.app_context():
        before = stored()
        assert "C01X00T47" not in before
        try:
            column_keys.use([NEXT_KEY])
            with pytest.raises(CannotStart, match="AUTH_ENCRYPTION_KEYS"):
                auth_logic.encrypt_anew(EncryptedColumns(db))
            column_keys.use([NEXT_KEY, *keys])
            auth_logic.encrypt_anew(EncryptedColumns(db))
            assert stored() != before
            column_keys.use([NEXT_KEY])
            storage.refresh()
            (check,) = storage.list_checks(UUID(clara.user_id), 1)
            assert check.document_number == "C01X00T47"
        finally:
            column_keys.use([*keys, NEXT_KEY])
            auth_logic.encrypt_anew(EncryptedColumns(db))
