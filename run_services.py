"""Start the five services in order and keep them running until Ctrl-C.

    python run_services.py            all five; the first start creates the secrets and the first admin
    python run_services.py --demo     also fill an empty bank with customers and months of history
    python run_services.py --no-auth  all but one, for example to run that one in a debugger

Settings are environment variables. Every service gets all of them, except that a secret is passed only to the service
that owns it; see docs/OPERATIONS.md.
"""

import argparse
import base64
import hashlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from shared.core.errors import CannotStart
from shared.db.sqlite import sqlite3
from shared.http.addresses import base_url
from shared.processes.child_process import Program
from shared.processes.console import Console
from shared.processes.supervisor import OWN_NAME, Status, Supervisor, require_free_ports, supervisor_lock
from shared.security import data_dir, secret_files

ROOT = Path(__file__).resolve().parent
PORTS = {  # in start order; they stop in reverse order
    "auth-service": 8001,
    "account-service": 8002,
    "transaction-service": 8003,
    "reporting-service": 8004,
    "api-gateway": 5000,
}
SECRETS = {  # variables that only the named process gets
    "auth-service": (
        "AUTH_SIGNING_KEY",
        "AUTH_ENCRYPTION_KEYS",
        "AUTH_DATABASE_URL",
        "ADMIN_PASSWORD",
        "MAIL_URL",
        "ACCOUNT_SERVICE_SECRETS",
        "TRANSACTION_SERVICE_SECRETS",
        "REPORTING_SERVICE_SECRETS",
        "API_GATEWAY_SECRETS",
    ),
    "account-service": ("ACCOUNT_SERVICE_SECRET", "ACCOUNT_DATABASE_URL"),
    "transaction-service": ("TRANSACTION_SERVICE_SECRET", "TRANSACTION_DATABASE_URL"),
    "reporting-service": ("REPORTING_SERVICE_SECRET", "REPORTING_DATABASE_URL"),
    "api-gateway": ("API_GATEWAY_SECRET", "SESSION_SECRET", "SESSION_SECRETS", "OUTBOX_KEY", "RATE_LIMIT_URL"),
    OWN_NAME: ("AUTH_SERVICE_SECRET", "BANK_DEMO_PASSWORD"),
}

SHORTEST_SECRET = 32


def main() -> int:
    """Run the bank until a signal stops it. Return 0 after an orderly stop and 1 when it can't start."""
    options = _options()
    console = Console([*PORTS, OWN_NAME])
    try:
        _require_libraries()
        environment = complete_environment(os.environ)
        folder = Path(environment["BANK_DATA_DIR"])
        data_dir.prepare(folder)
        with supervisor_lock(folder / "supervisor.lock"):
            _run(options, environment, folder, console)
    except CannotStart as error:
        console.say(OWN_NAME, f"can't start: {error}")
        return 1
    except KeyboardInterrupt:  # before the supervisor runs, which stops at this signal by itself
        return 130
    finally:
        console.close()
    return 0


def _run(options: argparse.Namespace, environment: dict[str, str], folder: Path, console: Console) -> None:
    make_secrets(environment, secret_files.folder(folder))
    admin = FirstAdmin(environment, secret_files.folder(folder))
    programs = [
        _program(name, environment | (admin.variables if name == "auth-service" else {}), options)
        for name in PORTS
        if name not in options.left_out
    ]
    require_free_ports(programs)
    _upgrade_databases([program.name for program in programs], environment, console)
    demo = _make_demo(environment, console) if options.demo else []

    def on_started(statuses: Sequence[Status]) -> None:
        lines = table(statuses, in_colour=console.is_coloured)
        if any(status.name == "auth-service" and status.is_healthy for status in statuses):
            lines += admin.announce()
        lines += outbox_lines(environment, secret_files.folder(folder))
        for line in [*lines, *demo, f"Logs are in {folder / 'logs'}; Ctrl-C stops."]:
            console.write(line)

    Supervisor(programs, console).run(on_started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Start the bank's five services and keep them running until Ctrl-C.",
        epilog="Ports, addresses, databases and secrets are set by environment variables: see docs/OPERATIONS.md.",
    )
    for name in PORTS:
        short = name.removesuffix("-service").removeprefix("api-")
        parser.add_argument(
            f"--no-{short}",
            dest="left_out",
            action="append_const",
            const=name,
            default=[],
            help=f"do not start {name}",
        )
    parser.add_argument("--demo", action="store_true", help="fill an empty bank with demo customers and a history")
    options = parser.parse_args()
    if len(set(options.left_out)) == len(PORTS):
        parser.error("all five services are left out, so there is nothing to start")
    if options.demo and options.left_out:
        parser.error("--demo needs all five services")
    return options


