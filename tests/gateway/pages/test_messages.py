"""A customer writes to the bank, about a payment or anything else, and reads what it answers."""

import html
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from api_gateway.web.tools import Tools
from shared.web.parts import part
from tests.support.suite import Person, Suite


@pytest.fixture
def ada(bank: Suite) -> Person:
    return bank.person()


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Person:
    return bank.employee("grace")


def pay(person: Person) -> str:
    account = person.open("20.00")
    made = person.pay("withdraw", account_id=account["id"], amount="7.50", description="Casino Royale")
    return str(made["transaction"]["id"])


def place_after(answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.headers["Location"]).path


def answer_as(bank: Suite, employee: Person, place: str, text: str) -> None:
    case_id = place.rpartition("/")[2]
    answer = bank.call("auth", "POST", f"/api/auth/cases/{case_id}/messages", employee, json={"text": text})
    assert answer.status_code == 201


def test_a_payment_leads_to_a_dispute_in_two_clicks(ada: Person) -> None:
    payment = pay(ada)
    new = f"/messages/new?transaction={payment}"
    assert f'<a href="{new}">Something wrong with this payment?</a>' in ada.visitor.get(f"/transactions/{payment}").text
    form = ada.visitor.get(new).text
    assert "Casino Royale" in form
    place = place_after(ada.visitor.submit(new, text="I was never there."))
    page = ada.visitor.get(place).text
    for words in (
        "I don&#39;t know this payment",
        "Casino Royale",
        "$7.50",
        "I was never there.",
        "Waiting for the bank",
    ):
        assert words in page
    assert place_after(ada.visitor.get(new)) == place, "the same payment leads to the same conversation"


def test_a_question_needs_no_payment_and_a_closed_one_is_opened_by_a_message(
    bank: Suite, ada: Person, employee: Person
) -> None:
    page = ada.visitor.get("/messages/new").text
    assert "This payment" not in page
    place = place_after(ada.visitor.submit("/messages/new", subject=" A card ", text="When does it come?"))
    case_id = place.rpartition("/")[2]
    bank.call("auth", "POST", f"/api/auth/cases/{case_id}/close", employee, json={"reason": "It is on its way"})
    assert "It is on its way" in ada.visitor.get(place).text
    assert place_after(ada.visitor.submit(place, text="It never came.")) == place
    listed = ada.visitor.get("/messages").text
    assert "A card" in listed
    assert "Waiting for the bank" in listed
    assert "No matches" in ada.visitor.get("/messages?state=closed").text


def test_a_customer_closes_a_conversation_and_staff_see_it(bank: Suite, ada: Person, employee: Person) -> None:
    place = place_after(ada.visitor.submit("/messages/new", subject="A card", text="When does it come?"))
    refused = ada.visitor.submit(place, action=f"{place}/close", reason="x" * 201)
    assert (refused.status_code, "200" in refused.text) == (400, True)
    assert place_after(ada.visitor.submit(place, action=f"{place}/close")) == place
    page = ada.visitor.get(place).text
    assert ">Closed</span>" in page
    assert "Close the conversation" not in page
    seen = employee.visitor.get(f"/admin/cases/{place.rpartition('/')[2]}").text
    assert ">Closed</span>" in seen
    assert "<strong>closed</strong>" in seen
    assert place_after(ada.visitor.submit(place, text="Still nothing.")) == place
    assert "Waiting for the bank" in ada.visitor.get(place).text


def test_every_page_tells_how_many_messages_are_unread(
    bank: Suite, ada: Person, employee: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_after(ada.visitor.submit("/messages/new", subject="A card", text="When does it come?"))
    assert "unread" not in ada.visitor.get("/accounts").text
    answer_as(bank, employee, place, "Tomorrow.")
    answer_as(bank, employee, place, "At noon.")
    monkeypatch.setattr("api_gateway.pages.common.unread.KEPT_SECONDS", -1)
    assert "Messages, 2 unread" in ada.visitor.get("/accounts").text
    assert "Messages, 2 unread" in ada.visitor.get("/dashboard").text, "from what is known, without another call"
    assert "2 new" in ada.visitor.get("/messages").text
    ada.visitor.get(place)
    assert "unread" not in ada.visitor.get("/dashboard").text


def test_the_number_is_known_right_after_a_login(bank: Suite, ada: Person, employee: Person) -> None:
    place = place_after(ada.visitor.submit("/messages/new", subject="A card", text="When does it come?"))
    answer_as(bank, employee, place, "Tomorrow.")
    again = bank.log_in(ada.username, "correct horse battery staple")
    assert "Messages, 1 unread" in again.visitor.get("/dashboard").text


def test_pages_show_all_else_while_the_number_is_unknown(bank: Suite, ada: Person) -> None:
    ada.open("20.00", nickname="Holidays")
    ada.visitor.get("/dashboard")
    with ada.visitor.client.session_transaction() as session:
        session["unread"] = [0, 0]
    bank.adapters["auth"].down = True
    try:
        page = ada.visitor.get("/accounts")
    finally:
        bank.adapters["auth"].down = False
        part(Tools, bank.apps["gateway"]).peers["auth-service"].is_alive()
    assert page.status_code == 200
    assert "Holidays" in page.text


def test_markup_and_spaces_are_shown_as_they_were_written(ada: Person) -> None:
    text = "<script>alert(1)</script>\n   {{ 7*7 }} \"'&"
    place = place_after(ada.visitor.submit("/messages/new", subject="<b>Hi</b>", text=text))
    page = ada.visitor.get(place).text
    assert html.escape(text, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page
    assert "<b>Hi</b>" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject": "", "text": "Hello"}, "Enter a subject."),
        ({"subject": "Hello", "text": ""}, "Write your message."),
        ({"subject": "x" * 101, "text": "Hello"}, "Use at most 100 characters."),
        ({"subject": "Hello", "text": "x" * 4001}, "Use at most 4000 characters."),
        ({"subject": "Hello", "text": "\t \n"}, "Message must"),
    ],
)
def test_a_mistake_is_named_beside_its_field_and_what_was_typed_stays(
    ada: Person, fields: dict[str, str], words: str
) -> None:
    page = ada.visitor.submit("/messages/new", **fields)
    assert page.status_code == 400
    assert words in page.text
    kept = max(fields.values(), key=len)
    assert kept in page.text


def test_a_foreign_payment_can_not_be_written_about(bank: Suite, ada: Person) -> None:
    foreign = pay(bank.person())
    assert ada.visitor.get(f"/messages/new?transaction={foreign}").status_code == 404
    assert ada.visitor.get("/messages/new?transaction=x").status_code == 400


def test_contact_leads_to_the_form_when_logged_in_and_else_says_how_to_reach_the_bank(bank: Suite, ada: Person) -> None:
    assert '<a href="/messages/new">' in ada.visitor.get("/help").text
    answer = bank.apps["gateway"].test_client().get("/help")
    assert '<a href="/messages/new">' not in answer.text
    assert "Please call or visit your branch." in answer.text
