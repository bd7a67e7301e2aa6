"""Fakes of the clock and of the token verifier."""

from collections.abc import Mapping
from typing import cast

from flask import Flask

from shared.core.errors import InvalidToken
from shared.security.tokens import Claims, TokenVerifier
from shared.web import access


class FakeVerifier:
    """A fake of TokenVerifier with a fixed set of tokens."""

    def __init__(self, known: Mapping[str, Claims]) -> None:
        self._known = known

    def verify(self, token: str) -> Claims:
        """Return the claims of a known token. Raises InvalidToken."""
        if token not in self._known:
            raise InvalidToken
        return self._known[token]


def install_fake_verifier(app: Flask, known: Mapping[str, Claims]) -> None:
    """Let the access decorators of `app` know a fixed set of tokens."""
    verifier = cast(TokenVerifier, FakeVerifier(known))
    access.install(app, verifier)
    app.extensions["parts"][TokenVerifier] = verifier


class FakeClock:
    """A fake of `time.monotonic` that the test sets."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now
