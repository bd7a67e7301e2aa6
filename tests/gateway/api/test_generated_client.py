"""A client generated from `/openapi.json` by openapi-python-client performs the README's example."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import running_bank
from tests.support.suite import PASSWORD


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_bank(tmp_path_factory.mktemp("bank") / "data") as address:
        yield address


@pytest.fixture(scope="module")
def folder(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated package `bank_client`."""
    folder = tmp_path_factory.mktemp("generated")
    command = [
        str(Path(sys.executable).with_name("openapi-python-client")),
        "generate",
        f"--url={gateway}/openapi.json",
    ]
    command += ["--meta=none", f"--output-path={folder / 'bank_client'}", f"--config={folder / 'config.yml'}"]
    (folder / "config.yml").write_text(
        "post_hooks: []\ncontent_type_overrides:\n"
        "  application/pdf: application/octet-stream\n  application/zip: application/octet-stream\n"
    )
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Warning" not in run.stdout + run.stderr, "the generator leaves something out"
    return folder


class Journey:
    """A user of the generated package."""

    def __init__(self, gateway: str) -> None:
        self.models = importlib.import_module("bank_client.models")
        self._package = importlib.import_module("bank_client")
        self._gateway = gateway
        self.client = self._package.Client(base_url=gateway)

    def call(self, module: str, **arguments: Any) -> Any:
        """Call an operation and return its parsed response."""
        operation = importlib.import_module(f"bank_client.api.{module}")
        return operation.sync(client=self.client, **arguments)

    def log_in(self, username: str) -> None:
        """Use a token for the following calls."""
        body = self.models.Login(username=username, password=PASSWORD)
        tokens = self.call("auth.post_auth_login", body=body)
        self.client.get_httpx_client().close()
        self.client = self._package.AuthenticatedClient(base_url=self._gateway, token=tokens.token)


@pytest.fixture
def journey(gateway: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    monkeypatch.syspath_prepend(folder)
    journey = Journey(gateway)
    yield journey
    journey.client.get_httpx_client().close()


def test_a_generated_client_does_the_readmes_journey(journey: Journey) -> None:
    models = journey.models
    new_user = models.NewUser(username="ada", email="ada@example.com", password=PASSWORD)
    assert journey.call("auth.post_auth_register", body=new_user).user.username == "ada"
    journey.log_in("ada")
    checking, savings = (
        journey.call(
            "accounts.post_accounts_create", body=models.NewAccount(models.NewAccountAccountType(kind))
        ).account
        for kind in ("checking", "savings")
    )
    deposit = models.OwnMovement(account_id=checking.id, amount="100.00")
    assert journey.call("transactions.post_transactions_deposit", body=deposit).transaction.balance_after == "100.00"
    transfer = models.NewTransfer(from_account_id=checking.id, to_account_id=savings.id, amount="25.00")
    first, again = (
        journey.call("transactions.post_transactions_transfer", body=transfer, idempotency_key="rent") for _ in range(2)
    )
    assert first.transaction.id == again.transaction.id
    accounts = journey.call("accounts.get_accounts_list").accounts
    assert [account.balance for account in accounts] == ["75.00", "25.00"]
    rows = journey.call("transactions.get_transactions_list", limit=10).transactions
    assert [row.transaction_type.value for row in rows] == ["transfer", "deposit"]
    report = journey.call("reports.get_reports_transactions").report
    assert isinstance(report.report_data, models.TransactionReportData)
    refused = journey.call("transactions.post_transactions_withdraw", body=models.OwnMovement(checking.id, "900.00"))
    assert (type(refused), refused.error_code) == (models.Failure, "INSUFFICIENT_FUNDS")
