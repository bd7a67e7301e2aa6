"""Responses to schemathesis's generated requests conform to the OpenAPI document."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes import running_bank
from tests.support.repository import ROOT
from tests.support.suite import ADMIN_PASSWORD

PASSWORD = "none of the examples in the document"
CONFIG = Path(__file__).with_name("schemathesis.toml")
MAX_EXAMPLES = 3

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    without_limits = {"BANK_ADDRESS_REQUESTS_PER_SECOND": "10000", "BANK_SESSION_REQUESTS_PER_SECOND": "10000"}
    data_dir = tmp_path_factory.mktemp("bank") / "data"
    with running_bank(data_dir, ADMIN_PASSWORD=ADMIN_PASSWORD, **without_limits) as address:
        yield address


def post(address: str, token: str = "", **body: str) -> dict[str, Any]:
    answer = requests.post(address, json=body, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=9)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def log_in(gateway: str, username: str, password: str) -> str:
    return str(post(f"{gateway}/api/auth/login", username=username, password=password)["token"])


def customer(gateway: str, username: str) -> str:
    """The token of a customer with money."""
    post(f"{gateway}/api/auth/register", username=username, email=f"{username}@example.com", password=PASSWORD)
    token = log_in(gateway, username, PASSWORD)
    account = post(f"{gateway}/api/accounts/create", token, account_type="checking")["account"]
    post(f"{gateway}/api/transactions/deposit", token, account_id=account["id"], amount="1000.00")
    return token


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_schemathesis_finds_nothing(gateway: str, tmp_path: Path, role: str) -> None:
    other = customer(gateway, f"other-{role}")
    token = customer(gateway, "somebody") if role == "customer" else log_in(gateway, "admin", ADMIN_PASSWORD)
    command = [str(Path(sys.executable).with_name("schemathesis")), f"--config-file={CONFIG}"]
    command += ["run", f"{gateway}/openapi.json", "--checks=all", f"--max-examples={MAX_EXAMPLES}", "--workers=2"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.gateway.api.schemathesis_auth",
        "SCHEMATHESIS_TOKEN": token,
        "SCHEMATHESIS_OTHER_TOKEN": other,
    }
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stdout + run.stderr
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{gateway}/api/auth/verify_token", headers=headers, timeout=9).ok, "it lost its session"
