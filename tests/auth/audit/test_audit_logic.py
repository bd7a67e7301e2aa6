"""The audit trail on both databases: entries are written with what they record, never changed, and chained in order."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from auth_service import auth_logic, session_logic
from auth_service.audit import audit_logic
from auth_service.audit.audit_logic import ChainBroken
from auth_service.audit.audit_models import AuditEntry
from auth_service.audit.audit_schemas import AuditQuery, ExportQuery
from auth_service.audit.audit_storage import AuditStorage, ChainReader
from auth_service.auth_logic import Tools
from auth_service.auth_models import User, db
from auth_service.auth_schemas import PasswordChange
from auth_service.user_schemas import UserChanges
from shared.core import clock
from shared.web.audit_trail import ReportedEntry
from tests.support.auth_rules import PASSWORD, Rules, caller_of, code_of


@pytest.fixture
def audit(tools: Tools) -> AuditStorage:
    return tools.audit


def entries_on(audit: AuditStorage, user: User) -> list[tuple[str, str]]:
    """Return (action, outcome) of the entries whose actor or subject is the user, oldest first."""
    audit.refresh()
    found = audit.list_entries(ExportQuery(user_id=user.id), limit=100, after=None)
    return [(entry.action, entry.outcome) for entry in reversed(found)]


def verify() -> list[str]:
    with db.reader.connect() as connection:
        return list(audit_logic.verify(ChainReader(connection)))


def unguarded(statement: str, **values: object) -> None:
    """Run a statement as somebody who can switch the triggers off."""
    is_sqlite = db.writer.dialect.name == "sqlite"
    tables = ("audit_entry", "audit_link")
    with db.transaction():
        connection = db.writing_connection()
        triggers = []
        if is_sqlite:
            found = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = [tuple(row) for row in connection.execute(text(found))]
            for name, _ in triggers:
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            for table in tables:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        connection.execute(text(statement), values)
        for _, sql in triggers:
            connection.execute(text(sql))
        if not is_sqlite:
            for table in tables:
                connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))


@pytest.fixture
def tampered(audit: AuditStorage) -> Iterator[Callable[[str], str]]:
    """Return a function that runs a statement past the triggers and returns how the chain is broken then."""
    ids = [uuid4() for _ in range(3)]
    for number, entry_id in enumerate(ids):
        audit_logic.receive(audit, "account-service", [reported(entry_id, details={"number": number})])
    audit_logic.chain(audit)
    with db.transaction():
        middle = db.writing_connection().scalar(
            text("SELECT sequence FROM audit_entry WHERE id = :id"),
            {"id": ids[1].hex if db.writer.dialect.name == "sqlite" else ids[1]},
        )
    kept: list[tuple[str, dict[str, object]]] = []

    def tamper(statement: str) -> str:
        with db.reader.connect() as connection:
            for table in ("audit_entry", "audit_link"):
                key = "sequence" if table == "audit_entry" else "entry_sequence"
                row = (
                    connection.execute(text(f"SELECT * FROM {table} WHERE {key} = :n"), {"n": middle}).mappings().one()
                )
                kept.append((table, dict(row)))
        unguarded(statement, n=middle)
        with pytest.raises(ChainBroken) as broken:
            verify()
        return str(broken.value).replace(f"entry {middle}", "entry N")

    yield tamper
    unguarded("DELETE FROM audit_link WHERE entry_sequence = :n", n=middle)
    unguarded("DELETE FROM audit_entry WHERE sequence = :n", n=middle)
    for table, row in kept:
        columns = ", ".join(row)
        unguarded(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in row)})", **row)
    assert verify()


def reported(entry_id: object = None, **values: object) -> ReportedEntry:
    return ReportedEntry.model_validate(
        {"id": entry_id or uuid4(), "action": "account.freeze", "timestamp": clock.now(), **values}
    )


def test_a_person_s_way_through_the_bank_is_kept(rules: Rules, tools: Tools, audit: AuditStorage) -> None:
    user = rules.person()
    caller = rules.caller(rules.log_in(user))
    session_logic.change_password(
        tools, caller, PasswordChange(current_password=PASSWORD, new_password="another long passphrase")
    )
    session_logic.log_out(tools, caller)
    assert entries_on(audit, user) == [
        ("user.register", "success"),
        ("login", "success"),
        ("password.change", "success"),
        ("logout", "success"),
    ]


def test_failures_a_lockout_and_refusals_are_kept(rules: Rules, audit: AuditStorage) -> None:
    user = rules.person()
    for _ in range(auth_logic.FAILURES_ALLOWED + 1):
        code_of(lambda: rules.log_in(user, "wrong"))
    assert entries_on(audit, user)[1:] == [
        *[("login", "failure")] * auth_logic.FAILURES_ALLOWED,
        ("lockout", "success"),
        ("login", "refused"),
    ]
    failure = audit.list_entries(ExportQuery(user_id=user.id, outcome="failure"), limit=1, after=None)[0]
    assert (failure.actor, failure.subject) == (None, user.username)


def test_an_unknown_username_is_not_kept_since_it_may_be_a_password(rules: Rules, audit: AuditStorage) -> None:
    stranger = User(username=f"my-password-{uuid4().hex[:8]}")
    assert code_of(lambda: rules.log_in(stranger)) == "INVALID_CREDENTIALS"
    audit.refresh()
    assert not audit.list_entries(ExportQuery(q=stranger.username), limit=1, after=None)
    newest = audit.list_entries(ExportQuery(action="login"), limit=1, after=None)[0]
    assert "unknown username" in newest.details


def test_a_stolen_refresh_token_is_kept(
    rules: Rules, tools: Tools, audit: AuditStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = rules.person()
    first = rules.log_in(user)
    session_logic.refresh(tools, first.refresh_token)
    later = clock.now() + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert code_of(lambda: session_logic.refresh(tools, first.refresh_token)) == "INVALID_TOKEN"
    assert entries_on(audit, user)[-1] == ("session.refresh_reuse", "refused")


def test_changes_by_an_admin_name_both(rules: Rules, tools: Tools, audit: AuditStorage) -> None:
    admin, user = rules.person("admin"), rules.person()
    rules.change_user(caller_of(admin), user.id, UserChanges(role="employee", status="disabled"))
    rules.change_user(caller_of(admin), user.id, UserChanges(status="active"))
    assert entries_on(audit, user)[1:] == [
        ("user.role_change", "success"),
        ("user.status_change", "success"),
        ("user.status_change", "success"),
    ]
    entry = audit.list_entries(ExportQuery(action="user.role_change", user_id=user.id), limit=1, after=None)[0]
    assert (entry.actor, entry.subject) == (admin.username, user.username)
    assert entry.details == '{"from":"customer","to":"employee"}'


def test_a_refused_change_of_the_last_admin_is_kept(rules: Rules, tools: Tools, audit: AuditStorage) -> None:
    with tools.transaction():
        db.session.execute(update(User).values(role="customer"))
    admin = rules.person("admin")
    change = partial(rules.change_user, caller_of(admin), admin.id, UserChanges(role="customer"))
    assert code_of(change) == "LAST_ADMIN"
    assert entries_on(audit, admin)[-1] == ("user.change", "refused")


def test_what_is_rolled_back_leaves_no_entry(rules: Rules, tools: Tools, audit: AuditStorage) -> None:
    user = rules.person()

    def stop_after_recording() -> None:
        with tools.transaction():
            audit_logic.record(audit, "profile.change", actor=user, subject=user)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stop_after_recording()
    assert entries_on(audit, user) == [("user.register", "success")]


def test_a_repeated_report_adds_nothing_and_names_are_filled_in(rules: Rules, audit: AuditStorage) -> None:
    staff, user = rules.person("employee"), rules.person()
    one = reported(actor_id=staff.id, subject_id=user.id)
    for _ in range(2):
        audit_logic.receive(audit, "account-service", [one, one])
    rules.at_once(*[partial(audit_logic.receive, audit, "account-service", [one, reported()])] * 4)
    audit.refresh()
    found = audit.list_entries(ExportQuery(user_id=user.id, action="account.freeze"), limit=9, after=None)
    assert [(entry.actor, entry.subject, entry.service) for entry in found] == [
        (staff.username, user.username, "account-service")
    ]


@pytest.mark.parametrize("table", ["audit_entry", "audit_link"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "REPLACE", "TRUNCATE {0} CASCADE"])
def test_entries_and_links_refuse_every_change(audit: AuditStorage, table: str, change: str) -> None:
    audit_logic.record(audit, "logout")
    audit_logic.chain(audit)
    is_sqlite = db.writer.dialect.name == "sqlite"
    if (change == "REPLACE" and not is_sqlite) or (change.startswith("TRUNCATE") and is_sqlite):
        pytest.skip("the other database has this statement")
    key = "sequence" if table == "audit_entry" else "position"
    if change == "REPLACE":
        change = "INSERT OR REPLACE INTO {0} SELECT * FROM {0} LIMIT 1"
    with pytest.raises(DBAPIError, match="append-only"), db.transaction():
        db.writing_connection().execute(text(change.format(table, key)))


def test_entries_are_chained_in_order_by_several_at_once(rules: Rules, audit: AuditStorage) -> None:
    def write(number: int) -> None:
        audit_logic.record(audit, "logout", details={"number": number})

    rules.at_once(
        *(partial(write, number) for number in range(12)), *[partial(audit_logic.chain, audit) for _ in range(4)]
    )
    audit_logic.chain(audit)
    assert not audit.has_unchained()
    with db.reader.connect() as connection:
        count = connection.scalar(text("SELECT count(*) FROM audit_entry"))
    assert len(verify()) == count


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_entry SET actor = 'mallory' WHERE sequence = :n", "entry N "),
        ("UPDATE audit_entry SET details = '{}' WHERE sequence = :n", "entry N "),
        ("UPDATE audit_entry SET search_text = '' WHERE sequence = :n", "the search text of entry N "),
        ("UPDATE audit_link SET hash = 'x' WHERE entry_sequence = :n", "entry N "),
        ("DELETE FROM audit_link WHERE entry_sequence = :n", "of the chain is missing"),
    ],
)
def test_the_first_broken_entry_is_named(tampered: Callable[[str], str], statement: str, reason: str) -> None:
    assert reason in tampered(statement)


def test_an_entry_without_a_link_is_named(rules: Rules, audit: AuditStorage) -> None:
    audit_logic.record(audit, "logout")
    audit_logic.chain(audit)
    audit_logic.record(audit, "logout")
    unguarded("DELETE FROM audit_unchained")
    with pytest.raises(ChainBroken, match="is not in the chain"):
        verify()
    unguarded(
        "INSERT INTO audit_unchained SELECT sequence FROM audit_entry"
        " WHERE sequence NOT IN (SELECT entry_sequence FROM audit_link)"
    )
    audit_logic.chain(audit)
    assert verify()


def test_a_hash_covers_every_column_but_the_derived_one() -> None:
    columns = set(AuditEntry.__table__.columns.keys())
    assert set(audit_logic._HASHED) == columns - {"search_text"}


def test_entries_are_found_by_each_filter_and_paged(rules: Rules, audit: AuditStorage) -> None:
    user, word = rules.person(), uuid4().hex
    for number in range(3):
        audit_logic.record(audit, "profile.change", actor=user, details={"note": f"STRASSE {word}", "number": number})

    def numbers(**query: object) -> list[str]:
        rows, _ = audit_logic.list_entries(audit, AuditQuery.model_validate(query))
        return [row.details[-2] for row in rows]

    assert numbers(q=f"straße {word}") == ["2", "1", "0"]
    assert numbers(q=word, actor=user.username.upper(), outcome="success", action="profile.change") == ["2", "1", "0"]
    assert numbers(q=word, outcome="failure") == numbers(q=word, user_id=uuid4()) == []
    assert numbers(q=word, **{"from": clock.now().date().isoformat()}) == ["2", "1", "0"]
    assert numbers(q=word, to="2020-01-01") == []
    rows, pagination = audit_logic.list_entries(audit, AuditQuery(q=word, limit=2))
    rest, end = audit_logic.list_entries(audit, AuditQuery(q=word, limit=2, cursor=pagination.next_cursor))
    assert [len(rows), len(rest), end.next_cursor] == [2, 1, None]