def _require_libraries() -> None:
    if importlib.util.find_spec("granian") is None:
        raise CannotStart(f"{sys.executable} lacks the required libraries: run 'make run', which installs them")


def _variable(name: str, what: str) -> str:
    """Return the name of a variable of a service: AUTH_SERVICE_PORT for "auth-service" and "PORT"."""
    return f"{name.upper().replace('-', '_')}_{what}"


def complete_environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment `given`, with defaults for missing ports, service addresses and the data directory.

    An empty variable counts as missing. Raises CannotStart for an invalid port.
    """
    present = {name: value for name, value in given.items() if value}
    folder = Path(present["BANK_DATA_DIR"]).resolve() if "BANK_DATA_DIR" in present else ROOT / "data"
    host = present.get("BANK_HOST", "127.0.0.1")
    added = {"BANK_HOST": host, "PYTHONUNBUFFERED": "1"}
    for name, default_port in PORTS.items():
        variable = _variable(name, "PORT")
        port = present.get(variable, str(default_port))
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise CannotStart(f"{variable} is {port!r}, which is not a port: set it to a number from 1 to 65535")
        added[variable] = port
        if name != "api-gateway":
            added[_variable(name, "URL")] = base_url(host, int(port))
    return {**given, **added, **present, "BANK_DATA_DIR": str(folder)}


def environment_of(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of one service: all variables except the secrets of the others."""
    foreign = {variable for owner, variables in SECRETS.items() if owner != name for variable in variables}
    database_url = environment.get(f"{name.removesuffix('-service').upper()}_DATABASE_URL", "")
    if not database_url.startswith("postgresql"):
        foreign.add("PGPASSWORD")  # libpq's own variable
    return {variable: value for variable, value in environment.items() if variable not in foreign}


def _program(name: str, environment: dict[str, str], options: argparse.Namespace) -> Program:
    package = name.replace("-", "_")
    return Program(
        name=name,
        command=(sys.executable, "-m", f"{package}.{package}"),
        host=environment["BANK_HOST"],
        port=int(environment[_variable(name, "PORT")]),
        port_variable=_variable(name, "PORT"),
        environment=environment_of(name, environment),
        folder=ROOT,
        after=() if name == "auth-service" else ("auth-service",),  # the others fetch its public keys at start
        ready_when_live=bool(options.left_out),
    )


def make_secrets(environment: Mapping[str, str], folder: Path) -> None:
    """Create the secrets that are neither given as variables nor stored by an earlier start.

    Writes the SHA-256 digests of the services' secrets at each start, by which the auth service verifies the secrets.
    Raises CannotStart for an unusable secret file and for a short secret.
    """
    if not (environment.get("SESSION_SECRET") or environment.get("SESSION_SECRETS")):
        secret_files.read_or_create(folder / "session_secret")
    if not environment.get("AUTH_SIGNING_KEY"):
        secret_files.read_or_create(folder / "signing_key", _make_signing_key)
    if not environment.get("OUTBOX_KEY"):
        secret_files.read_or_create(folder / "outbox_key")
    digests = {}
    for name in PORTS:
        variable = _variable(name, "SECRET")
        secret = environment.get(variable) or secret_files.read_or_create(folder / variable.lower())
        if len(secret) < SHORTEST_SECRET:
            raise CannotStart(f"{variable} must have at least {SHORTEST_SECRET} characters")
        digests[name] = hashlib.sha256(secret.encode()).hexdigest()
    secret_files.write(folder / "service_digests.json", json.dumps(digests))


