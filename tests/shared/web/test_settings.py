"""Settings are read from variables and secret files; invalid ones are named."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from shared.core.errors import CannotStart
from shared.security import secret_files
from shared.web.settings import Settings


class ShopSettings(Settings):
    service_name: ClassVar[str] = "shop"
    secrets: ClassVar[dict[str, str]] = {"SHOP_KEY": "shop_key"}

    port: int = Field(7000, ge=1, le=65535, validation_alias="SHOP_PORT")
    key: str = Field(min_length=32, repr=False, validation_alias="SHOP_KEY")
    is_open: bool = Field(True, validation_alias="SHOP_IS_OPEN")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("SHOP_KEY", raising=False)


def test_settings_are_read_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PORT", "7001")
    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    settings = ShopSettings.load()
    assert (settings.port, settings.key, settings.host) == (7001, "k" * 32, "127.0.0.1")


def test_a_secret_is_found_in_its_file(tmp_path: Path) -> None:
    secret_files.write(secret_files.folder(tmp_path) / "shop_key", "f" * 40)
    assert ShopSettings.load().key == "f" * 40


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_files.write(secret_files.folder(tmp_path) / "shop_key", "f" * 40)
    monkeypatch.setenv("SHOP_KEY", "v" * 40)
    assert ShopSettings.load().key == "v" * 40


def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_files.write(secret_files.folder(tmp_path) / "shop_key", "f" * 40)
    monkeypatch.setenv("SHOP_KEY", "")
    monkeypatch.setenv("SHOP_PORT", "")
    settings = ShopSettings.load()
    assert (settings.key, settings.port) == ("f" * 40, 7000)


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(CannotStart, match=r"^SHOP_KEY is not set: set it, or start everything with run_services.py"):
        ShopSettings.load()


def test_a_short_secret_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "brief")
    with pytest.raises(CannotStart, match=r"^SHOP_KEY must have at least 32 characters$"):
        ShopSettings.load()


def test_a_short_secret_of_a_file_is_named_with_its_file(tmp_path: Path) -> None:
    secret_files.write(secret_files.folder(tmp_path) / "shop_key", "brief")
    with pytest.raises(CannotStart, match=r"^SHOP_KEY \(from the file shop_key of the secrets\) must have at least 32"):
        ShopSettings.load()


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("SHOP_PORT", "0", "must be at least 1"),
        ("SHOP_PORT", "65536", "must be at most 65535"),
        ("BANK_DATA_DIR", "/srv/bank?", "must not lead to a path with a question mark, which ends URLs"),
        ("SHOP_PORT", "http", "must be a whole number"),
        ("SHOP_PORT", "1.5", "must be a whole number"),
        ("SHOP_IS_OPEN", "perhaps", "must be true or false"),
        ("BANK_THREADS", "1", "must be at least 4"),
        ("CONSUL_PORT", "0", "must be at least 1"),
        ("BANK_LOG_LEVEL", "verbose", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("BANK_READ_TIMEOUT_SECONDS", "0", "must be more than 0.0"),
        ("BANK_READ_TIMEOUT_SECONDS", "inf", "must be a number"),
        ("BANK_CONNECT_TIMEOUT_SECONDS", "soon", "must be a number"),
        ("AUTH_SERVICE_URL", "localhost:8001", "must be a URL such as http://127.0.0.1:8001"),
        ("AUTH_SERVICE_URL", "http://x:http", "must be a URL such as http://127.0.0.1:8001"),
        ("AUTH_SERVICE_URL", "http://[::1", "must be a URL such as http://127.0.0.1:8001"),
    ],
)
def test_a_bad_value_is_named_shown_and_explained(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str
) -> None:
    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotStart) as refusal:
        ShopSettings.load()
    assert str(refusal.value) == f"{variable} is {value!r}, but {what}"


def test_all_invalid_settings_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PORT", "0")
    monkeypatch.setenv("BANK_LOG_LEVEL", "loud")
    with pytest.raises(CannotStart, match=r"^SHOP_PORT is '0'.*; BANK_LOG_LEVEL is 'loud'.*; SHOP_KEY is not set"):
        ShopSettings.load()


@pytest.mark.parametrize("level", ["debug", "Info", "WARNING"])
def test_the_log_level_is_case_insensitive(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    monkeypatch.setenv("BANK_LOG_LEVEL", level)
    assert ShopSettings.load().log_level == level.upper()


def test_a_database_is_in_the_data_directory_unless_a_url_is_set(tmp_path: Path) -> None:
    settings = ShopSettings.load(SHOP_KEY="k" * 32)
    assert settings.database_url(None, "shop.db") == f"sqlite:///{tmp_path / 'shop.db'}"
    assert settings.database_url("postgresql://x/y", "shop.db") == "postgresql://x/y"


def test_addresses_of_peers_end_without_a_slash() -> None:
    settings = ShopSettings.load(SHOP_KEY="k" * 32, AUTH_SERVICE_URL="http://10.0.0.7:9001/")
    assert settings.peer_urls["auth-service"] == "http://10.0.0.7:9001"


def test_a_service_is_found_at_the_port_that_its_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    monkeypatch.delenv("AUTH_SERVICE_URL", raising=False)
    assert ShopSettings.load().auth_service_url == "http://127.0.0.1:8001"
    monkeypatch.setenv("AUTH_SERVICE_PORT", "9001")
    monkeypatch.setenv("BANK_HOST", "::1")
    assert ShopSettings.load().auth_service_url == "http://[::1]:9001"
    monkeypatch.setenv("AUTH_SERVICE_PORT", "x")
    with pytest.raises(CannotStart, match="AUTH_SERVICE_URL is 'http://\\[::1\\]:x', but must be a URL"):
        ShopSettings.load()
