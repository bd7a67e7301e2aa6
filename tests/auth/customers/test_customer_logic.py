"""Customers as the staff find and help them, on both databases."""

from typing import Any
from uuid import uuid4

import pytest

from auth_service.auth_models import db
from auth_service.mail import mail_logic
from auth_service.mail.mail_logic import Mailer
from auth_service.mail.mail_models import OutgoingMail
from shared.web.parts import part
from tests.support.asking import call, refusal
from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Person:
    return bank.employee("clerk")


@pytest.fixture(scope="module")
def clara(bank: Suite) -> Person:
    person = bank.person("clara_w")
    changes = {"full_name": "Clara Weiß", "phone": "+44 (0)20 7946-0958"}
    assert call(bank, "PUT", "users/profile", person, json=changes).status_code == 200
    return person


def found(bank: Suite, staff: Person, **query: str) -> list[str]:
    answer = call(bank, "GET", "customers", staff, query_string=query)
    assert answer.status_code == 200, answer.text
    return [customer["username"] for customer in answer.get_json()["customers"]]


@pytest.mark.parametrize(
    "q",
    [
        "clara",
        "WEISS",
        "weiß Clara",
        "Clara  Weiß",
        "clara_w@example",
        "clara_w",
        "7946-09",
        "020 7946 0958",
        "+442079460958",
        "00442079460958",
    ],
)
def test_an_employee_finds_a_customer_by_any_part_of_what_they_are_called(
    bank: Suite, employee: Person, clara: Person, q: str
) -> None:
    assert found(bank, employee, q=q) == ["clara_w"]


@pytest.mark.parametrize("q", ["clara%", "clara bob", "7946 0959", "clerk", "admin"])
def test_other_texts_and_other_staff_are_not_found(bank: Suite, employee: Person, clara: Person, q: str) -> None:
    assert found(bank, employee, q=q) == []


def test_customers_are_paged_newest_first_and_filtered_by_status(bank: Suite, employee: Person) -> None:
    people = [bank.person() for _ in range(3)]
    first = call(bank, "GET", "customers?limit=2", employee).get_json()
    assert [one["username"] for one in first["customers"]] == [people[2].username, people[1].username]
    cursor = first["pagination"]["next_cursor"]
    assert found(bank, employee, cursor=cursor, limit="1") == [people[0].username]
    call(bank, "DELETE", f"users/{people[0].user_id}", bank.admin())
    assert people[0].username in found(bank, employee, status="disabled")
    assert people[1].username not in found(bank, employee, status="disabled")


@pytest.mark.parametrize("query", ["q=", "limit=0", "cursor=x", "role=admin", "q=a%00"])
def test_an_unreadable_query_is_400(bank: Suite, employee: Person, query: str) -> None:
    assert refusal(call(bank, "GET", f"customers?{query}", employee))[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "customers", None),
        ("GET", "users/by_id?user_ids={id}", None),
        ("GET", "customers/{id}", None),
        ("PUT", "customers/{id}", {"phone": None}),
        ("POST", "customers/{id}/unlock", None),
        ("GET", "customers/{id}/sessions", None),
        ("DELETE", "customers/{id}/sessions", None),
        ("GET", "customers/{id}/notes", None),
        ("POST", "customers/{id}/notes", {"text": "Hello"}),
    ],
)
def test_customers_may_not_and_staff_are_no_customers(
    bank: Suite, admin: Person, employee: Person, clara: Person, method: str, path: str, body: dict[str, Any] | None
) -> None:
    options = {"json": body} if body else {}
    assert refusal(call(bank, method, path.replace("{id}", clara.user_id), clara, **options)) == (403, "FORBIDDEN")
    if "{id}" in path and "by_id" not in path:
        for stranger in (admin.user_id, employee.user_id, str(uuid4())):
            answer = call(bank, method, path.replace("{id}", stranger), employee, **options)
            assert refusal(answer) == (404, "NOT_FOUND")


