"""Phone numbers are encrypted in the database, found by their digits, and encrypted anew when the key changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from auth_service import auth_logic, user_logic
from auth_service.auth_models import User, column_keys, db
from auth_service.auth_storage import EncryptedColumns
from auth_service.user_schemas import ProfileChanges
from shared.core.errors import CannotStart
from tests.support.auth_rules import ENCRYPTION_KEY, Rules, auth_app

PHONE = "+44 (0)20 7946-0958"
NEXT_KEY = "another key that is long enough to be one"


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    with auth_app(request.param, tmp_path) as app:
        yield app


@pytest.fixture
def person(rules: Rules) -> User:
    person = rules.person()
    return user_logic.update_profile(rules.tools, rules.session_of(person), ProfileChanges(phone=PHONE))


def stored(rules: Rules) -> str:
    rules.tools.users.refresh()
    return str(db.session.execute(text('SELECT * FROM "user" WHERE encrypted_phone IS NOT NULL')).mappings().all())


def found(rules: Rules, q: str) -> list[str]:
    rules.tools.users.refresh()
    return [user.username for user in rules.tools.users.list_users(words=[q], limit=9, after=None)]


def phone_of(rules: Rules, person: User) -> str | None:
    rules.tools.users.refresh()
    return user_logic.details(rules.tools, person.id).phone


def test_the_database_holds_no_part_of_a_number(rules: Rules, person: User) -> None:
    assert phone_of(rules, person) == PHONE
    for part in (PHONE, "20794609", "79460958", "442079460958"):
        assert part not in stored(rules)


def test_a_number_is_found_by_any_part_of_its_digits(rules: Rules, person: User) -> None:
    for q in ("7946-09", "020 7946 0958", "+442079460958", "(0)20 7946", "958"):
        assert found(rules, q) == [person.username]
    for q in ("7946 0959", "58", "849", "++44"):
        assert found(rules, q) == []


def test_a_removed_number_is_not_found(rules: Rules, person: User) -> None:
    user_logic.update_profile(rules.tools, rules.session_of(person), ProfileChanges(phone=None))
    assert found(rules, "7946") == []
    assert phone_of(rules, person) is None


def test_a_new_key_takes_the_place_of_the_old_one(rules: Rules, person: User) -> None:
    before = stored(rules)
    column_keys.use([NEXT_KEY, ENCRYPTION_KEY])
    auth_logic.encrypt_anew(EncryptedColumns(db))
    assert stored(rules) != before
    column_keys.use([NEXT_KEY])
    assert phone_of(rules, person) == PHONE
    assert found(rules, "7946-09") == [person.username]


def test_a_start_without_the_key_is_refused(rules: Rules, person: User) -> None:
    column_keys.use([NEXT_KEY])
    with pytest.raises(CannotStart, match="AUTH_ENCRYPTION_KEYS"):
        auth_logic.encrypt_anew(EncryptedColumns(db))
    column_keys.use([ENCRYPTION_KEY])
    assert phone_of(rules, person) == PHONE


def test_numbers_from_before_are_encrypted_at_the_start(rules: Rules, person: User) -> None:
    with rules.tools.transaction():
        db.session.execute(text("""UPDATE "user" SET encrypted_phone = '555 0199', phone_entries = ''"""))
    assert phone_of(rules, person) == "555 0199"
    auth_logic.encrypt_anew(EncryptedColumns(db))
    assert "0199" not in stored(rules)
    assert phone_of(rules, person) == "555 0199"
    assert found(rules, "5550199") == [person.username]
