"""Settings: read once from the environment, validated at start, passed on as one object."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.core.errors import CannotStart
from shared.db.engines import is_sqlite
from shared.db.migrations import DatabaseUnusable
from shared.http.addresses import base_url, service_url
from shared.security import secret_files

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
_SERVICE_PORTS = {"AUTH": 8001, "ACCOUNT": 8002, "TRANSACTION": 8003, "REPORTING": 8004}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _log_level(text: str) -> str:
    if text.upper() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}")
    return text.upper()


def _data_dir(path: Path) -> Path:
    if "?" in str(path.resolve()):
        raise ValueError("must not lead to a path with a question mark, which ends URLs")
    return path


def _database_url(text: str) -> str:
    try:
        is_sqlite(text)
    except DatabaseUnusable:
        raise ValueError("must be sqlite:///<path> or postgresql://<user>:<password>@<host>/<database>") from None
    return text


ServiceURL = Annotated[str, AfterValidator(service_url)]
DatabaseURL = Annotated[str, AfterValidator(_database_url)]
LogLevel = Annotated[str, AfterValidator(_log_level)]
_MESSAGES = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "decimal_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "value_error": "{error}",
}
"""The message for each type of pydantic error that a setting can have, with fields of the error's context."""


class Settings(BaseSettings):
    """Settings of every process. Each process adds its own fields and names its secrets.

    `secrets` maps a variable to a file of the data directory: the variable wins over the file. Without either, or with
    a short one, the process refuses to start. Fields with `repr=False` are secret: run_services.py passes their
    variables to this process only.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)
    secrets: ClassVar[dict[str, str]] = {}
    service_name: ClassVar[str] = ""

    host: str = Field("127.0.0.1", validation_alias="BANK_HOST")
    port: int = Field(0, ge=0, le=65535)
    data_dir: Annotated[Path, AfterValidator(_data_dir)] = Field(Path("data"), validation_alias="BANK_DATA_DIR")
    threads: int = Field(96, ge=4, le=512, validation_alias="BANK_THREADS")
    consul_host: str | None = Field(None, validation_alias="CONSUL_HOST")
    consul_port: int = Field(8500, ge=1, le=65535, validation_alias="CONSUL_PORT")
    auth_service_url: ServiceURL = Field("http://127.0.0.1:8001", validation_alias="AUTH_SERVICE_URL")
    account_service_url: ServiceURL = Field("http://127.0.0.1:8002", validation_alias="ACCOUNT_SERVICE_URL")
    transaction_service_url: ServiceURL = Field("http://127.0.0.1:8003", validation_alias="TRANSACTION_SERVICE_URL")
    reporting_service_url: ServiceURL = Field("http://127.0.0.1:8004", validation_alias="REPORTING_SERVICE_URL")
    connect_timeout_seconds: Seconds = Field(1.0, validation_alias="BANK_CONNECT_TIMEOUT_SECONDS")
    read_timeout_seconds: Seconds = Field(5.0, validation_alias="BANK_READ_TIMEOUT_SECONDS")
    log_level: LogLevel = Field("INFO", validation_alias="BANK_LOG_LEVEL")

    @model_validator(mode="before")
    @classmethod
    def _find_services_at_their_ports(cls, values: dict[str, Any]) -> dict[str, Any]:
        host = os.environ.get("BANK_HOST") or "127.0.0.1"
        for name, default_port in _SERVICE_PORTS.items():
            port = os.environ.get(f"{name}_SERVICE_PORT") or default_port
            values.setdefault(f"{name}_SERVICE_URL", base_url(host, port))
        return values

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        folder = secret_files.folder(Path(values.get("BANK_DATA_DIR") or "data"))
        for variable, file_name in cls.secrets.items():
            secret = values.pop(variable, None) or secret_files.read(folder / file_name)
            if secret:
                values[variable] = secret
        return values

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Load settings, or raise CannotStart naming each variable that is missing or invalid, with the remedy."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            raise CannotStart("; ".join(cls._explain(problem) for problem in problems)) from None

    @classmethod
    def _explain(cls, problem: Mapping[str, Any]) -> str:
        """Explain what is wrong with a setting, without its value if it is secret."""
        variable, kind = str(problem["loc"][0]), problem["type"]
        field = next(field for field in cls.model_fields.values() if field.validation_alias == variable)
        if kind == "missing":
            return f"{variable} is not set: set it, or start everything with run_services.py, which makes the secrets"
        phrase = _MESSAGES.get(kind, problem["msg"]).format(**problem.get("ctx", {}))
        if field.repr:
            return f"{variable} is {problem['input']!r}, but {phrase}"
        file = cls.secrets.get(variable)
        source = f" (from the file {file} of the secrets)" if file and not os.environ.get(variable) else ""
        return f"{variable}{source} {phrase}"

    def database_url(self, given: str | None, file_name: str) -> str:
        """Return `given`, or the URL of a SQLite file in the data directory."""
        return given or f"sqlite:///{(self.data_dir / file_name).resolve()}"

    @property
    def server_threads(self) -> int:
        """Return the number of the server's threads."""
        return self.threads

    @property
    def peer_urls(self) -> dict[str, str]:
        """Return each service's address from the variables."""
        return {
            "auth-service": self.auth_service_url,
            "account-service": self.account_service_url,
            "transaction-service": self.transaction_service_url,
            "reporting-service": self.reporting_service_url,
        }
