"""Settings: read once from the environment, checked at start, passed on as one object."""

import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import secret_files
from shared.addresses import service_url

ServiceURL = Annotated[str, AfterValidator(service_url)]


class Settings(BaseSettings):
    """What every process of the suite needs. Each process adds its own fields and names its secrets.

    `secrets` maps a field to (variable, file under the data directory): the variable wins, then the file; with neither,
    or a short one, the process refuses to start.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)
    secrets: ClassVar[dict[str, tuple[str, str]]] = {}
    service_name: ClassVar[str] = ""

    host: str = Field("127.0.0.1", validation_alias="BANK_HOST")
    port: int = Field(0, ge=0, le=65535)
    data_dir: Path = Field(Path("data"), validation_alias="BANK_DATA_DIR")
    threads: int = Field(96, ge=4, le=512, validation_alias="BANK_THREADS")
    consul_host: str | None = Field(None, validation_alias="CONSUL_HOST")
    consul_port: int = Field(8500, validation_alias="CONSUL_PORT")
    auth_service_url: ServiceURL = Field("http://127.0.0.1:8001", validation_alias="AUTH_SERVICE_URL")
    account_service_url: ServiceURL = Field("http://127.0.0.1:8002", validation_alias="ACCOUNT_SERVICE_URL")
    transaction_service_url: ServiceURL = Field("http://127.0.0.1:8003", validation_alias="TRANSACTION_SERVICE_URL")
    reporting_service_url: ServiceURL = Field("http://127.0.0.1:8004", validation_alias="REPORTING_SERVICE_URL")
    connect_timeout_seconds: float = Field(1.0, gt=0, validation_alias="BANK_CONNECT_TIMEOUT_SECONDS")
    read_timeout_seconds: float = Field(5.0, gt=0, validation_alias="BANK_READ_TIMEOUT_SECONDS")
    log_level: str = Field("INFO", validation_alias="BANK_LOG_LEVEL")
    clock_offset_file: Path | None = Field(None, validation_alias="BANK_CLOCK_OFFSET_FILE")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        folder = secret_files.folder(Path(values.get("BANK_DATA_DIR") or "data"))
        for variable, file_name in cls.secrets.values():
            secret = values.pop(variable, None) or secret_files.read(folder / file_name)
            if secret:
                values[variable] = secret
        return values

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process, or an end of it with a message that names what to set."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            problems = [(problem["loc"][0], problem["msg"]) for problem in error.errors(include_input=False)]
            lines = [f"  {variable}: {what.removeprefix('Value error, ')}" for variable, what in problems]
            hint = "Set the variable, or start everything with run_services.py, which makes the secrets once."
            sys.exit("\n".join([f"{cls.service_name} can't start; check these settings:", *lines, hint]))

    def database_url(self, given: str | None, file_name: str) -> str:
        """The URL given, or SQLite's for a file in the data directory."""
        return given or f"sqlite:///{(self.data_dir / file_name).resolve()}"

    @property
    def server_threads(self) -> int:
        """How many threads the server has for requests."""
        return self.threads

    @property
    def peer_urls(self) -> dict[str, str]:
        """Each service's address as the variables give it."""
        return {
            "auth-service": self.auth_service_url,
            "account-service": self.account_service_url,
            "transaction-service": self.transaction_service_url,
            "reporting-service": self.reporting_service_url,
        }