def test_an_employee_corrects_a_name_and_only_an_admin_an_email_address(
    bank: Suite, admin: Person, employee: Person
) -> None:
    person = bank.person()
    path = f"customers/{person.user_id}"
    answer = call(bank, "PUT", path, employee, json={"full_name": "Dora Kent", "phone": "555 0199"})
    assert (answer.status_code, answer.get_json()["customer"]["full_name"]) == (200, "Dora Kent")
    email = f"{uuid4().hex}@example.com"
    assert refusal(call(bank, "PUT", path, employee, json={"email": email})) == (403, "FORBIDDEN")
    assert call(bank, "PUT", path, admin, json={"email": email}).get_json()["customer"]["email"] == email
    taken = {"email": f"{bank.person().username}@EXAMPLE.com"}
    assert refusal(call(bank, "PUT", path, admin, json=taken)) == (409, "EMAIL_TAKEN")
    assert found(bank, employee, q="dora 5550199") == found(bank, employee, q="555 0199") == [person.username]
    for body in ({}, {"email": None}, {"full_name": ""}, {"role": "admin"}, {"username": "x"}):
        assert refusal(call(bank, "PUT", path, admin, json=body)) == (400, "INVALID_REQUEST")


def test_staff_log_a_customer_out_everywhere(bank: Suite, employee: Person) -> None:
    person = bank.person()
    path = f"customers/{person.user_id}/sessions"
    (session,) = call(bank, "GET", path, employee).get_json()["sessions"]
    assert set(session) == {"id", "ip", "user_agent", "created_at", "last_used_at"}
    assert call(bank, "DELETE", path, employee).get_json()["ended"] == 1
    assert refusal(call(bank, "GET", "verify_token", person))[0] == 401
    assert call(bank, "GET", path, employee).get_json()["sessions"] == []
    assert call(bank, "DELETE", path, employee).get_json()["ended"] == 0


def test_staff_see_a_lockout_and_end_it(bank: Suite, employee: Person) -> None:
    person = bank.person()
    for _ in range(5):
        call(bank, "POST", "login", json={"username": person.username, "password": "wrong"})
    path = f"customers/{person.user_id}"
    assert call(bank, "GET", path, employee).get_json()["customer"]["locked_until"]
    assert call(bank, "POST", f"{path}/unlock", employee).get_json()["customer"]["locked_until"] is None
    assert bank.log_in(person.username)


def test_notes_keep_their_author_and_time(bank: Suite, admin: Person, employee: Person) -> None:
    person = bank.person()
    path = f"customers/{person.user_id}/notes"
    first = call(bank, "POST", path, employee, json={"text": "Called.\r\nLost the card."})
    assert first.status_code == 201
    assert call(bank, "POST", path, admin, json={"text": "Sent a new one."}).status_code == 201
    page = call(bank, "GET", f"{path}?limit=1", employee).get_json()
    assert [(note["text"], note["author"]) for note in page["notes"]] == [("Sent a new one.", "admin")]
    cursor = {"cursor": page["pagination"]["next_cursor"]}
    (older,) = call(bank, "GET", path, employee, query_string=cursor).get_json()["notes"]
    assert older == first.get_json()["note"]
    assert (older["text"], older["author_id"]) == ("Called.\nLost the card.", employee.user_id)
    for text in ("", "  \n ", "a\tb", "x" * 2001, "a\u202e", 5, None):
        assert refusal(call(bank, "POST", path, employee, json={"text": text})) == (400, "INVALID_REQUEST")


def test_names_are_told_by_ids_and_unknown_ids_are_left_out(
    bank: Suite, admin: Person, employee: Person, clara: Person
) -> None:
    ids = ",".join((clara.user_id, admin.user_id, str(uuid4()), clara.user_id))
    answer = call(bank, "GET", "users/by_id", employee, query_string={"user_ids": ids})
    users = {user["id"]: (user["full_name"], user["username"], user["role"]) for user in answer.get_json()["users"]}
    wanted = {clara.user_id: ("Clara Weiß", "clara_w", "customer"), admin.user_id: (None, "admin", "admin")}
    assert users == wanted
    assert "email" not in answer.get_json()["users"][0]
    for bad in ("", "abc", f"{clara.user_id},", ",".join(str(uuid4()) for _ in range(201))):
        answer = call(bank, "GET", "users/by_id", employee, query_string={"user_ids": bad})
        assert (refusal(answer)[0], list(answer.get_json()["details"])) == (400, ["user_ids"])


