"""A browser without JavaScript: requests pages and submits their forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

PASSWORD = "correct horse battery staple"


@dataclass
class PageForm:
    """A form of a page with its action and the values of its fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._open = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and found.get("method") == "post":
            self.forms.append(PageForm(found.get("action", "")))
            self._open = True
        elif self._open and tag == "select":
            self._select = found["name"]
        elif (
            self._open
            and tag == "option"
            and "disabled" not in found
            and ("selected" in found or self._select not in self.forms[-1].fields)
        ):
            self.forms[-1].fields[self._select] = found.get("value", "")
        elif self._open and tag == "input" and "name" in found and _is_sent(found):
            self.forms[-1].fields[found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def _is_sent(attributes: dict[str, str]) -> bool:
    return attributes.get("type") not in ("radio", "checkbox") or "checked" in attributes


def forms_of(page: TestResponse) -> list[PageForm]:
    """Return the forms of a page with the method POST."""
    reader = _Reader()
    reader.feed(page.text)
    return reader.forms


def form_with(page: TestResponse, **fields: str) -> PageForm:
    """Return the first form of a page in which the given fields have the given values."""
    return next(form for form in forms_of(page) if fields.items() <= form.fields.items())


class Visitor:
    """A browser with its own cookies."""

    def __init__(self, app: Flask, user_agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0") -> None:
        self.client = app.test_client()
        self.user_agent = user_agent

    def get(self, path: str, **options: Any) -> TestResponse:
        """Request a page. `options` are those of the Flask test client, such as `follow_redirects`."""
        return self.client.get(path, headers={"User-Agent": self.user_agent}, **options)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> TestResponse:
        """Send exactly these form fields."""
        return self.client.post(path, data=fields, headers={"User-Agent": self.user_agent, **headers})

    def submit(self, path: str, *, action: str = "", **fields: str) -> TestResponse:
        """Open the page at `path`, fill in the form with `action` (by default the page itself) and submit it."""
        page = self.get(path)
        assert page.status_code == 200, f"{path}: {page.status_code}"
        wanted = action or path
        form = next(form for form in forms_of(page) if (form.action or path) == wanted)
        referrer = f"http://localhost{path}"
        return self.post(wanted, {**form.fields, **fields}, Referer=referrer)

    def register(self, username: str, password: str = PASSWORD) -> TestResponse:
        """Register a customer by the form, which also logs in."""
        return self.submit(
            "/register",
            username=username,
            email=f"{username}@example.com",
            password=password,
            confirm_password=password,
        )

    def log_in(self, username: str, password: str = PASSWORD, *, path: str = "/login") -> TestResponse:
        """Log in by the form."""
        return self.submit(path, username=username, password=password)

    @property
    def cookie(self) -> str:
        """The value of the session cookie, or "" without one."""
        found = self.client.get_cookie("session")
        return found.value if found else ""


def key_of(page: TestResponse) -> str:
    """Return the idempotency key in the form of a page."""
    return next(form.fields["idempotency_key"] for form in forms_of(page) if "idempotency_key" in form.fields)


def fill_in(visitor: Visitor, path: str, **fields: str) -> dict[str, str]:
    """Return the fields of the payment form at `path` with the given input."""
    form = next(form for form in forms_of(visitor.get(path)) if "idempotency_key" in form.fields)
    return {**form.fields, **fields}
