"""Reports over the real services. The expected figures are computed by hand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from reporting_service.reporting_logic import Sources
from reporting_service.source_schemas import ZonedPeriod
from shared.core.time_zones import UTC_ZONE
from shared.web.parts import part
from tests.reporting.world import World, open_account, world_of_ada


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[World]:
    with world_of_ada(tmp_path_factory.mktemp("bank"), database) as world:
        yield world


def test_an_account_report_has_the_exact_figures_of_its_period(world: World) -> None:
    report = world.report(f"account/{world.checking}", world.ada)
    assert set(report) == {"id", "user_id", "report_type", "title", "parameters", "report_data", "created_at"}
    assert (report["report_type"], report["user_id"]) == ("account", world.ada.user_id)
    period = {"start_date": world.day(29), "end_date": world.day(0)}
    assert report["parameters"] == {"account_id": world.checking, **period}
    data = report["report_data"]
    assert set(data) == {
        *("account", "period", "opening_balance", "closing_balance", "income", "expense", "net"),
        *("count", "by_type", "history", "balance_trend"),
        *("as_of", "time_zone", "money_in", "money_out", "by_category", "grouping", "groups", "previous"),
    }
    assert data["period"] == period
    assert data["opening_balance"] == "500.00"
    assert (data["income"], data["expense"], data["net"]) == ("1010.00", "420.49", "589.51")
    assert data["closing_balance"] == "1089.51" == data["account"]["balance"]
    assert data["count"] == 7
    assert data["by_type"] == {
        "deposit": {"count": 2, "total": "1040.00"},
        "withdrawal": {"count": 1, "total": "120.50"},
        "transfer": {"count": 3, "total": "309.99"},
        "reversal": {"count": 1, "total": "40.00"},
    }
    amounts = ["-40.00", "40.00", "10.00", "-99.99", "-200.00", "-120.50", "1000.00"]
    balances = ["1089.51", "1129.51", "1089.51", "1079.51", "1179.50", "1379.50", "1500.00"]
    assert [row["amount"] for row in data["history"]] == amounts
    assert [row["balance_after"] for row in data["history"]] == balances
    keys = {"amount", "balance_after", "transaction_id", "timestamp", "transaction_type", "description"}
    keys |= {"counterparty", "counterparty_name"}
    assert all(set(row) == keys for row in data["history"])


def test_an_entry_of_the_history_says_what_it_was_and_who_was_on_the_other_side(world: World) -> None:
    history = world.report(f"account/{world.checking}", world.ada)["report_data"]["history"]
    assert [row["transaction_type"] for row in history[:4]] == ["reversal", "deposit", "transfer", "transfer"]
    assert [row["description"] for row in history[:2]] == ["Reversal: deposit", None]
    assert history[0]["counterparty"] is history[1]["counterparty"] is None
    from_bob, to_bob, to_own = history[2]["counterparty"], history[3]["counterparty"], history[4]["counterparty"]
    assert from_bob == to_bob != to_own
    assert {number[:4] for number in (from_bob, to_own)} == {"••••"}
    assert [row["counterparty_name"] for row in history[:5]] == [None, None, *["b••"] * 2, None]


def test_payments_in_and_out_are_told_apart_and_a_reversed_one_counts_in_neither(world: World) -> None:
    data = world.report(f"account/{world.checking}", world.ada)["report_data"]
    spread = {"count": 2, "total": "1010.00", "reversed": "0.00", "mean": "505.00", "median": "505.00"}
    assert data["money_in"] == {**spread, "largest": "1000.00"}
    spread = {"count": 3, "total": "420.49", "reversed": "0.00", "mean": "140.16", "median": "120.50"}
    assert data["money_out"] == {**spread, "largest": "200.00"}
    all_accounts = world.report("transactions", world.ada)["report_data"]
    spread = {"count": 2, "total": "220.49", "reversed": "0.00", "mean": "110.25", "median": "110.25"}
    assert all_accounts["money_out"] == {**spread, "largest": "120.50"}
    assert (all_accounts["opening_balance"], all_accounts["closing_balance"]) == ("500.00", "1289.51")


def test_a_report_is_grouped_and_compared_with_the_period_before(world: World) -> None:
    days = {"start_date": world.day(10), "end_date": world.day(0)}
    data = world.report("transactions", world.ada, **days, group="day")["report_data"]
    assert (data["grouping"], len(data["groups"])) == ("day", 11)
    flows = {"count": 2, "total": "299.99", "income": "0.00", "expense": "99.99", "net": "-99.99"}
    assert data["groups"][7] == {"start_date": world.day(3), "end_date": world.day(3), **flows}
    assert data["previous"] == {
        "period": {"start_date": world.day(21), "end_date": world.day(11)},
        **{"count": 0, "total": "0.00", "income": "0.00", "expense": "0.00", "net": "0.00"},
    }
    weeks = world.report(f"account/{world.checking}", world.ada, **days, group="week")
    assert weeks["parameters"]["group"] == weeks["report_data"]["grouping"] == "week"
    assert sum(Decimal(group["net"]) for group in weeks["report_data"]["groups"]) == Decimal("589.51")
    before = world.report("transactions", world.ada, start_date=world.day(20), end_date=world.day(0))["report_data"]
    assert before["previous"]["income"] == "500.00"


def test_a_balance_is_of_the_same_moment_as_a_report_that_ends_earlier(world: World) -> None:
    data = world.report(f"account/{world.checking}", world.ada, end_date=world.day(10))["report_data"]
    assert (data["closing_balance"], data["account"]["balance"]) == ("1379.50", "1089.51")
    assert data["as_of"].startswith(str(world.today))


def test_an_unknown_grouping_is_refused_by_field(world: World) -> None:
    answer = world.suite.call("reporting", "GET", "/api/reports/transactions?group=year", world.ada)
    assert (answer.status_code, list((answer.json or {})["details"])) == (400, ["group"])


def test_the_balance_trend_has_a_point_for_every_day(world: World) -> None:
    data = world.report(f"account/{world.checking}", world.ada)["report_data"]
    trend = {point["date"]: point["balance"] for point in data["balance_trend"]}
    assert list(trend) == [world.day(back) for back in range(29, -1, -1)]
    expected = {29: "500.00", 11: "500.00", 10: "1379.50", 4: "1379.50", 3: "1079.51", 1: "1079.51", 0: "1089.51"}
    assert {back: trend[world.day(back)] for back in expected} == expected


@pytest.mark.parametrize(
    ("start", "end", "opening", "closing", "count"),
    [
        (40, 40, "0.00", "500.00", 1),
        (39, 11, "500.00", "500.00", 0),
        (10, 10, "500.00", "1379.50", 2),
        (10, 3, "500.00", "1079.51", 4),
        (9, 4, "1379.50", "1379.50", 0),
        (3, 0, "1379.50", "1089.51", 5),
        (3000, 41, "0.00", "0.00", 0),
    ],
)
def test_the_period_includes_its_first_and_last_day_only(
    world: World, start: int, end: int, opening: str, closing: str, count: int
) -> None:
    days = {"start_date": world.day(start), "end_date": world.day(end)}
    data = world.report(f"account/{world.checking}", world.ada, **days)["report_data"]
    assert (data["opening_balance"], data["closing_balance"], data["count"]) == (opening, closing, count)
    assert len(data["history"]) == count
    assert Decimal(opening) + Decimal(data["net"]) == Decimal(closing)
    assert Decimal(data["income"]) - Decimal(data["expense"]) == Decimal(data["net"])
    assert sum(Decimal(row["amount"]) for row in data["history"]) == Decimal(data["net"])
    assert data["balance_trend"][-1]["balance"] == closing
    assert len(data["balance_trend"]) == start - end + 1


def test_the_other_side_of_a_transfer_between_own_accounts_is_income_of_its_account(world: World) -> None:
    data = world.report(f"account/{world.savings}", world.ada)["report_data"]
    assert (data["opening_balance"], data["closing_balance"]) == ("0.00", "200.00")
    assert (data["income"], data["expense"], data["net"], data["count"]) == ("200.00", "0.00", "200.00", 1)
    assert data["by_type"] == {"transfer": {"count": 1, "total": "200.00"}}


def test_a_report_shows_only_the_end_of_the_account_number(world: World) -> None:
    account = world.report(f"account/{world.checking}", world.ada)["report_data"]["account"]
    assert account["account_number"][:4] == "••••"
    assert len(account["account_number"]) == 8
    expected = {"id": world.checking, "account_type": "checking", "currency": "USD", "status": "active"}
    assert {key: account[key] for key in expected} == expected


def test_a_transaction_report_counts_a_transfer_between_own_accounts_once(world: World) -> None:
    report = world.report("transactions", world.ada)
    assert report["report_type"] == "transaction"
    data = report["report_data"]
    assert set(data) == {
        *("period", "count", "by_type", "income", "expense", "net", "average", "largest", "by_day"),
        *(
            "as_of",
            "time_zone",
            "opening_balance",
            "closing_balance",
            "money_in",
            "money_out",
            "by_category",
            "grouping",
            "groups",
            "previous",
        ),
    }
    assert data["count"] == 7
    assert (data["income"], data["expense"], data["net"]) == ("1010.00", "220.49", "789.51")
    assert (data["average"], data["largest"]) == ("215.78", "1000.00")
    assert data["by_type"]["transfer"] == {"count": 3, "total": "309.99"}
    days = [tuple(day.values()) for day in data["by_day"]]
    assert days == [
        (world.day(10), 2, "1120.50", "1000.00", "120.50"),
        (world.day(3), 2, "299.99", "0.00", "99.99"),
        (world.day(0), 3, "90.00", "10.00", "0.00"),
    ]
    assert [*data["by_day"][0]] == ["date", "count", "total", "income", "expense"]


def test_a_system_report_counts_the_whole_bank(world: World) -> None:
    report = world.report("system", world.admin, start_date=world.day(60))
    assert report["report_type"] == "system"
    data = report["report_data"]
    assert set(data) == {
        *(
            "period",
            "users",
            "accounts",
            "total_balance",
            "transactions",
            "as_of",
            "time_zone",
            "growth",
            "grouping",
            "groups",
        ),
        *("users_by_role_and_status", "accounts_by_type_and_status", "volumes_by_day"),
    }
    assert data["users"] == {
        "total": 3,
        "by_role": {"admin": 1, "customer": 2},
        "by_status": {"active": 3},
    }
    assert data["accounts"] == {
        "total": 3,
        "by_type": {"checking": {"count": 2, "balance": "1179.50"}, "savings": {"count": 1, "balance": "200.00"}},
        "by_status": {"active": 3},
    }
    assert data["total_balance"] == "1379.50"
    volumes = data["transactions"]
    assert volumes["count"] == 8
    assert volumes["by_type"]["deposit"] == {"count": 3, "total": "1540.00"}
    assert volumes["by_type"]["transfer"] == {"count": 3, "total": "309.99"}
    assert volumes["by_day"][0] == {"date": world.day(40), "count": 1, "total": "500.00"}
    assert [day["date"] for day in volumes["by_day"]] == [world.day(back) for back in (40, 10, 3, 0)]


def test_a_system_report_breaks_its_numbers_down_and_shows_their_growth(world: World) -> None:
    days = {"start_date": world.day(24), "end_date": world.day(0)}
    data = world.report("system", world.admin, **days)["report_data"]
    assert data["users_by_role_and_status"] == {"admin": {"active": 1}, "customer": {"active": 2}}
    assert data["accounts_by_type_and_status"]["savings"] == {"active": {"count": 1, "balance": "200.00"}}
    assert data["volumes_by_day"][0] == {
        "date": world.day(10),
        "by_type": {"deposit": {"count": 1, "total": "1000.00"}, "withdrawal": {"count": 1, "total": "120.50"}},
    }
    assert len(data["groups"]) == 25
    assert sum(group["count"] for group in data["groups"]) == 7
    growth = data["growth"]
    assert growth["period"] == {"start_date": world.day(49), "end_date": world.day(25)}
    assert growth["transactions"] == {"current": 7, "previous": 1}
    assert growth["volume"]["previous"] == "500.00"
    assert growth["accounts"] == {"current": 0, "previous": 3}


def test_the_volumes_of_a_system_report_are_those_of_its_period(world: World) -> None:
    data = world.report("system", world.admin, start_date=world.day(5), end_date=world.day(1))["report_data"]
    assert data["transactions"] == {
        "count": 2,
        "by_type": {"transfer": {"count": 2, "total": "299.99"}},
        "by_day": [{"date": world.day(3), "count": 2, "total": "299.99"}],
    }


def test_concurrent_and_repeated_requests_store_the_same_report_once(world: World) -> None:
    days = {"start_date": world.day(7), "end_date": world.day(1)}
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: world.report("transactions", world.ada, **days), range(6)))
    assert {report["id"] for report in made} == {world.report("transactions", world.ada, **days)["id"]}
    listed = [report for report in world.get("list", world.ada, limit="200")["reports"] if report == made[0]]
    assert len(listed) == 1


@pytest.mark.parametrize("path", ["account/{checking}", "transactions", "system"])
def test_a_report_with_save_false_is_returned_and_not_stored(world: World, path: str) -> None:
    person, path = world.admin if path == "system" else world.ada, path.format(checking=world.checking)
    before = world.get("list", person)["reports"]
    report = world.report(path, person, end_date=world.day(2), save="false")
    assert report["id"] is None
    assert world.get("list", person)["reports"] == before
    saved = world.report(path, person, end_date=world.day(2), save="true")
    for made in (saved, report):
        made["report_data"].pop("as_of")
    assert {**saved, "id": None, "created_at": ""} == {**report, "created_at": ""}
    assert saved["id"] == world.get("list", person)["reports"][0]["id"]
    answer = world.suite.call("reporting", "GET", f"/api/reports/{path}?save=perhaps", person)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["save"])


def test_a_report_from_changed_data_is_another_report(world: World) -> None:
    carl = world.suite.person()
    account_id, _ = open_account(world.suite, carl, "checking")
    first = world.report(f"account/{account_id}", carl)
    world.move(carl, "deposit", account_id=account_id, amount="0.01")
    second = world.report(f"account/{account_id}", carl)
    assert first["id"] != second["id"]
    assert second["report_data"]["closing_balance"] == "0.01"
    assert world.report(f"details/{first['id']}", carl) == first


def test_stored_reports_are_listed_page_by_page_newest_first(world: World) -> None:
    dora = world.suite.person()
    made = [world.report("transactions", dora, start_date=world.day(back))["id"] for back in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for length in (2, 2, 1):
        page = world.get("list", dora, limit="2", **cursor)
        assert len(page["reports"]) == length
        assert page["pagination"]["limit"] == 2
        seen += [report["id"] for report in page["reports"]]
        cursor = {"cursor": page["pagination"]["next_cursor"]}
    assert cursor == {"cursor": None}
    assert seen == made[::-1]


def test_only_its_user_and_admins_see_a_stored_report(world: World) -> None:
    report = world.report("transactions", world.ada)
    assert world.report(f"details/{report['id']}", world.ada) == report
    assert world.report(f"details/{report['id']}", world.admin) == report
    assert report["id"] in {listed["id"] for listed in world.get("all", world.admin, limit="200")["reports"]}
    assert report["id"] not in {listed["id"] for listed in world.get("list", world.bob, limit="200")["reports"]}
    foreign = world.suite.call("reporting", "GET", f"/api/reports/details/{report['id']}", world.bob)
    unknown = world.suite.call("reporting", "GET", f"/api/reports/details/{uuid4()}", world.bob)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json == unknown.json


def test_the_account_of_another_customer_has_no_report(world: World) -> None:
    foreign = world.suite.call("reporting", "GET", f"/api/reports/account/{world.checking}", world.bob)
    unknown = world.suite.call("reporting", "GET", f"/api/reports/account/{uuid4()}", world.bob)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json == unknown.json
    assert foreign.json is not None
    assert foreign.json["error_code"] == "NOT_FOUND"


def test_an_admin_may_report_on_any_account_and_keeps_the_report(world: World) -> None:
    report = world.report(f"account/{world.bobs}", world.admin)
    assert report["user_id"] == world.admin.user_id
    assert report["report_data"]["closing_balance"] == "89.99"
    assert report["report_data"]["account"]["user_id"] == world.bob.user_id


def test_reports_are_consistent_while_money_moves(world: World) -> None:
    eve = world.suite.person()
    account_id, _ = open_account(world.suite, eve, "checking")
    world.move(eve, "deposit", account_id=account_id, amount="100.00")

    def pay(number: int) -> None:
        world.move(eve, ("deposit", "withdraw")[number % 2], account_id=account_id, amount="1.00")

    with ThreadPoolExecutor(4) as pool:
        payments = [pool.submit(pay, number) for number in range(60)]
        reports = [world.report(f"account/{account_id}", eve)["report_data"] for _ in range(8)]
        for payment in payments:
            payment.result()
    reports.append(world.report(f"account/{account_id}", eve)["report_data"])
    for data in reports:
        assert Decimal(data["opening_balance"]) + Decimal(data["net"]) == Decimal(data["closing_balance"])
        assert data["history"][0]["balance_after"] == data["closing_balance"]
        assert sum(Decimal(row["amount"]) for row in data["history"]) == Decimal(data["net"])
        assert len(data["history"]) == data["count"]
    assert (reports[-1]["count"], reports[-1]["closing_balance"]) == (61, "100.00")


def test_a_report_reads_all_pages_of_the_history(world: World) -> None:
    finn = world.suite.person()
    account_id, _ = open_account(world.suite, finn, "checking")
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda number: world.move(finn, "deposit", account_id=account_id, amount=f"{number}.00"), range(1, 451)
            )
        )
    data = world.report(f"account/{account_id}", finn)["report_data"]
    assert data["count"] == len(data["history"]) == 450
    assert data["closing_balance"] == f"{450 * 451 // 2}.00" == data["history"][0]["balance_after"]
    balances = [Decimal(row["balance_after"]) for row in data["history"]]
    assert balances == sorted(balances, reverse=True)
    period = ZonedPeriod(start_date=world.today, end_date=world.today, zone=UTC_ZONE)
    sources = part(Sources, world.suite.apps["reporting"])
    newest = sources.accounts.entries(finn.token, UUID(account_id), period, at_most=250)
    assert [row.balance_after for row in newest] == [row["balance_after"] for row in data["history"][:250]]


def test_the_service_is_healthy_and_describes_itself(world: World) -> None:
    health = world.suite.call("reporting", "GET", "/api/health")
    assert (health.status_code, health.json) == (200, {"status": "healthy", "service": "reporting-service"})
    document = world.suite.call("reporting", "GET", "/openapi.json").json
    assert document is not None
    expected = {"account/{account_id}", "transactions", "system", "list", "details/{report_id}", "all"}
    assert expected <= {path.removeprefix("/api/reports/") for path in document["paths"]}
    described = document["components"]["schemas"]["ReportOut"]["properties"]["report_data"]["anyOf"]
    assert len(described) == 3
