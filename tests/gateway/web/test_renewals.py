"""Each refresh token is renewed once; failed renewals are retried."""

import threading
from uuid import uuid4

import pytest

from api_gateway.clients.auth import RenewedTokens
from api_gateway.web import renewals as module
from api_gateway.web.renewals import Renewals
from shared.core.errors import InvalidToken


def test_a_renewal_that_fails_is_tried_again() -> None:
    tokens = RenewedTokens(token="t", refresh_token="r")
    answers: list[RenewedTokens | Exception] = [InvalidToken(), tokens]

    def renew(_refresh_token: str) -> RenewedTokens:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    renewals = Renewals(renew)
    with pytest.raises(InvalidToken):
        renewals.tokens_for("old")
    assert renewals.tokens_for("old") is tokens
    assert renewals.tokens_for("old") is tokens


def test_one_renewal_does_not_wait_for_another() -> None:
    slow, done = threading.Event(), threading.Event()

    def renew(refresh_token: str) -> RenewedTokens:
        if refresh_token == "slow":
            done.set()
            assert slow.wait(5)
        return RenewedTokens(token=refresh_token, refresh_token=str(uuid4()))

    renewals = Renewals(renew)
    thread = threading.Thread(target=renewals.tokens_for, args=("slow",))
    thread.start()
    assert done.wait(5)
    assert renewals.tokens_for("quick").token == "quick"
    slow.set()
    thread.join()


def test_renewals_are_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[str] = []

    def renew(refresh_token: str) -> RenewedTokens:
        renewed.append(refresh_token)
        return RenewedTokens(token="t", refresh_token="r")

    renewals = Renewals(renew)
    renewals.tokens_for("old")
    monkeypatch.setattr(module, "REMEMBERED_SECONDS", -1)
    renewals.tokens_for("old")
    assert renewed == ["old", "old"]
