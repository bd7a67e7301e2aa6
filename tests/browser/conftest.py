"""Fixtures: a served bank, Chromium, and pages that fail the test on browser errors."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from werkzeug.serving import make_server

from tests.support import chromium
from tests.support.suite import PASSWORD, Suite

TIMEOUT_MILLISECONDS = 10_000


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip them without a browser.

    They run last, also after pytest has grouped tests by parameters: from its first page on, Playwright keeps an event
    loop running in the main thread, and the bank that it visits runs until the end of the session.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if chromium.EXECUTABLE is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Yield the Chromium of the system."""
    return {**browser_type_launch_args, "executable_path": chromium.EXECUTABLE, "args": chromium.ARGUMENTS}


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Yield a bank of all services. Tests share it, so each test registers its own users."""
    suite = Suite(tmp_path_factory.mktemp("bank")).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="session")
def base_url(bank: Suite) -> Iterator[str]:
    """Yield the URL of the gateway."""
    server = make_server("127.0.0.1", 0, bank.apps["gateway"], threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="gateway")
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """Return a browser context with short timeouts and clipboard permissions."""
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """Yield a page that must cause no policy violation, script error or missing asset."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        refusal = "status of 4" in message.text  # an expected status, which the test checks itself
        if message.type in ("error", "warning") and not refusal:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


def log_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Log in by the form."""
    page.goto("/login")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile("/(dashboard|admin)$"))
