"""Authentication of schemathesis, which loads this module (see `test_schemathesis.py`)."""

import os
from typing import Any

import schemathesis

ENDING = {
    "/api/auth/logout",
    "/api/auth/sessions",
    "/api/auth/sessions/{session_id}",
    "/api/auth/sessions/renew",
    "/api/auth/change_password",
}


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Sends one user's token, but another one's to operations that end sessions, as they would end the tests."""

    def get(self, case: Any, _context: Any) -> str:
        return os.environ["SCHEMATHESIS_TOKEN"]

    def set(self, case: Any, token: str, _context: Any) -> None:
        of_other = os.environ["SCHEMATHESIS_OTHER_TOKEN"]
        case.headers["Authorization"] = f"Bearer {of_other if case.operation.path in ENDING else token}"
