"""How schemathesis authenticates; loaded by the program `schemathesis`, see `test_schemathesis.py`."""

import os
from typing import Any

import schemathesis

ENDING = {"/api/auth/logout", "/api/auth/sessions/{session_id}", "/api/auth/change_password"}


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Sends the token of one person, but for ending sessions that of another one: or nothing else could be tested."""

    def get(self, case: Any, _context: Any) -> str:
        return os.environ["SCHEMATHESIS_TOKEN"]

    def set(self, case: Any, token: str, _context: Any) -> None:
        of_other = os.environ["SCHEMATHESIS_OTHER_TOKEN"]
        case.headers["Authorization"] = f"Bearer {of_other if case.operation.path in ENDING else token}"
