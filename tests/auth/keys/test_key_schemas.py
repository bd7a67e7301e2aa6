"""The secrets of services: given, from the file, or several while one is changed."""

import hashlib
import json
from pathlib import Path

import pytest

from auth_service.auth_service import AuthSettings
from shared.core.errors import CannotStart
from tests.support.asking import call
from tests.support.suite import Suite

OLD, NEW = "o" * 40, "n" * 40


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def test_a_list_adds_to_the_secret_or_to_the_file(tmp_path: Path) -> None:
    variables = {**Suite(tmp_path, names=()).variables, "ACCOUNT_SERVICE_SECRET": OLD}
    assert AuthSettings.load(**variables).client_digests()["account-service"] == digest(OLD)
    both = AuthSettings.load(**variables, ACCOUNT_SERVICE_SECRETS=f"{NEW},{OLD}").client_digests()
    assert set(both["account-service"].split(",")) == {digest(NEW), digest(OLD)}
    del variables["ACCOUNT_SERVICE_SECRET"]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "service_digests.json").write_text(json.dumps({"account-service": digest("kept")}))
    added = AuthSettings.load(**variables, ACCOUNT_SERVICE_SECRETS=NEW).client_digests()
    assert added["account-service"] == f"{digest('kept')},{digest(NEW)}"


def test_a_short_secret_in_a_list_stops_the_start(tmp_path: Path) -> None:
    variables = Suite(tmp_path, names=()).variables
    with pytest.raises(CannotStart, match="REPORTING_SERVICE_SECRETS"):
        AuthSettings.load(**variables, REPORTING_SERVICE_SECRETS=f"{NEW},short")


def test_both_secrets_get_a_token_while_one_is_changed(tmp_path: Path) -> None:
    bank = Suite(tmp_path, ("auth",), ACCOUNT_SERVICE_SECRET=OLD, ACCOUNT_SERVICE_SECRETS=NEW)
    try:
        for secret, status in ((OLD, 200), (NEW, 200), (f"{OLD},{NEW}", 401), ("", 401)):
            body = {"grant_type": "client_credentials", "client_id": "account-service", "client_secret": secret}
            assert call(bank, "POST", "token", json=body).status_code == status
    finally:
        bank.stop()
