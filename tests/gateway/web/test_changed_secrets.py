"""The secret of the sessions can be changed: who is logged in stays so, and open forms can be sent."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_gateway.api_gateway import GatewaySettings
from api_gateway.web.sealed_values import SealedValues
from shared.core.errors import CannotStart
from tests.support.suite import Suite
from tests.support.visitor import Visitor, forms_of

OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Suite]:
    bank = Suite(tmp_path, ("auth", "gateway"), SESSION_SECRET=OLD).start()
    yield bank
    bank.stop()


def restarted(bank: Suite, visitor: Visitor, **variables: str) -> Visitor:
    """Restart the gateway with other variables, and return the same browser at it."""
    bank.variables.update(variables)
    bank.restart("gateway")
    again = bank.visitor()
    again.client.set_cookie("session", visitor.cookie)
    return again


def test_sessions_and_open_forms_outlive_the_change(bank: Suite) -> None:
    visitor = bank.visitor()
    visitor.register("ada")
    form = next(form for form in forms_of(visitor.get("/profile")) if form.action == "")
    again = restarted(bank, visitor, SESSION_SECRETS=f"{NEW}, {OLD}")
    answer = again.post("/profile", {**form.fields, "full_name": "Ada Lovelace"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile")
    assert "Ada Lovelace" in again.get("/profile").text  # this answer's cookie is made with the new secret
    last = restarted(bank, again, SESSION_SECRETS=NEW)
    assert last.get("/profile").status_code == 200
    gone = restarted(bank, visitor, SESSION_SECRETS=NEW)
    assert gone.get("/profile").status_code == 303


def test_drafts_sealed_with_the_old_secret_are_opened() -> None:
    draft = SealedValues(OLD, "drafts").seal({"amount": "5"})
    assert SealedValues(NEW, "drafts", [OLD]).open(draft) == {"amount": "5"}
    assert SealedValues(NEW, "drafts").open(draft) is None
    assert SealedValues(OLD, "drafts").open(SealedValues(NEW, "drafts", [OLD]).seal({})) is None


def test_the_list_takes_the_place_of_the_one_secret(tmp_path: Path) -> None:
    given = {"BANK_DATA_DIR": str(tmp_path), "API_GATEWAY_SECRET": secrets.token_urlsafe(48)}
    settings = GatewaySettings.load(**given, SESSION_SECRET="x" * 40, SESSION_SECRETS=f"{NEW},{OLD}")
    assert (settings.session_secret, settings.older_session_secrets) == (NEW, [OLD])
    assert GatewaySettings.load(**given, SESSION_SECRET=OLD).older_session_secrets == []
    for wrong in (f"{NEW},short", f"short,{NEW}", f"{NEW},"):
        with pytest.raises(CannotStart, match="SESSION_SECRET"):
            GatewaySettings.load(**given, SESSION_SECRETS=wrong)