def outbox_lines(environment: Mapping[str, str], folder: Path) -> list[str]:
    """Return a line with the address of the page that shows the mails, when no mail server is set.

    The key in the address keeps out other users of this machine and visitors who come through a proxy on it.
    """
    if environment.get("MAIL_URL"):
        return []
    key = environment.get("OUTBOX_KEY") or secret_files.read(folder / "outbox_key")
    gateway = base_url(environment["BANK_HOST"], int(environment["API_GATEWAY_PORT"]))
    return [f"Mail is not sent (MAIL_URL is not set); read it at {gateway}/developer/mail?{urlencode({'key': key})}"]


def _make_signing_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


class FirstAdmin:
    """The password of the first admin: given as a variable, or generated and shown after the first successful start.

    Until then a generated password is kept in a file, since a failed start may have created the admin already.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._username = environment.get("ADMIN_USERNAME") or "admin"
        self._draft, self._done = folder / "first_admin_password", folder / "first_admin_made"
        self._password = ""
        if not self._done.exists() and not environment.get("ADMIN_PASSWORD"):
            self._password = secret_files.read_or_create(self._draft, _make_password)

    @property
    def variables(self) -> dict[str, str]:
        """The additional variables for the auth service."""
        return {"ADMIN_PASSWORD": self._password} if self._password else {}

    def announce(self) -> list[str]:
        """Return lines with the generated password at the first call, and delete the stored copy."""
        if not self._done.exists():
            secret_files.write(self._done, "yes")
        self._draft.unlink(missing_ok=True)
        password, self._password = self._password, ""
        if not password:
            return []
        return [f"The first admin is {self._username} with the password {password}", "It is shown only now: store it."]


def _make_password() -> str:
    """Return four groups of five random letters and digits, without similar ones such as 0 and o: about 99 bits."""
    return "-".join("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(5)) for _ in range(4))


def table(statuses: Sequence[Status], *, in_colour: bool) -> list[str]:
    """Return a table with the address, process id and state of each service, and the URL of the gateway."""
    lines = [""]
    for status in statuses:
        state = status.state
        if in_colour:
            state = f"\x1b[{32 if status.is_healthy else 33}m{state}\x1b[0m"
        lines.append(f"  {status.name:<20} {status.address:<24} process {status.process_id or '-':<8} {state}")
    lines += ["", *(f"Open {status.address}" for status in statuses if status.name == "api-gateway")]
    return lines


def outdated_databases(names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Return the names of the services whose SQLite database is not at the newest revision.

    Names have no suffix ("account"). Databases that do not exist yet are left out.
    """
    services = [name.removesuffix("-service") for name in names if name != "api-gateway"]
    return [service for service in services if _is_outdated(service, environment)]


def _is_outdated(service: str, environment: Mapping[str, str]) -> bool:
    url = environment.get(f"{service.upper()}_DATABASE_URL") or f"sqlite:///{environment['BANK_DATA_DIR']}/{service}.db"
    path = Path(url.removeprefix("sqlite:///"))
    if not (url.startswith("sqlite:///") and os.access(path, os.R_OK) and path.is_file() and path.stat().st_size):
        return False  # also for a file that this user may not read, which the service refuses
    newest = max(file.stem for file in (ROOT / f"{service}_service" / "migrations").glob(f"{service}_*.py"))
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.OperationalError:  # without this table it is older than all revisions
        return True
    except sqlite3.DatabaseError:  # no database at all, which the service refuses
        return False
    return not any(newest.startswith(f"{revision}_") for (revision,) in revisions)


def _upgrade_databases(names: Iterable[str], environment: Mapping[str, str], console: Console) -> None:
    """Upgrade older databases before the services start: of a large bank it takes longer than a start may take.

    A database that can't be upgraded is refused by its service, which says why.
    """
    if outdated := outdated_databases(names, environment):
        console.say(OWN_NAME, f"upgrading the databases of {', '.join(outdated)}")
        command = [sys.executable, "-m", "migrate", *outdated]
        subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - a fixed command


def _make_demo(environment: Mapping[str, str], console: Console) -> list[str]:
    """Fill an empty bank before the services start. Return lines with the demo logins, or the reason for none."""
    console.say(OWN_NAME, "creating demo customers and their history")
    command = [sys.executable, "-m", "demo_data"]
    run = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a fixed command
    return ["", *run.stdout.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
