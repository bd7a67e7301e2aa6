"""Changing the signing key: nobody is refused meanwhile, and old tokens are good until they expire."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auth_service import session_logic
from auth_service.keys import key_logic
from auth_service.keys.key_logic import ANNOUNCED_SECONDS, SIGNING_KEYS_FILE, SigningKeysFile
from run_services import make_secrets
from shared.core.errors import CannotStart, InvalidToken
from shared.security import secret_files
from shared.security.token_signer import LIFETIME_SECONDS, TokenSigner
from shared.security.tokens import LEEWAY_SECONDS, Revocations, TokenVerifier
from tests.support.auth_rules import Rules, auth_app


class World:
    """A data directory, a clock, the signer of the auth service and the verifier of another one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_secrets({}, folder)
        self.path = folder / SIGNING_KEYS_FILE
        self.now = time.time() - ANNOUNCED_SECONDS - 3  # PyJWT keeps the real time, and refuses tokens of the future
        monkeypatch.setattr(time, "time", lambda: self.now)
        text = str(secret_files.read(self.path))
        self.signer = TokenSigner.from_text(text)
        own = TokenVerifier(lambda: {"keys": self.signer.public_keys()}, Revocations(lambda cursor: (cursor, [])))
        self.file = SigningKeysFile(self.path, text, self.signer, own)
        self.other = TokenVerifier(
            lambda: {"keys": self.signer.public_keys()}, Revocations(lambda cursor: (cursor, []))
        )

    def tick(self, seconds: float) -> None:
        """Let time pass. Then the auth service has read the file, and the other service knows the keys."""
        self.now += seconds
        self.file.reload()
        self.other.know_keys(self.signer.key_ids())

    def token(self) -> str:
        return self.signer.sign_service("some-service", ["a:read"])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def key_id(token: str) -> str:
    import jwt

    return str(jwt.get_unverified_header(token)["kid"])


def test_a_new_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_have_expired(world: World) -> None:
    world.tick(1)
    old = world.token()
    assert key_logic.rotate(world.path, world.now) == pytest.approx(world.now + ANNOUNCED_SECONDS, abs=1)
    world.tick(1)
    assert len(world.signer.public_keys()) == 2
    assert key_id(world.token()) == key_id(old)
    world.tick(ANNOUNCED_SECONDS)
    new = world.token()
    assert key_id(new) != key_id(old)
    for token in (old, new):
        assert world.other.verify(token)
    world.tick(LIFETIME_SECONDS - ANNOUNCED_SECONDS)
    assert len(world.signer.public_keys()) == 2
    world.tick(ANNOUNCED_SECONDS + LEEWAY_SECONDS + 1)
    assert [key["kid"] for key in world.signer.public_keys()] == [key_id(new)]


def test_a_key_that_somebody_else_has_counts_no_more_at_once(world: World) -> None:
    old = world.token()
    assert world.other.verify(old)
    key_logic.rotate(world.path, world.now, at_once=True)
    world.tick(1)
    with pytest.raises(InvalidToken):
        world.other.verify(old)
    assert world.other.verify(world.token())


def test_keys_that_nobody_needs_are_dropped_at_the_next_change(world: World) -> None:
    for _ in range(3):
        key_logic.rotate(world.path, world.now)
        world.tick(2 * LIFETIME_SECONDS)
    assert str(secret_files.read(world.path)).count(",") == 1
    assert world.path.stat().st_mode & 0o777 == 0o600


def test_a_second_change_waits_for_the_first(world: World) -> None:
    key_logic.rotate(world.path, world.now)
    with pytest.raises(CannotStart, match="does not sign yet"):
        key_logic.rotate(world.path, world.now + 1)
    key_logic.rotate(world.path, world.now + ANNOUNCED_SECONDS)


@pytest.mark.parametrize("content", [None, "not a key"])
def test_a_file_that_is_no_key_is_refused_and_kept(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / SIGNING_KEYS_FILE
    if content:
        path.write_text(content)
    with pytest.raises(CannotStart):
        key_logic.rotate(path, time.time())
    assert path.exists() == bool(content)


def test_a_damaged_file_leaves_the_keys_in_use(world: World) -> None:
    world.path.write_text("not a key")
    with pytest.raises(ValueError, match="Ed25519"):
        world.file.reload()
    assert world.other.verify(world.token())


def test_a_key_of_a_variable_is_not_replaced_by_the_file(world: World) -> None:
    signer = TokenSigner.from_text(str(secret_files.read(world.path)))
    given = SigningKeysFile(world.path, "another key", signer, world.other)
    key_logic.rotate(world.path, world.now)
    given.reload()
    assert len(signer.public_keys()) == 1


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Rules]:
    with auth_app("sqlite", tmp_path) as app, app.app_context():
        yield Rules(app)


def test_a_refresh_that_is_repeated_after_the_change_ends_no_session(rules: Rules, world: World) -> None:
    tools = replace(rules.tools, signer=world.signer)
    tokens = rules.log_in(rules.person())
    first = session_logic.refresh(tools, tokens.refresh_token)
    key_logic.rotate(world.path, world.now, at_once=False)
    world.tick(ANNOUNCED_SECONDS)
    again = session_logic.refresh(tools, tokens.refresh_token)
    assert again.refresh_token == first.refresh_token
    session_logic.refresh(tools, again.refresh_token)
