"""Settings of the secrets by which the other services get their tokens."""

import hashlib
import json
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.security import secret_files
from shared.security.encryption import read_keys
from shared.web.settings import Settings


def _check(text: str) -> str:
    read_keys(text)
    return text


_One = Annotated[str, Field(min_length=32)] | None
_Several = Annotated[str, AfterValidator(_check)] | None


class ClientSettings(Settings):
    """The secrets of the other services, all optional. A list of several accepts each of them, while one is changed."""

    account_secret: _One = Field(None, repr=False, validation_alias="ACCOUNT_SERVICE_SECRET")
    account_secrets: _Several = Field(None, repr=False, validation_alias="ACCOUNT_SERVICE_SECRETS")
    transaction_secret: _One = Field(None, repr=False, validation_alias="TRANSACTION_SERVICE_SECRET")
    transaction_secrets: _Several = Field(None, repr=False, validation_alias="TRANSACTION_SERVICE_SECRETS")
    reporting_secret: _One = Field(None, repr=False, validation_alias="REPORTING_SERVICE_SECRET")
    reporting_secrets: _Several = Field(None, repr=False, validation_alias="REPORTING_SERVICE_SECRETS")
    gateway_secret: _One = Field(None, repr=False, validation_alias="API_GATEWAY_SECRET")
    gateway_secrets: _Several = Field(None, repr=False, validation_alias="API_GATEWAY_SECRETS")

    def client_digests(self) -> dict[str, str]:
        """Return the SHA-256 of each service's secret, in hexadecimal, by the service's name; several with commas.

        A secret given as a variable takes precedence over the file that `run_services.py` writes. Lists add to either.
        Raises CannotStart for an unreadable file.
        """
        kept = json.loads(secret_files.read(secret_files.folder(self.data_dir) / "service_digests.json") or "{}")
        given = {
            "account-service": (self.account_secret, self.account_secrets),
            "transaction-service": (self.transaction_secret, self.transaction_secrets),
            "reporting-service": (self.reporting_secret, self.reporting_secrets),
            "api-gateway": (self.gateway_secret, self.gateway_secrets),
        }
        accepted: dict[str, str] = dict(kept)
        for name, (one, several) in given.items():
            first = _digest(one) if one else kept.get(name)
            digests = [*([first] if first else []), *map(_digest, read_keys(several) if several else ())]
            if digests:
                accepted[name] = ",".join(digests)
        return accepted


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
