"""User rules: usernames are unique, the first admin is created once, and one active admin always remains."""

from contextlib import AbstractContextManager
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import update

from auth_service import session_logic, user_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User, db
from auth_service.user_schemas import NewUser, ProfileChanges, StatisticsQuery, UserChanges, UsersQuery
from tests.support.auth_rules import PASSWORD, Rules, caller_of, code_of, nobody


@pytest.fixture
def admins(rules: Rules) -> tuple[User, User]:
    """Return two users who are the only admins."""
    with rules.tools.transaction():
        db.session.execute(update(User).values(role="customer"))
    return rules.person("admin"), rules.person("admin")


def new(username: str, email: str = "") -> NewUser:
    return NewUser(username=username, email=email or f"{username}@example.com", password=PASSWORD)


def test_a_name_and_an_address_are_taken_whatever_their_case(tools: Tools) -> None:
    user_logic.register(tools, new("Grace.Hopper", "Grace@Navy.mil"))
    assert code_of(lambda: user_logic.register(tools, new("grace.hopper"))) == "USERNAME_TAKEN"
    assert code_of(lambda: user_logic.register(tools, new("another", "GRACE@navy.MIL"))) == "EMAIL_TAKEN"


def test_of_many_who_want_a_name_at_once_one_gets_it(rules: Rules) -> None:
    wanted = [new("Wanted" if number % 2 else "wanted", f"w{number}@x.yz") for number in range(8)]
    outcomes = rules.at_once(*(partial(user_logic.register, rules.tools, one) for one in wanted))
    assert outcomes.count("USERNAME_TAKEN") == 7


def test_of_many_who_want_an_address_at_once_one_gets_it(rules: Rules) -> None:
    wanted = [new(f"wants-{number}", "Wanted@x.yz" if number % 2 else "wanted@x.yz") for number in range(8)]
    outcomes = rules.at_once(*(partial(user_logic.register, rules.tools, one) for one in wanted))
    assert outcomes.count("EMAIL_TAKEN") == 7


def test_of_two_who_change_to_an_address_at_once_one_gets_it(rules: Rules) -> None:
    callers = [rules.session_of(rules.person()) for _ in range(4)]
    change = ProfileChanges(email="shared@x.yz", current_password=PASSWORD)
    outcomes = rules.at_once(*(partial(user_logic.update_profile, rules.tools, one, change) for one in callers))
    assert outcomes.count("EMAIL_TAKEN") == 3


def test_ones_own_address_may_change_its_case(rules: Rules) -> None:
    user = rules.person()
    change = ProfileChanges(email=user.email.upper(), current_password=PASSWORD)
    assert user_logic.update_profile(rules.tools, rules.session_of(user), change).email == user.email.upper()


def test_an_unchanged_address_asks_for_no_password(rules: Rules) -> None:
    user = rules.person()
    change = ProfileChanges(email=user.email, full_name="Ada Lovelace")
    assert user_logic.update_profile(rules.tools, rules.session_of(user), change).full_name == "Ada Lovelace"
    assert rules.passwords.compared == []


