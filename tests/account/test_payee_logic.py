"""How well a typed name fits the name of the holder, and what the payer sees of it."""

import pytest

from account_service.payee_logic import match_name
from tests.support.suite import BankOptions, Person, Suite


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account"), database)


@pytest.mark.parametrize(
    ("typed", "holder", "outcome"),
    [
        ("Ada Martin", "Ada Martin", "match"),
        ("ada  MARTIN", "Ada Martin", "match"),
        ("Martin, Ada", "Ada Martin", "match"),
        ("Ms. Ada Martin", "Ada Martin", "match"),
        ("Clara Novak", "Clara Novák", "match"),
        ("Kim and Partners", "Kim & Partners", "match"),
        ("OBrien", "O'Brien", "match"),
        ("Jean-Luc Picard", "Jean Luc Picard", "match"),
        ("A Martin", "Ada Martin", "close_match"),
        ("Ada Martyn", "Ada Martin", "close_match"),
        ("Ada Martin", "Ada Grace Martin", "close_match"),
        ("Ada Grace Martin", "Ada Martin", "close_match"),
        ("Martin", "Ada Martin", "close_match"),
        ("Ada", "Ada Martin", "no_match"),
        ("A M", "Ada Martin", "no_match"),
        ("Eve Martin", "Ada Martin", "no_match"),
        ("Ben Okafor", "Ada Martin", "no_match"),
        ("Ada Okafor", "Ada Martin", "no_match"),
        ("...", "Ada Martin", "no_match"),
        ("ben", "ben", "match"),
        ("李小龍", "李小龍", "match"),
        ("Mr", "Mr", "match"),
    ],
)
def test_a_typed_name_is_compared_with_the_holder_s(typed: str, holder: str, outcome: str) -> None:
    assert match_name(typed, holder) == outcome


def test_a_payer_hears_match_close_match_and_no_match(bank: Suite) -> None:
    payer, payee = bank.person(), bank.person()
    bank.call("auth", "PUT", "/api/auth/users/profile", payee, json={"full_name": "Ben Okafor"})
    number = payee.open()["account_number"]

    def look_up(**query: str) -> dict[str, str]:
        asked = {"account_number": number, **query}
        answer = bank.call("account", "GET", "/api/accounts/lookup", payer, query_string=asked)
        found: dict[str, str] = answer.get_json()["account"]
        return found

    mine = {"account_number": f"••••{number[-4:]}"}
    assert look_up() == {**mine, "owner_name": "Ben O."}
    assert look_up(name="ben okafor") == {**mine, "owner_name": "Ben O.", "name_match": "match"}
    assert look_up(name="B. Okafor") == {**mine, "owner_name": "Ben O.", "name_match": "close_match"}
    assert look_up(name="Ada Martin") == {**mine, "owner_name": None, "name_match": "no_match"}


@pytest.mark.parametrize("name", ["", "x" * 101, "a%0Ab", "a%E2%80%AEb"])
def test_an_unreadable_name_is_400_by_its_field(bank: Suite, name: str) -> None:
    person: Person = bank.person()
    number = person.open()["account_number"]
    answer = bank.call("account", "GET", f"/api/accounts/lookup?account_number={number}&name={name}", person)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["name"])
