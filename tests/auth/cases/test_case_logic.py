"""Cases: customers dispute payments and ask questions, and staff answer them, on both databases."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from auth_service.auth_models import db
from auth_service.cases import case_logic
from auth_service.mail.mail_logic import Mailer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_storage import MailStorage
from shared.core import clock
from shared.web.parts import part
from tests.support.asking import call, refusal
from tests.support.suite import BankOptions, Person, Suite

QUESTION = {"kind": "question", "subject": "A new card", "text": "When does it come?"}


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Person:
    person = bank.person("grace")
    call(bank, "PUT", "users/profile", person, json={"full_name": "Grace Hopper"})
    return bank.promote(person)


@pytest.fixture
def ada(bank: Suite) -> Person:
    return bank.person()


def pay(person: Person) -> str:
    """Make a payment and return its id."""
    return str(person.pay("deposit", account_id=person.open()["id"], amount="5.00")["transaction"]["id"])


def open_case(bank: Suite, person: Person, **changes: Any) -> dict[str, Any]:
    answer = call(bank, "POST", "cases", person, json={**QUESTION, **changes})
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.get_json()["case"]
    return case


def write(bank: Suite, person: Person, case: dict[str, Any], text: str = "Soon.") -> dict[str, Any]:
    answer = call(bank, "POST", f"cases/{case['id']}/messages", person, json={"text": text})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def show(bank: Suite, person: Person, case: dict[str, Any]) -> dict[str, Any]:
    answer = call(bank, "GET", f"cases/{case['id']}", person)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def unread(bank: Suite, person: Person) -> int:
    return int(call(bank, "GET", "cases?limit=1", person).get_json()["unread"])


def mails(bank: Suite, person: Person) -> list[OutgoingMail]:
    """Return the queued notices to a person."""
    with bank.apps["auth"].app_context(), db.transaction():
        found = db.session.query(OutgoingMail).filter_by(kind="case_answered").all()
        return [mail for mail in found if mail.facts["username"] == person.username]


def test_a_case_goes_from_open_to_answered_to_closed_and_a_later_message_opens_it_again(
    bank: Suite, ada: Person, employee: Person
) -> None:
    case = open_case(bank, ada)
    assert (case["state"], case["unread"]) == ("open", 0)
    assert write(bank, employee, case)["case"]["state"] == "answered"
    assert write(bank, ada, case, "Thank you. When is soon?")["case"]["state"] == "open"
    closing = {"reason": "The card is on its way."}
    closed = call(bank, "POST", f"cases/{case['id']}/close", employee, json=closing).get_json()
    assert closed["case"]["state"] == "closed"
    assert [(one["from_bank"], one["closes"], one["text"]) for one in closed["messages"]] == [
        (False, False, QUESTION["text"]),
        (True, False, "Soon."),
        (False, False, "Thank you. When is soon?"),
        (True, True, "The card is on its way."),
    ]
    assert refusal(call(bank, "POST", f"cases/{case['id']}/close", employee, json=closing)) == (409, "CASE_CLOSED")
    assert write(bank, ada, case, "It never came.")["case"]["state"] == "open"


def test_the_customer_sees_who_answered_and_has_read_it_by_looking(bank: Suite, ada: Person, employee: Person) -> None:
    case = open_case(bank, ada)
    write(bank, employee, case)
    write(bank, employee, case, "And it is blue.")
    assert unread(bank, ada) == 2
    assert show(bank, employee, case)["case"]["unread"] == 2, "staff who look have not read it for the customer"
    shown = show(bank, ada, case)
    assert [one["author"] for one in shown["messages"]] == [ada.username, "Grace Hopper", "Grace Hopper"]
    assert unread(bank, ada) == 0


def test_a_mail_tells_that_there_is_something_to_read_once_and_nothing_of_it(
    bank: Suite, ada: Person, employee: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailStorage, "has_due", lambda *_: False)  # keeps the mail from being sent before it is read
    case = open_case(bank, ada, text="My secret")
    write(bank, employee, case, "Your secret is safe.")
    write(bank, employee, case, "Really.")
    (mail,) = mails(bank, ada)
    assert mail.facts.keys() == {"username", "at"}
    content = part(Mailer, bank.apps["auth"]).renderers["case_answered"](mail)
    assert content
    assert "secret" not in " ".join(content.paragraphs)
    assert "Messages" in " ".join(content.paragraphs)


def test_a_text_is_kept_exactly(bank: Suite, ada: Person) -> None:
    text = "  <script>alert('1')</script>\n\n=SUM(A1) Weiß 👩‍👩‍👧 %00 \\ \"'\n"
    case = open_case(bank, ada, subject="<b>ß</b> {{ 7*7 }}", text=text)
    shown = show(bank, ada, case)
    assert (shown["case"]["subject"], shown["messages"][0]["text"]) == ("<b>ß</b> {{ 7*7 }}", text)


def test_the_service_that_owns_payments_says_whose_a_disputed_one_is(
    bank: Suite, ada: Person, employee: Person
) -> None:
    own, foreign = pay(ada), pay(bank.person())
    case = open_case(bank, ada, kind="dispute", transaction_id=own)
    assert case["transaction_id"] == own
    for person in (ada, employee):
        answers = [
            call(bank, "POST", "cases", person, json={**QUESTION, "transaction_id": transaction_id})
            for transaction_id in (foreign, str(uuid4()))
        ]
        assert [refusal(answer) for answer in answers] == [(404, "NOT_FOUND")] * 2
        assert answers[0].get_json() == answers[1].get_json()


def test_one_payment_has_one_case_until_that_is_closed(bank: Suite, ada: Person, employee: Person) -> None:
    payment = pay(ada)
    case = open_case(bank, ada, transaction_id=payment)
    answer = call(bank, "POST", "cases", ada, json={**QUESTION, "transaction_id": payment})
    assert refusal(answer) == (409, "CASE_EXISTS")
    assert answer.get_json()["details"] == {"case_id": case["id"]}
    call(bank, "POST", f"cases/{case['id']}/close", employee, json={"reason": "Done"})
    again = open_case(bank, ada, transaction_id=payment)
    found = call(bank, "GET", f"cases?transaction_id={payment}&state=open", ada).get_json()["cases"]
    assert [one["id"] for one in found] == [again["id"]]


def test_another_customers_case_answers_like_one_that_does_not_exist(bank: Suite, ada: Person) -> None:
    case, bob = open_case(bank, ada), bank.person()
    for method, path, body in (("GET", "", None), ("POST", "/messages", {"text": "Hello"}), ("POST", "/close", {})):
        foreign = call(bank, method, f"cases/{case['id']}{path}", bob, json=body)
        unknown = call(bank, method, f"cases/{uuid4()}{path}", bob, json=body)
        assert (foreign.status_code, foreign.get_json()) == (404, unknown.get_json())
    assert call(bank, "GET", "cases", bob).get_json()["cases"] == []
    assert refusal(call(bank, "GET", "cases/all", bob)) == (403, "FORBIDDEN")


def test_a_customer_closes_an_own_case_with_or_without_a_reason_and_opens_it_again(
    bank: Suite, ada: Person, employee: Person
) -> None:
    case = open_case(bank, ada)
    close = f"cases/{case['id']}/close"
    assert refusal(call(bank, "POST", close, employee)) == (400, "INVALID_REQUEST"), "staff need a reason"
    for body, text in (({}, ""), ({"json": {"reason": "It came."}}, "It came.")):
        closed = call(bank, "POST", close, ada, **body).get_json()
        assert (closed["case"]["state"], closed["case"]["unread"]) == ("closed", 0)
        last = closed["messages"][-1]
        assert (last["from_bank"], last["closes"], last["text"]) == (False, True, text)
        assert refusal(call(bank, "POST", close, ada)) == (409, "CASE_CLOSED")
        seen = call(bank, "GET", f"cases/{case['id']}", employee).get_json()
        assert seen["messages"][-1] == last
        assert write(bank, ada, case, "Once more.")["case"]["state"] == "open"
    assert refusal(call(bank, "POST", close, ada, json={"reason": ""})) == (400, "INVALID_REQUEST")


def test_staff_need_the_permission_and_never_answer_their_own(bank: Suite, ada: Person, employee: Person) -> None:
    case, own = open_case(bank, ada), open_case(bank, employee)
    assert write(bank, employee, own, "Hello?")["case"]["state"] == "open"
    closed = call(bank, "POST", f"cases/{own['id']}/close", employee).get_json()
    assert not closed["messages"][-1]["from_bank"], "as any customer"
    limited = bank.employee(permissions=("customers:read",))
    assert refusal(call(bank, "GET", "cases/all", limited)) == (403, "FORBIDDEN")
    assert refusal(call(bank, "GET", f"cases/{case['id']}", limited)) == (404, "NOT_FOUND")
    answer = call(bank, "POST", f"cases/{case['id']}/messages", limited, json={"text": "Hi"})
    assert refusal(answer) == (404, "NOT_FOUND")


def test_staff_filter_all_cases_by_what_they_show_page_by_page(bank: Suite, ada: Person, employee: Person) -> None:
    word = f"zebra{uuid4().hex[:8]}"
    cases = [open_case(bank, ada, subject=f"{word} {number}") for number in range(3)]
    payment = pay(ada)
    dispute = open_case(bank, ada, kind="dispute", subject=f"Not mine, {word.upper()}", transaction_id=payment)
    write(bank, employee, cases[0])

    def found(**query: str) -> list[str]:
        answer = call(bank, "GET", "cases/all", employee, query_string=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.get_json()["cases"]]

    newest = [cases[0]["id"], dispute["id"], cases[2]["id"], cases[1]["id"]]
    assert found(q=word) == newest
    assert found(q=f"{word} {ada.username}") == newest, "words are sought in the subject and in the customer's names"
    assert found(user_id=ada.user_id) == newest
    assert found(q=word, state="answered") == newest[:1]
    assert found(q=word, kind="dispute") == found(transaction_id=payment) == newest[1:2]
    first = call(bank, "GET", f"cases/all?q={word}&limit=3", employee).get_json()
    assert found(q=word, cursor=first["pagination"]["next_cursor"]) == newest[3:]
    assert first["open"] >= 3
    assert first["cases"][0]["customer"] == ada.username


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "complaint"),
        ("kind", None),
        ("subject", ""),
        ("subject", " "),
        ("subject", "two\nlines"),
        ("subject", "x" * 101),
        ("text", ""),
        ("text", " \n "),
        ("text", "x" * 4001),
        ("text", "nul\0"),
        ("text", 5),
        ("transaction_id", "x"),
        ("user_id", "00000000-0000-4000-8000-000000000000"),
        ("state", "closed"),
    ],
)
def test_bad_input_is_400_with_the_field_named(bank: Suite, ada: Person, field: str, value: object) -> None:
    answer = call(bank, "POST", "cases", ada, json={**QUESTION, field: value})
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert answer.get_json()["details"].keys() == {field}


@pytest.mark.parametrize("query", ["state=lost", "kind=", "user_id=1", "q=", "cursor=x", "limit=0", "wrong=1"])
def test_an_unreadable_query_is_400(bank: Suite, employee: Person, query: str) -> None:
    assert refusal(call(bank, "GET", f"cases/all?{query}", employee)) == (400, "INVALID_REQUEST")


def test_customers_may_write_so_much_in_a_time_and_staff_always(
    bank: Suite, ada: Person, employee: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_logic, "CASES_PER_DAY", 2)
    monkeypatch.setattr(case_logic, "MESSAGES_PER_HOUR", 4)
    cases = [open_case(bank, ada) for _ in range(2)]
    answer = call(bank, "POST", "cases", ada, json=QUESTION)
    assert refusal(answer) == (429, "TOO_MANY_REQUESTS")
    assert 86_000 < int(answer.headers["Retry-After"]) <= 86_400
    for _ in range(2):
        write(bank, ada, cases[0], "Hello?")
    answer = call(bank, "POST", f"cases/{cases[0]['id']}/messages", ada, json={"text": "Hello??"})
    assert refusal(answer) == (429, "TOO_MANY_REQUESTS")
    for _ in range(5):
        write(bank, employee, cases[0], "Patience, please.")
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(case_logic, "MAX_MESSAGES", 8)
    answer = call(bank, "POST", f"cases/{cases[0]['id']}/messages", ada, json={"text": "Hello??"})
    assert refusal(answer) == (409, "CASE_FULL")
    write(bank, ada, cases[1], "Hello??")


def test_who_did_what_is_in_the_audit_and_the_customer_sees_who_looked(
    bank: Suite, ada: Person, employee: Person
) -> None:
    case = open_case(bank, ada)
    write(bank, ada, case)
    show(bank, employee, case)
    write(bank, employee, case)
    call(bank, "POST", f"cases/{case['id']}/close", employee, json={"reason": "Answered"})
    query = f"audit?user_id={ada.user_id}&q={case['id']}"
    entries = call(bank, "GET", query, bank.admin()).get_json()["audit"]
    assert [(entry["action"], entry["actor"]) for entry in reversed(entries)] == [
        ("case.open", ada.username),
        ("case.write", ada.username),
        ("view.case", "grace"),
        ("case.answer", "grace"),
        ("case.close", "grace"),
    ]
    assert entries[0]["details"] == {"case_id": case["id"], "kind": "question", "reason": "Answered"}
    views = call(bank, "GET", "audit/mine", ada).get_json()["audit"]
    assert ("view.case", "grace") in {(view["action"], view["actor"]) for view in views}