def test_an_address_that_changes_meanwhile_does_not_come_back_without_the_password(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = rules.person()
    caller, transaction = rules.session_of(user), Tools.transaction

    def change_first(tools: Tools) -> AbstractContextManager[None]:
        monkeypatch.setattr(Tools, "transaction", transaction)
        user_logic.update_profile(tools, caller, ProfileChanges(email=f"new.{user.email}", current_password=PASSWORD))
        return transaction(tools)

    monkeypatch.setattr(Tools, "transaction", change_first)
    unchanged = ProfileChanges(email=user.email, full_name="Ada Lovelace")
    assert user_logic.update_profile(rules.tools, caller, unchanged).email == f"new.{user.email}"


def test_the_first_admin_is_made_once(rules: Rules) -> None:
    with rules.tools.transaction():
        db.session.execute(update(User).values(role="customer"))
    user_logic.ensure_admin(rules.tools, "first-admin", PASSWORD)
    user_logic.ensure_admin(rules.tools, "second-admin", PASSWORD)
    admin = rules.tools.users.find_by_username("first-admin")
    assert admin
    assert admin.role == "admin"
    assert rules.log_in(admin).role == "admin"
    assert rules.tools.users.find_by_username("second-admin") is None


def test_a_customer_is_not_made_admin_by_their_name(rules: Rules) -> None:
    with rules.tools.transaction():
        db.session.execute(update(User).values(role="customer"))
    user_logic.register(rules.tools, new("boss"))
    assert code_of(lambda: user_logic.ensure_admin(rules.tools, "Boss", PASSWORD)) == "USERNAME_TAKEN"


def test_the_last_active_admin_stays(rules: Rules, admins: tuple[User, User]) -> None:
    first, second = admins
    by = caller_of(first)
    rules.change_user(by, second.id, UserChanges(status="disabled"))
    for changes in (
        UserChanges(status="disabled"),
        UserChanges(role="employee"),
        UserChanges(role="customer", status="active"),
    ):
        assert code_of(partial(rules.change_user, by, first.id, changes)) == "LAST_ADMIN"
    assert user_logic.details(rules.tools, first.id).status == "active"
    rules.change_user(by, second.id, UserChanges(role="customer"))
    rules.change_user(by, second.id, UserChanges(role="admin", status="active"))
    assert rules.change_user(by, first.id, UserChanges(role="customer")).role == "customer"


def test_of_two_admins_who_remove_each_other_at_once_one_stays(rules: Rules, admins: tuple[User, User]) -> None:
    first, second = admins
    for changes in (UserChanges(status="disabled"), UserChanges(role="customer")):
        outcomes = rules.at_once(
            partial(rules.change_user, caller_of(first), second.id, changes),
            partial(rules.change_user, caller_of(second), first.id, changes),
        )
        assert outcomes.count("LAST_ADMIN") == 1
        rules.tools.users.refresh()
        with rules.tools.transaction():
            db.session.execute(
                update(User).where(User.id.in_([first.id, second.id])).values(role="admin", status="active")
            )


def test_an_unchanged_role_or_status_ends_no_session(rules: Rules, admins: tuple[User, User]) -> None:
    user = rules.person()
    session = rules.log_in(user)
    rules.change_user(caller_of(admins[0]), user.id, UserChanges(role="customer", status="active"))
    assert rules.is_alive(session)


def test_an_unknown_user_can_not_be_changed(rules: Rules, admins: tuple[User, User]) -> None:
    change = UserChanges(status="disabled")
    assert code_of(lambda: rules.change_user(caller_of(admins[0]), nobody(), change)) == "NOT_FOUND"


def test_people_are_found_by_any_part_of_their_names(rules: Rules) -> None:
    user = user_logic.register(rules.tools, new("quentin.q", "post@odd-domain.example"))
    profile = ProfileChanges(full_name="Maria von 100% Trapp_")
    user_logic.update_profile(rules.tools, rules.session_of(user), profile)
    for q in ("QUENTIN", "odd-domain", "von 100%", "trapp_"):
        assert [found.id for found in user_logic.list_users(rules.tools, caller_of(user), UsersQuery(q=q))[0]] == [
            user.id
        ]
    for q in ("v_n", "quentin%", "nobody like this"):
        assert user_logic.list_users(rules.tools, caller_of(user), UsersQuery(q=q))[0] == []


def test_the_list_is_filtered_and_goes_on_page_by_page(rules: Rules, admins: tuple[User, User]) -> None:
    people = [rules.person("employee") for _ in range(5)]
    rules.change_user(caller_of(admins[0]), people[2].id, UserChanges(status="disabled"))
    wanted = [person.id for person in reversed(people) if person is not people[2]]
    seen: list[UUID] = []
    cursor: str | None = None
    while len(seen) < 4:
        query = UsersQuery(role="employee", status="active", limit=2, cursor=cursor)
        rows, pagination = user_logic.list_users(rules.tools, caller_of(admins[0]), query)
        seen += [row.id for row in rows]
        cursor = pagination.next_cursor
    assert seen[:4] == wanted


def test_people_are_counted(rules: Rules) -> None:
    before = user_logic.statistics(rules.tools, StatisticsQuery())
    rules.person("employee")
    rules.tools.users.refresh()
    after = user_logic.statistics(rules.tools, StatisticsQuery())
    assert after.total == before.total + 1 == sum(after.by_role.values()) == sum(after.by_status.values())
    assert after.by_role["employee"] == before.by_role.get("employee", 0) + 1


def test_a_disabled_person_who_is_enabled_again_gets_in_again(rules: Rules, admins: tuple[User, User]) -> None:
    user, by = rules.person(), caller_of(admins[0])
    session = rules.log_in(user)
    rules.change_user(by, user.id, UserChanges(status="disabled"))
    rules.change_user(by, user.id, UserChanges(status="active"))
    assert code_of(lambda: session_logic.refresh(rules.tools, session.refresh_token)) == "INVALID_TOKEN"
    rules.log_in(user)


def test_processes_that_start_at_once_make_the_first_admin_once(rules: Rules, admins: tuple[User, User]) -> None:
    with rules.tools.transaction():
        db.session.execute(update(User).values(role="customer"))
    name = "the-first-admin"
    outcomes = rules.at_once(*[partial(user_logic.ensure_admin, rules.tools, name, PASSWORD)] * 4)
    assert outcomes == [None] * 4
    rules.tools.users.refresh()
    found = rules.tools.users.find_by_username(name)
    assert found is not None
    assert found.role == "admin"