def test_what_staff_saw_and_did_is_in_the_audit_trail(bank: Suite, admin: Person, employee: Person) -> None:
    person = bank.person()
    path = f"customers/{person.user_id}"
    call(bank, "GET", path, employee)
    call(bank, "GET", f"{path}/sessions", employee)
    call(bank, "GET", f"{path}/notes", employee)
    call(bank, "POST", f"{path}/notes", employee, json={"text": "Secret"})
    call(bank, "PUT", path, employee, json={"phone": "555 0101"})
    call(bank, "POST", f"{path}/unlock", employee)
    call(bank, "DELETE", f"{path}/sessions", employee)
    entries = call(bank, "GET", f"audit?user_id={person.user_id}&actor=clerk", admin).get_json()["audit"]
    assert [entry["action"] for entry in entries] == [
        "session.end_all",
        "lockout.lift",
        "contact.correct",
        "note.add",
        "view.notes",
        "view.sessions",
        "view.person",
    ]
    assert (entries[0]["details"], entries[2]["details"]) == ({"sessions": 1}, {"fields": ["phone"]})
    assert "Secret" not in str(entries)
    found(bank, employee, q="needle")
    listed = call(bank, "GET", "audit?action=list.customers&limit=1", admin).get_json()["audit"]
    assert listed[0]["details"] == {"filters": {"q": "needle"}}


@pytest.fixture
def unsent_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep mails in the queue: the running bank sends them every second."""
    monkeypatch.setattr(mail_logic, "send_due", lambda _room: None)


def queued(bank: Suite, kind: str, **facts: str) -> list[OutgoingMail]:
    """Return the queued mails of a kind with these facts or this recipient."""
    with bank.apps["auth"].app_context(), db.transaction():
        mails = db.session.query(OutgoingMail).filter_by(kind=kind).all()
        return [mail for mail in mails if facts.items() <= {"recipient": mail.recipient, **mail.facts}.items()]


@pytest.mark.usefixtures("unsent_mails")
def test_a_mail_tells_the_customer_which_data_staff_corrected_and_not_the_data(bank: Suite, employee: Person) -> None:
    dora = bank.person()
    path = f"customers/{dora.user_id}"
    body = {"full_name": "Dora Kent", "phone": "555 0199", "reason": "She asked by phone"}
    assert call(bank, "PUT", path, employee, json=body).status_code == 200
    (mail,) = queued(bank, "contact_corrected", username=dora.username)
    assert (mail.facts["what"], set(mail.facts)) == ("your name and your phone number", {"username", "at", "what"})
    content = part(Mailer, bank.apps["auth"]).renderers["contact_corrected"](mail)
    assert content
    assert "Dora" not in " ".join(content.paragraphs)
    call(bank, "PUT", path, employee, json={"full_name": "Dora Kent"})
    assert len(queued(bank, "contact_corrected", username=dora.username)) == 1, "nothing has changed"
    assert refusal(call(bank, "PUT", path, employee, json={"reason": "x"})) == (400, "INVALID_REQUEST")
    query = f"audit?action=contact.correct&user_id={dora.user_id}&q=phone"
    entry = call(bank, "GET", query, bank.admin()).get_json()["audit"][-1]
    assert entry["details"] == {"fields": ["full_name", "phone"], "reason": "She asked by phone"}


@pytest.mark.usefixtures("unsent_mails")
def test_staff_send_the_link_for_a_new_password_without_seeing_it(bank: Suite, employee: Person) -> None:
    dora = bank.person()
    path = f"customers/{dora.user_id}/password_reset"
    assert refusal(call(bank, "POST", path, employee, json={})) == (400, "INVALID_REQUEST")
    answer = call(bank, "POST", path, employee, json={"reason": "Lost it; knew her last payment"})
    assert (answer.status_code, answer.get_json().keys()) == (200, {"success", "message"})
    assert len(queued(bank, "password_reset", recipient=f"{dora.username}@example.com")) == 1
    entries = call(bank, "GET", f"customers/{dora.user_id}/audit", employee).get_json()["audit"]
    assert entries[0]["details"] == {"reason": "Lost it; knew her last payment"}
    actions = [entry["action"] for entry in entries]
    assert actions == ["password.reset_ask", "login", "user.register"], "without looks at her data"
    call(bank, "DELETE", f"users/{dora.user_id}", bank.admin())
    body = {"reason": "x"}
    assert refusal(call(bank, "POST", path, employee, json=body)) == (409, "CUSTOMER_DISABLED")
    for method, below in (("POST", "password_reset"), ("GET", "audit")):
        sent = {"json": body} if method == "POST" else {}
        assert call(bank, method, f"customers/{employee.user_id}/{below}", employee, **sent).status_code == 404
        assert call(bank, method, f"customers/{dora.user_id}/{below}", bank.person(), **sent).status_code == 403
