"""The process of the auth service: its OpenAPI document, its settings and the first admin."""

import hashlib
import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from auth_service.auth_service import AuthSettings
from shared.core.errors import CannotStart
from shared.security import secret_files
from tests.support.asking import call
from tests.support.suite import ADMIN_PASSWORD, Person, Suite


def test_the_openapi_is_valid_and_complete(bank: Suite) -> None:
    document = bank.call("auth", "GET", "/openapi.json").get_json()
    validate(document)
    assert "ClientCredentials" in document["components"]["schemas"]
    assert document["paths"]["/api/auth/token"]["post"]["requestBody"]


def variables(data_dir: Path, **changes: str) -> dict[str, str]:
    return {**Suite(data_dir, names=()).variables, **changes}


def test_services_authenticate_by_given_secrets_or_stored_digests(tmp_path: Path) -> None:
    kept = {"account-service": "a" * 64, "api-gateway": "b" * 64}
    secret_files.write(secret_files.folder(tmp_path) / "service_digests.json", json.dumps(kept))
    given = variables(tmp_path)
    for name in ("ACCOUNT_SERVICE_SECRET", "TRANSACTION_SERVICE_SECRET", "REPORTING_SERVICE_SECRET"):
        del given[name]
    digests = AuthSettings.load(**given).client_digests()
    gateway = hashlib.sha256(given["API_GATEWAY_SECRET"].encode()).hexdigest()
    assert digests == {"account-service": "a" * 64, "api-gateway": gateway}


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("AUTH_SIGNING_KEY", "", "is not set"),
        ("AUTH_SIGNING_KEY", "bm8ga2V5", "Ed25519"),
        ("ADMIN_PASSWORD", "short", "at least 12 characters"),
        ("ADMIN_PASSWORD", "password1234", "easy to guess"),
        ("ADMIN_PASSWORD", "the-boss-1234", "a name or an address"),
        ("ADMIN_USERNAME", "a b", "3 to 50"),
        ("ACCOUNT_SERVICE_SECRET", "short", "at least 32 characters"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(tmp_path: Path, variable: str, value: str, why: str) -> None:
    given = variables(tmp_path, **{"ADMIN_USERNAME": "the-boss-", variable: value})
    with pytest.raises(CannotStart) as ended:
        AuthSettings.load(**given)
    assert variable in str(ended.value)
    assert why in str(ended.value)
    assert variable == "ADMIN_USERNAME" or value == "" or value not in str(ended.value)


def test_the_first_admin_has_the_given_name_and_password(bank: Suite, admin: Person) -> None:
    assert bank.log_in("admin", ADMIN_PASSWORD).user_id == admin.user_id
    assert call(bank, "GET", "users?role=admin", admin).get_json()["users"][0]["username"] == "admin"
