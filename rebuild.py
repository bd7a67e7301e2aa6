"""Rebuild the transaction database from the ledger while the bank is stopped (`make rebuild`).

It starts the auth and the account service, unless they run already (`python run_services.py --no-transaction`), and
runs transaction_service/rebuild/__main__.py.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from run_services import ROOT, complete_environment, make_secrets
from shared.core.errors import CannotStart
from shared.security import data_dir, secret_files

OTHERS = ("--no-transaction", "--no-reporting", "--no-gateway")


def main() -> int:
    """Rebuild the database and return the exit status."""
    argparse.ArgumentParser(description=__doc__).parse_args()  # a rebuild must not begin because of a mistyped option
    try:
        environment = complete_environment(os.environ)
        folder = Path(environment["BANK_DATA_DIR"])
        data_dir.prepare(folder)
        make_secrets(environment, secret_files.folder(folder))
        with _ledger(environment):
            command = [sys.executable, "-m", "transaction_service.rebuild"]
            return subprocess.run(command, env=environment, cwd=ROOT).returncode
    except CannotStart as error:
        print(f"can't rebuild: {error}", file=sys.stderr)
        return 1


@contextmanager
def _ledger(environment: dict[str, str]) -> Iterator[None]:
    """Run the auth and the account service during the block, unless they run already.

    Raises CannotStart, also when the transaction service runs.
    """
    if _answers(own := environment["TRANSACTION_SERVICE_URL"]):
        raise CannotStart(f"the transaction service runs at {own}: stop it first")
    if _answers(environment["AUTH_SERVICE_URL"]) and _answers(environment["ACCOUNT_SERVICE_URL"]):
        yield
        return
    command = [sys.executable, "run_services.py", *OTHERS]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as suite:
        assert suite.stdout
        lines = []
        for line in suite.stdout:
            lines.append(line)
            if "Ctrl-C stops" in line:
                break
        else:
            raise CannotStart(f"the auth and account services did not start. Their last lines:\n{''.join(lines[-5:])}")
        try:
            yield
        finally:
            suite.send_signal(signal.SIGTERM)
            suite.communicate()


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/api/live", timeout=2).ok
    except requests.RequestException:
        return False


if __name__ == "__main__":
    sys.exit(main())
