"""Scripts of forms, menus and filters, used by the keyboard."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import log_in
from tests.support.suite import Person, Suite


@pytest.fixture
def ada(bank: Suite) -> Person:
    return bank.person()


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).press("Enter")


def test_an_error_disappears_when_its_field_is_changed(page: Page, ada: Person) -> None:
    ada.open("10.00")
    log_in(page, ada.username)
    page.goto("/transactions/withdraw")
    press(page, "Withdraw")
    amount = page.get_by_label("Amount")
    expect(page.get_by_text("Enter an amount.")).to_be_visible()
    expect(amount).to_be_focused()
    page.keyboard.type("5")
    expect(page.get_by_text("Enter an amount.")).to_have_count(0)
    expect(amount).not_to_have_class(re.compile("is-invalid"))
    assert amount.get_attribute("aria-invalid") is None


def test_an_error_of_the_server_disappears_too(page: Page, ada: Person) -> None:
    ada.open("5.00")
    log_in(page, ada.username)
    page.goto("/transactions/withdraw")
    page.get_by_label("Amount").fill("6")
    press(page, "Withdraw")
    expect(page.get_by_text("not enough money")).to_be_visible()
    page.get_by_label("Amount").press("End")
    page.keyboard.press("Backspace")
    expect(page.get_by_text("not enough money")).to_have_count(0)


def test_the_first_submit_names_all_missing_fields(page: Page, ada: Person) -> None:
    ada.open("5.00", nickname="Everyday")
    ada.open(nickname="Holidays")
    log_in(page, ada.username)
    page.goto("/transactions/transfer")
    press(page, "Continue")
    own, number = page.get_by_label("To one of your accounts"), page.get_by_label("Or to an account number")
    expect(own).to_be_focused()
    expect(own).to_have_accessible_description("Choose one of your accounts, or enter an account number.")
    expect(page.get_by_label("Amount")).to_have_accessible_description(re.compile("Enter an amount"))
    number.press_sequentially("12")
    expect(own).to_have_accessible_description("")
    own.select_option(index=1)
    press(page, "Continue")
    expect(own).to_have_accessible_description(re.compile("but not both"))
    expect(number).to_have_accessible_description("This is not an account number. Check its ten digits.")
    number.fill("")
    own.select_option(value=page.get_by_label("From").input_value())
    press(page, "Continue")
    expect(own).to_have_accessible_description("Choose an account other than the one the money comes from.")


def test_an_unknown_payee_is_an_error_and_a_known_one_is_not(page: Page, ada: Person, bank: Suite) -> None:
    ada.open("5.00")
    known = bank.person().open()["account_number"]
    unknown = known[:-1] + str((int(known[-1]) + 1) % 10)
    log_in(page, ada.username)
    page.goto("/transactions/transfer")
    number = page.get_by_label("Or to an account number")
    found = page.get_by_text("holds this account.")
    number.fill(unknown)
    expect(number).to_have_accessible_description("There is no account with this number. Please check the digits.")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#announcer")).to_have_text(re.compile("no account with this number"))
    expect(found).to_be_hidden()
    page.get_by_label("Amount").fill("1")
    press(page, "Continue")
    expect(number).to_be_focused()
    number.fill(known)
    expect(found).to_be_visible()
    assert number.get_attribute("aria-invalid") is None
    press(page, "Continue")
    expect(page.get_by_role("heading", name="Confirm transfer")).to_be_visible()


def test_one_checkbox_of_a_required_choice_is_enough(page: Page, ada: Person) -> None:
    ada.open("10.00")
    log_in(page, ada.username)
    page.goto("/reports/exports")
    expect(page.get_by_role("checkbox", name="PDF")).to_be_checked()
    press(page, "Create ZIP")
    expect(page.get_by_text("Your statements are being put together.")).to_be_visible()


def test_filters_by_script_can_be_cleared(page: Page, ada: Person) -> None:
    ada.open("10.00")
    log_in(page, ada.username)
    page.goto("/transactions")
    clear = page.get_by_role("link", name="Clear", exact=True)
    expect(clear).to_be_hidden()
    page.get_by_label("Type").select_option("withdrawal")
    expect(clear).to_be_visible()
    expect(page.locator("#announcer")).to_have_text("No transaction matches these filters.")
    page.get_by_label("Type").select_option("")
    expect(clear).to_be_hidden()
    page.get_by_label("Type").select_option("deposit")
    clear.press("Enter")
    expect(page).to_have_url(re.compile(r"/transactions$"))
    expect(page.get_by_label("Type")).to_have_value("")


def test_the_menu_closes_when_the_focus_leaves_it(page: Page, ada: Person) -> None:
    log_in(page, ada.username)
    summary = page.locator(".menu summary")
    summary.press("Enter")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Log out")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()
    summary.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_login_form_has_the_focus(browser: Browser, base_url: str, ada: Person, scripts: bool) -> None:
    with browser.new_context(base_url=base_url, java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto("/login")
        expect(page.get_by_label("Username")).to_be_focused()
        page.keyboard.type(ada.username)
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_text("is wrong")).to_be_visible()
        expect(page.get_by_label("Password", exact=True)).to_be_focused()


@pytest.mark.parametrize("scripts", [True, False])
def test_amounts_and_theme_are_switched_with_and_without_scripts(
    browser: Browser, base_url: str, ada: Person, scripts: bool
) -> None:
    account = ada.open("12.00", nickname="Everyday")
    ada.pay("withdraw", account_id=account["id"], amount="2.00")
    with browser.new_context(base_url=base_url, java_script_enabled=scripts) as context:
        page = context.new_page()
        log_in(page, ada.username)
        page.goto("/transactions/withdraw")
        page.get_by_label("Description").fill("Half typed")
        option = page.get_by_role("option", name="Everyday")
        expect(option).to_have_text(f"Everyday ••••{account['account_number'][-4:]} ($10.00)")
        page.get_by_role("button", name="Hide balances").press("Enter")
        expect(option).to_have_text(f"Everyday ••••{account['account_number'][-4:]}")
        expect(page.get_by_label("Description")).to_have_value("Half typed" if scripts else "")
        page.goto("/dashboard")
        expect(page.locator(".chart img").first).to_have_css("opacity", "0")
        expect(page.locator(".total-amount .money")).to_have_css("filter", re.compile("blur"))
        page.get_by_role("button", name="Show balances").press("Enter")
        expect(page.locator(".total-amount .money")).to_have_css("filter", "none")
        page.reload()
        expect(page.locator(".total-amount .money")).to_have_css("filter", "none")
        page.goto("/settings")
        page.get_by_label("Dark").check()
        if not scripts:
            page.get_by_role("button", name="Use this theme").press("Enter")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        expect(page.get_by_label("Dark")).to_be_checked()
        expect(page.locator("body")).to_have_css("background-color", "rgb(16, 25, 29)")


def test_a_setting_applies_in_the_other_tabs(page: Page, ada: Person) -> None:
    ada.open("12.00")
    log_in(page, ada.username)
    other = page.context.new_page()
    other.goto("/accounts")
    page.get_by_role("button", name="Hide balances").press("Enter")
    expect(other.locator("html")).to_have_class("balances-hidden")
