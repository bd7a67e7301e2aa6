"""Least privilege between the services: each has the scopes of the calls in its code, and no others."""

import re

import pytest

from auth_service.auth_logic import SCOPES
from tests.support import repository
from tests.support.suite import ADDRESSES, Suite

OF_ALL = {"/internal/revocations", "/internal/sessions/used"}
"""Calls that shared/web/application.py makes for every service."""
CALLS_OF_USER_CLIENT = {
    r"(users|auth)\.name\(": "/internal/users/{user_id}",
    r"\.(available_)?names\(": "/internal/names",
    r"users\.search\(": "/internal/names/search",
    r"users\.may\(": "/internal/users/{user_id}/may",
}
"""How a service calls the methods of shared/http/users.py, and the paths that these call."""


@pytest.mark.parametrize("service", SCOPES)
def test_a_service_has_the_scopes_of_its_calls_and_no_others(bank: Suite, service: str) -> None:
    needed: dict[str, set[str]] = {}
    for name in ADDRESSES:
        for endpoint in repository.endpoints(bank.apps[name]):
            if endpoint.access.startswith("service:"):
                needed.setdefault(endpoint.path, set()).add(endpoint.access.removeprefix("service:"))
    sources = [path.read_text(encoding="utf-8") for path in repository.python_files(service.replace("-", "_"))]
    called = {path for source in sources for path in re.findall(r'f?"(/internal/[^"?]+)"', source)} | OF_ALL
    called |= {path for call, path in CALLS_OF_USER_CLIENT.items() if any(re.search(call, one) for one in sources)}
    if any("audit_trail.install" in source for source in sources):
        called.add("/internal/audit")
    scopes = {scope for path, some in needed.items() if any(_is_call_of(path, one) for one in called) for scope in some}
    assert scopes == SCOPES[service]


def _is_call_of(path: str, called: str) -> bool:
    """Return whether a called path, which may have parts in braces, is that of a route."""
    parts, wanted = called.split("/"), path.split("/")
    return len(parts) == len(wanted) and all(
        one == other or (one.startswith("{") and other.startswith("<"))
        for one, other in zip(parts, wanted, strict=True)
    )
