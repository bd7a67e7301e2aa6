"""Take the screenshots for the documents with Chromium, from a demo bank on free ports.

python -m tools.screenshots
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from demo_data import PEOPLE
from tests.support import chromium
from tests.support.processes import running_bank

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PASSWORD = "a password for one picture"


def main() -> None:
    """Start a demo bank and write docs/images/*.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_bank(Path(folder) / "data", "--demo", BANK_DEMO_PASSWORD=PASSWORD) as gateway,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.EXECUTABLE, args=chromium.ARGUMENTS)
        _take_desktop(browser, gateway)
        _take_phone(browser, gateway)
        browser.close()


def _take_desktop(browser: Browser, gateway: str) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 960})
    _log_in(page, gateway)
    page.screenshot(path=IMAGES / "dashboard.png")
    page.goto(f"{gateway}/transactions/transfer")
    page.select_option("[name=to_account_id]", index=2)
    page.fill("[name=amount]", "250")
    page.fill("[name=description]", "For the summer")
    page.click("main [type=submit]")
    page.locator("h1", has_text="Confirm transfer").wait_for()
    page.set_viewport_size({"width": 1100, "height": 780})
    page.screenshot(path=IMAGES / "confirmation.png")


def _take_phone(browser: Browser, gateway: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    _log_in(page, gateway)
    page.screenshot(path=IMAGES / "dashboard-phone.png")


def _log_in(page: Page, gateway: str) -> None:
    page.goto(f"{gateway}/login")
    page.fill("[name=username]", PEOPLE[0].username)
    page.fill("[name=password]", PASSWORD)
    page.click("form [type=submit]")
    page.wait_for_url("**/dashboard")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
