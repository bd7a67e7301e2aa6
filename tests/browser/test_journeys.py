"""Complete tasks of users in the browser, from registration to logout."""

import html
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import log_in
from tests.support.suite import ADMIN_PASSWORD, PASSWORD, Person, Suite

TRANSACTION = re.compile("/transactions/[0-9a-f-]{36}")


@pytest.fixture
def ada(bank: Suite) -> Person:
    return bank.person()


@pytest.fixture
def bob(bank: Suite) -> Person:
    return bank.person()


def main_button(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def test_a_new_customer_opens_an_account_and_pays_another(page: Page, bob: Person) -> None:
    number = bob.open()["account_number"]
    page.goto("/")
    page.locator('a[href="/register"]').first.click()
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("E-mail").fill("newcomer@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm password").fill(PASSWORD)
    main_button(page, "Register")
    page.wait_for_url("**/dashboard")
    page.get_by_role("main").get_by_role("link", name="Open an account").click()
    page.get_by_label("Savings").check()
    page.get_by_label("Nickname").fill("Nest egg")
    page.get_by_label("Opening deposit").fill("1,000")
    main_button(page, "Open account")
    expect(page.get_by_text("Nest egg is open. The opening deposit of $1,000.00 is booked.")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Transfer", exact=True).click()
    page.get_by_label("Or to an account number").fill(f"{number[:3]} {number[3:]}")
    expect(page.get_by_text("holds this account.")).to_be_visible()
    page.get_by_label("Amount").fill("250.75")
    page.get_by_label("Description").fill("Rent")
    main_button(page, "Continue")
    expect(page.get_by_role("heading", name="Confirm transfer")).to_be_visible()
    expect(page.get_by_text("$749.25")).to_be_visible()
    main_button(page, "Confirm transfer")
    expect(page.get_by_text("Transferred $250.75.")).to_be_visible()
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("$749.25").first).to_be_visible()
    page.get_by_text("newcomer", exact=True).first.click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")


def test_double_click_reload_and_back_pay_once(page: Page, ada: Person, bob: Person) -> None:
    mine, his = ada.open("100.00"), bob.open()
    log_in(page, ada.username)
    page.goto("/transactions/transfer")
    page.get_by_label("Or to an account number").fill(his["account_number"])
    page.get_by_label("Amount").fill("10")
    main_button(page, "Continue")
    review = page.url
    confirmation = page.locator("form", has=page.get_by_role("button", name="Confirm transfer"))
    sent = confirmation.evaluate("form => Object.fromEntries(new FormData(form))")
    page.get_by_role("button", name="Confirm transfer").dblclick()
    page.wait_for_url(TRANSACTION)
    page.reload()
    again = page.request.post(review, form=sent)
    assert again.url == page.url
    page.evaluate("history.go(-2)")
    expect(page.get_by_label("Amount")).to_have_value("")
    assert (ada.balance(mine["id"]), bob.balance(his["id"])) == ("90.00", "10.00")


def test_back_and_reload_work_at_every_step_of_a_transfer(page: Page, ada: Person, bob: Person) -> None:
    mine, his = ada.open("100.00"), bob.open()
    log_in(page, ada.username)
    page.goto("/transactions/transfer")
    page.get_by_label("Or to an account number").fill(his["account_number"])
    page.get_by_label("Amount").fill("10")
    main_button(page, "Continue")
    confirm = page.get_by_role("button", name="Confirm transfer")
    expect(confirm).to_be_visible()
    page.reload()
    confirm.click()
    page.wait_for_url(TRANSACTION)
    made = page.url
    page.reload()
    page.go_back()
    expect(confirm).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Transfer money")).to_be_visible()
    page.go_forward()
    confirm.click()
    page.wait_for_url(TRANSACTION)
    assert page.url == made
    assert (ada.balance(mine["id"]), bob.balance(his["id"])) == ("90.00", "10.00")


@pytest.mark.parametrize(("path", "button"), [("withdraw", "Withdraw"), ("transfer", "Continue")])
def test_back_and_reload_work_after_a_form_had_errors(page: Page, ada: Person, path: str, button: str) -> None:
    account, other = ada.open("5.00"), ada.open()
    log_in(page, ada.username)
    page.goto(f"/transactions/{path}?from_account_id={account['id']}&account_id={account['id']}")
    if path == "transfer":
        page.get_by_label("To one of your accounts").select_option(other["id"])
    page.get_by_label("Amount").fill("6")
    main_button(page, button)
    expect(page.get_by_label("Amount")).to_have_accessible_description(re.compile("not enough money"))
    page.get_by_label("Amount").fill("2")
    main_button(page, button)
    if path == "transfer":
        main_button(page, "Confirm transfer")
    page.wait_for_url(TRANSACTION)
    for _ in range(2 if path == "transfer" else 1):
        page.go_back()
    expect(page.get_by_label("Amount")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Amount")).to_have_value("")
    assert ada.balance(account["id"]) == "3.00"


def test_an_invalid_field_gets_the_focus(page: Page, ada: Person) -> None:
    ada.open("5.00")
    log_in(page, ada.username)
    page.goto("/transactions/withdraw")
    page.get_by_label("Amount").fill("6")
    main_button(page, "Withdraw")
    amount = page.get_by_label("Amount")
    expect(amount).to_be_focused()
    expect(amount).to_have_value("6")
    expect(amount).to_have_accessible_description(re.compile("not enough money"))


def test_money_moves_by_the_keyboard_alone(page: Page, ada: Person) -> None:
    ada.open("50.00", nickname="Everyday")
    ada.open(nickname="Holidays")
    log_in(page, ada.username)
    page.goto("/transactions/transfer")
    page.get_by_label("From").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("Holidays")
    for _field in ("number", "name", "amount"):
        page.keyboard.press("Tab")
    page.keyboard.type("20")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Confirm transfer").wait_for()
    page.get_by_role("main").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Confirm transfer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Transferred $20.00.")).to_be_visible()


def test_everything_works_without_javascript(browser: Browser, base_url: str, ada: Person, bob: Person) -> None:
    mine, his = ada.open("100.00"), bob.open()
    with browser.new_context(base_url=base_url, java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page, ada.username)
        page.goto(f"/transactions/transfer?from_account_id={mine['id']}")
        page.get_by_label("Or to an account number").fill(his["account_number"])
        page.get_by_label("Amount").fill("1.50")
        main_button(page, "Continue")
        page.get_by_role("link", name="Change something").click()
        page.get_by_label("Amount").fill("2.50")
        main_button(page, "Continue")
        main_button(page, "Confirm transfer")
        expect(page.get_by_text("Transferred $2.50.")).to_be_visible()
        page.goto("/transactions")
        page.get_by_label("Type").select_option("deposit")
        main_button(page, "Filter")
        expect(page.locator("#results tbody tr")).to_have_count(1)
        page.goto(f"/accounts/{mine['id']}")
        page.get_by_text("Show", exact=True).click()
        expect(page.get_by_text(mine["account_number"])).to_be_visible()
    assert bob.balance(his["id"]) == "2.50"


def test_filters_need_no_reload_and_stay_in_the_address(page: Page, ada: Person) -> None:
    account = ada.open("10.00")
    ada.pay("withdraw", account_id=account["id"], amount="3.00", description="Ink")
    log_in(page, ada.username)
    page.goto("/transactions")
    page.evaluate("document.body.dataset.same = 'yes'")
    page.get_by_label("Type").select_option("withdrawal")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/transactions\?type=withdrawal$"))
    assert page.evaluate("document.body.dataset.same") == "yes"
    page.reload()
    expect(page.get_by_label("Type")).to_have_value("withdrawal")
    expect(page.locator("#results tbody tr")).to_have_count(1)


def test_the_whole_row_of_a_transaction_is_its_one_link(page: Page, bank: Suite, ada: Person) -> None:
    account = ada.open("10.00")
    made = ada.transactions()[0]["id"]
    suffix = {
        "/transactions": f"/transactions/{made}",
        "/dashboard": f"/transactions/{made}",
        f"/accounts/{account['id']}": f"/transactions/{made}",
        f"/reports/account/{account['id']}": f"/transactions/{made}",
    }
    log_in(page, ada.username)
    for path, address in suffix.items():
        page.goto(path)
        row = page.locator("tr.row-link")
        expect(row).to_have_count(1)
        expect(row.get_by_role("link")).to_have_count(1)
        row.locator("td").last.click(force=True)  # the link lies over it
        page.wait_for_url(re.compile(address))
    page.get_by_role("main").get_by_role("link", name="Report").click()
    page.wait_for_url(f"**/reports/account/{account['id']}")


def test_staff_keep_their_filters_on_the_way_back(page: Page, ada: Person) -> None:
    account = ada.open("10.00")
    ada.pay("withdraw", account_id=account["id"], amount="3.00", description="Way back")
    log_in(page, "admin", ADMIN_PASSWORD)
    page.goto("/admin/transactions")
    page.get_by_label("Description").fill("Way back")
    main_button(page, "Filter")
    row = page.locator("tr.row-link")
    expect(row).to_have_count(1)
    row.locator("td").last.click(force=True)  # the link lies over it
    page.wait_for_url(re.compile("/admin/transactions/[0-9a-f-]{36}"))
    expect(page.get_by_role("navigation", name="Sections").locator("[aria-current=page]")).to_have_text("Admin")
    page.get_by_role("link", name="Transactions of customers").click()
    expect(page.get_by_label("Description")).to_have_value("Way back")


def test_the_account_number_is_revealed_and_copied(page: Page, ada: Person) -> None:
    account = ada.open()
    log_in(page, ada.username)
    page.goto(f"/accounts/{account['id']}")
    number = page.get_by_text(account["account_number"])
    expect(number).to_be_hidden()
    page.get_by_text("Show", exact=True).click()
    expect(number).to_be_visible()
    page.get_by_role("button", name="Copy account number").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == account["account_number"]


def test_balances_stay_hidden_until_they_are_shown_again(page: Page, ada: Person) -> None:
    account = ada.open("12.00", nickname="Everyday")
    log_in(page, ada.username)
    page.get_by_role("button", name="Hide").click()
    page.goto("/transactions/withdraw")
    expect(page.get_by_role("option", name="Everyday")).to_have_text(f"Everyday ••••{account['account_number'][-4:]}")
    for path in (f"/accounts/{account['id']}", "/accounts"):
        page.goto(path)
        expect(page.locator("html")).to_have_class("balances-hidden")
        expect(page.locator(".private").first).to_have_css("filter", re.compile("blur"))
    page.get_by_role("button", name="Show balances").click()
    page.reload()
    expect(page.locator("html")).not_to_have_class("balances-hidden")


def test_a_pending_payment_shows_its_outcome_by_itself(page: Page, bank: Suite, ada: Person) -> None:
    account = ada.open("10.00")
    log_in(page, ada.username)
    page.goto("/transactions/deposit")
    page.get_by_label("Amount").fill("5")
    bank.adapters["account"].down = True
    try:
        made = ada.pay("deposit", 202, account_id=account["id"], amount="5.00")["transaction"]
    finally:
        bank.adapters["account"].down = False
    page.goto(f"/transactions/{made['id']}")
    expect(page.get_by_text("Completed")).to_be_visible()
    assert ada.balance(account["id"]) == "15.00"


def test_a_pending_payment_settles_in_the_lists_by_itself(page: Page, bank: Suite, ada: Person) -> None:
    account = ada.open("10.00")
    log_in(page, ada.username)
    bank.adapters["account"].down = True
    try:
        ada.pay("deposit", 202, account_id=account["id"], amount="5.00")
    finally:
        bank.adapters["account"].down = False
    page.goto("/transactions")
    expect(page.get_by_text("Pending", exact=True).and_(page.locator(".status"))).to_have_count(0)
    expect(page.get_by_text("+$5.00")).to_be_visible()


def test_missing_fields_are_named_before_the_form_is_sent(page: Page, ada: Person) -> None:
    ada.open("10.00")
    log_in(page, ada.username)
    page.goto("/transactions/withdraw")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    amount = page.get_by_label("Amount")
    main_button(page, "Withdraw")
    expect(amount).to_be_focused()
    expect(amount).to_have_accessible_description(re.compile("Enter an amount.$"))
    amount.fill("-5")
    main_button(page, "Withdraw")
    expect(amount).to_have_accessible_description(re.compile("The amount must be more than zero.$"))
    assert "POST" not in sent
    amount.fill("5.5")
    main_button(page, "Withdraw")
    expect(page.get_by_text("Withdrew $5.50.")).to_be_visible()


def test_different_passwords_are_reported_immediately(page: Page) -> None:
    page.goto("/register")
    page.get_by_label("Username").fill("somebody")
    page.get_by_label("E-mail").fill("somebody@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm password").fill("something else")
    main_button(page, "Register")
    expect(page.get_by_label("Confirm password")).to_have_accessible_description("The two passwords differ.")


def test_the_end_of_the_session_is_announced_and_can_be_postponed(page: Page, ada: Person) -> None:
    page.clock.install()
    log_in(page, ada.username)
    notice = page.get_by_role("alert")
    page.clock.fast_forward("27:00")
    expect(notice).to_be_hidden()
    page.clock.fast_forward("01:30")
    expect(notice).to_contain_text("you will be logged out in 2 minutes")
    page.get_by_role("button", name="Stay logged in").click()
    expect(notice).to_be_hidden()
    page.clock.fast_forward("29:30")
    expect(notice).to_contain_text("within a minute")
    with page.expect_navigation():
        page.clock.fast_forward("00:40")


def test_a_session_that_has_ended_leads_back_through_the_login(page: Page, ada: Person) -> None:
    log_in(page, ada.username)
    page.context.clear_cookies()
    page.goto("/transactions?type=deposit")
    expect(page.get_by_text("Please log in first.")).to_be_visible()
    page.get_by_label("Username").fill(ada.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    main_button(page, "Log in")
    page.wait_for_url("**/transactions?type=deposit")


def test_the_health_of_the_services_is_live(browser: Browser, base_url: str, bank: Suite) -> None:
    with browser.new_context(base_url=base_url) as context:
        page = context.new_page()
        log_in(page, "admin", ADMIN_PASSWORD)
        page.clock.install()
        page.goto("/admin")
        row = page.get_by_role("listitem").filter(has_text="reporting-service")
        expect(row.locator(".status")).to_have_text("Healthy")
        expect(row.locator("[data-milliseconds]")).to_have_text(re.compile(r"^(< 1|\d+) ms$"))
        bank.adapters["reporting"].down = True
        try:
            page.clock.fast_forward("00:05")
            expect(row.locator(".status")).to_have_text("Unhealthy")
            expect(page.locator("#announcer")).to_have_text("reporting-service: Unhealthy")
        finally:
            bank.adapters["reporting"].down = False
        page.clock.fast_forward("00:06")
        expect(row.locator(".status")).to_have_text("Healthy")


def test_the_dashboard_is_light(page: Page, ada: Person) -> None:
    ada.open("10.00")
    log_in(page, ada.username)

    def bytes_of_the_page(kind: str) -> int:
        page.goto("/dashboard", wait_until="networkidle")
        return int(page.evaluate("kind => performance.getEntries().reduce((sum, e) => sum + (e[kind] ?? 0), 0)", kind))

    plain, sent, warm = (bytes_of_the_page(kind) for kind in ("decodedBodySize", "encodedBodySize", "transferSize"))
    assert 100_000 < plain <= 500_000
    assert 10_000 < sent <= 100_000
    assert 1_000 < warm <= 10_000


def test_an_admin_disables_a_user(page: Page, bank: Suite, ada: Person) -> None:
    log_in(page, "admin", ADMIN_PASSWORD)
    page.goto(f"/admin/users?q={ada.username}")
    page.get_by_role("row", name=ada.username).get_by_role("button", name="Disable").click()
    login = page.get_by_role("region", name="Login")
    login.get_by_label("Reason").select_option("Suspected misuse")
    login.get_by_role("button", name="Confirm disabling").click()
    expect(page.get_by_text(f"{ada.username} is disabled.")).to_be_visible()
    expect(login.get_by_role("button", name="Confirm enabling")).to_be_visible()
    assert bank.call("account", "GET", "/api/accounts/list", ada).status_code in (200, 401)


TYPED = ["", " ", "-5", "0", "0.00", "1234,567", "1,250", " 1,250.50 ", "12,50", "1.234", ".5", "5.", "1 250", "1e3"]
MORE = ["$5", "\uff11", "\u0663", "10,000,000,000.00", "10000000000.01", "01,234", "0012.5", "1.2.3", "9" * 300]


def test_page_and_server_report_the_same_error_for_an_amount(page: Page, ada: Person) -> None:
    account = ada.open()
    log_in(page, ada.username)
    page.goto(f"/transactions/withdraw?account_id={account['id']}")
    amount = page.get_by_label("Amount")
    for typed in [*TYPED, *MORE]:
        amount.fill(typed)
        said = amount.evaluate("errorOf")
        answer = ada.visitor.submit("/transactions/withdraw", account_id=account["id"], amount=typed)
        found = re.search(r'id="amount-error">([^<]+)', answer.text)
        assert said == (html.unescape(found[1]) if found and "not enough money" not in found[1] else ""), typed
