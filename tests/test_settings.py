"""Settings come from the environment, secrets from a variable or a file, and what is wrong is named at start."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, field_validator

from shared import secret_files
from shared.settings import Settings


class ShopSettings(Settings):
    service_name: ClassVar[str] = "shop"
    secrets: ClassVar[dict[str, tuple[str, str]]] = {"key": ("SHOP_KEY", "shop_key")}

    port: int = Field(7000, ge=1, le=65535, validation_alias="SHOP_PORT")
    key: str = Field(min_length=32, validation_alias="SHOP_KEY")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("SHOP_KEY", raising=False)


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_empty_variable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_files.write(secret_files.folder(tmp_path) / "shop_key", "f" * 40)
    monkeypatch.setenv("SHOP_KEY", "")
    monkeypatch.setenv("SHOP_PORT", "")
    settings = ShopSettings.load()
    assert (settings.key, settings.port) == ("f" * 40, 7000)


@pytest.mark.parametrize("value", ["", "short"])
def test_without_a_good_secret_the_process_ends_and_says_which(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SHOP_KEY", value)
    with pytest.raises(SystemExit) as ended:
        ShopSettings.load()
    message = str(ended.value)
    assert "shop can't start" in message
    assert "SHOP_KEY" in message
    assert value == "" or value not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SHOP_PORT", "0"), ("SHOP_PORT", "http"), ("BANK_THREADS", "1"), ("AUTH_SERVICE_URL", "localhost:8001")],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=variable):
        ShopSettings.load()


def test_what_is_wrong_is_told_in_our_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class ChosenSettings(ShopSettings):
        @field_validator("port")
        @classmethod
        def _refuse(cls, _port: int) -> int:
            raise ValueError("is a bad choice")

    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    monkeypatch.setenv("SHOP_PORT", "7001")
    with pytest.raises(SystemExit, match=r"\n  SHOP_PORT: is a bad choice\n"):
        ChosenSettings.load()


def test_databases_lie_in_the_data_directory_unless_an_address_is_given(tmp_path: Path) -> None:
    settings = ShopSettings.load(SHOP_KEY="k" * 32)
    assert settings.database_url(None, "shop.db") == f"sqlite:///{tmp_path / 'shop.db'}"
    assert settings.database_url("postgresql://x/y", "shop.db") == "postgresql://x/y"


def test_addresses_of_peers_end_without_a_slash() -> None:
    settings = ShopSettings.load(SHOP_KEY="k" * 32, AUTH_SERVICE_URL="http://10.0.0.7:9001/")
    assert settings.peer_urls["auth-service"] == "http://10.0.0.7:9001"
