import base64
import hashlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from sqlalchemy import create_engine

import run_services
from account_service.account_service import AccountSettings
from api_gateway.api_gateway import GatewaySettings
from auth_service.auth_service import AuthSettings
from reporting_service.reporting_service import ReportingSettings
from run_services import PORTS, FirstAdmin, complete_environment, make_secrets, outdated_databases, table
from shared.core.errors import CannotStart
from shared.processes.supervisor import Status
from shared.web.settings import Settings
from tests.shared.db.old_databases import OLD, run
from tests.support.consul_agent import NO_CONSUL, ConsulAgent, find_program
from tests.support.processes import RunningProcess, eventually, free_ports, is_running, status_of
from transaction_service.transaction_service import TransactionSettings

pytestmark = pytest.mark.timing

CONSUL = find_program()
GIVEN_SECRETS = {
    variable: f"given as {variable}, and long enough"
    for variable in ("SESSION_SECRET", *(f"{name.upper().replace('-', '_')}_SECRET" for name in PORTS))
    if variable != "AUTH_SERVICE_SECRET"
} | {"OUTBOX_KEY": "given-as-OUTBOX_KEY-and-long-enough"}


def test_what_is_given_reaches_the_services_and_the_addresses_follow_the_ports(tmp_path: Path) -> None:
    environment = complete_environment({"AUTH_SERVICE_PORT": "9001", "X": "1", "BANK_DATA_DIR": str(tmp_path)})
    assert environment["AUTH_SERVICE_URL"] == "http://127.0.0.1:9001"
    assert environment["ACCOUNT_SERVICE_URL"] == "http://127.0.0.1:8002"
    assert (environment["X"], environment["API_GATEWAY_PORT"]) == ("1", "5000")
    assert environment["BANK_DATA_DIR"] == str(tmp_path)


def test_an_address_that_is_given_is_used_as_given() -> None:
    environment = complete_environment({"AUTH_SERVICE_URL": "http://10.0.0.9:1/", "AUTH_SERVICE_PORT": "9001"})
    assert environment["AUTH_SERVICE_URL"] == "http://10.0.0.9:1/"


def test_an_empty_variable_is_as_good_as_none() -> None:
    environment = complete_environment({"AUTH_SERVICE_PORT": "", "BANK_HOST": "", "BANK_DATA_DIR": ""})
    assert environment["AUTH_SERVICE_URL"] == "http://127.0.0.1:8001"
    assert environment["BANK_DATA_DIR"] == str(run_services.ROOT / "data")


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.1.2.3", "10.1.2.3")])
def test_services_reach_each_other_wherever_they_listen(host: str, address: str) -> None:
    assert complete_environment({"BANK_HOST": host})["AUTH_SERVICE_URL"] == f"http://{address}:8001"


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1", "80.0"])
def test_a_port_that_is_none_is_refused_by_its_variable(port: str) -> None:
    with pytest.raises(CannotStart, match="API_GATEWAY_PORT is"):
        complete_environment({"API_GATEWAY_PORT": port})


def test_secrets_are_made_once_and_are_for_their_owner_only(tmp_path: Path) -> None:
    make_secrets({}, tmp_path)
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}
    make_secrets({}, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == first
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert isinstance(load_der_private_key(base64.b64decode(first.pop("signing_key")), None), Ed25519PrivateKey)
    digests = json.loads(first.pop("service_digests.json"))
    assert digests == {name: digest(first[f"{name.replace('-', '_')}_secret"]) for name in PORTS}
    assert len(set(first.values())) == 7
    assert min(map(len, first.values())) >= 32


def test_a_secret_that_is_given_is_not_made_and_known_by_its_digest(tmp_path: Path) -> None:
    given = {"ACCOUNT_SERVICE_SECRET": "s" * 40, "SESSION_SECRET": "t" * 40, "AUTH_SIGNING_KEY": "a key"}
    make_secrets(given, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert not names & {"account_service_secret", "session_secret", "signing_key"}
    assert json.loads((tmp_path / "service_digests.json").read_text())["account-service"] == digest("s" * 40)


@pytest.mark.parametrize("name", PORTS)
def test_a_short_secret_of_any_service_is_refused(tmp_path: Path, name: str) -> None:
    variable = f"{name.upper().replace('-', '_')}_SECRET"
    with pytest.raises(CannotStart, match=f"{variable} must have at least 32 characters"):
        make_secrets({variable: "short"}, tmp_path)


@pytest.mark.parametrize(
    "settings", [AuthSettings, AccountSettings, TransactionSettings, ReportingSettings, GatewaySettings]
)
def test_every_refused_setting_is_explained_in_our_own_words(tmp_path: Path, settings: type[Settings]) -> None:
    def refusal(variable: str) -> str:
        try:
            settings.load(**{**GIVEN_SECRETS, "BANK_DATA_DIR": str(tmp_path), variable: "-1e"})
        except CannotStart as error:
            return str(error)
        return ""

    refusals = [refusal(str(field.validation_alias)) for field in settings.model_fields.values()]
    assert [text for text in refusals if "should" in text] == []


@pytest.mark.parametrize("settings", [AuthSettings, AccountSettings, TransactionSettings, ReportingSettings])
def test_an_unusable_database_url_is_refused_by_the_name_of_its_variable(
    tmp_path: Path, settings: type[Settings]
) -> None:
    variable = str(settings.model_fields["given_database_url"].validation_alias)
    with pytest.raises(CannotStart, match=rf"{variable} must be sqlite:///<path> or postgresql://"):
        settings.load(**{**GIVEN_SECRETS, "BANK_DATA_DIR": str(tmp_path), variable: "mysql://user:secret@host/bank"})


def test_the_admins_password_stays_the_same_until_it_was_shown_and_is_shown_once(tmp_path: Path) -> None:
    interrupted, admin = FirstAdmin({}, tmp_path), FirstAdmin({"ADMIN_USERNAME": "root"}, tmp_path)
    password = admin.variables["ADMIN_PASSWORD"]
    assert interrupted.variables == admin.variables
    assert len(password) >= 20
    assert f"root with the password {password}" in admin.announce()[0]
    assert admin.announce() == []
    later = FirstAdmin({}, tmp_path)
    assert (later.variables, later.announce()) == ({}, [])
    assert not any(password in path.read_text() for path in tmp_path.iterdir())


def test_a_given_admin_password_is_not_shown_and_none_is_made_later(tmp_path: Path) -> None:
    admin = FirstAdmin({"ADMIN_PASSWORD": "a long passphrase"}, tmp_path)
    assert (admin.variables, admin.announce()) == ({}, [])
    assert FirstAdmin({}, tmp_path).variables == {}


def test_the_table_tells_what_runs_where_and_what_to_open() -> None:
    statuses = [
        Status("auth-service", "http://127.0.0.1:8001", 17, True, "healthy"),
        Status("api-gateway", "http://127.0.0.1:5000", 18, False, "not healthy (account-service)"),
    ]
    lines = table(statuses, in_colour=False)
    assert lines[1].split() == ["auth-service", "http://127.0.0.1:8001", "process", "17", "healthy"]
    assert "not healthy (account-service)" in lines[2]
    assert lines[-1] == "Open http://127.0.0.1:5000"
    assert "\x1b[32mhealthy" in table(statuses, in_colour=True)[1]


@pytest.mark.parametrize("arguments", [[f"--no-{name}" for name in PORTS], ["--demo", "--no-auth"], ["--nonsense"]])
def test_invalid_options_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [argument.replace("-service", "").replace("api-", "") for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["run_services.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_services.main()
    assert ended.value.code == 2
    assert "usage: run_services.py" in capsys.readouterr().err


def variable(name: str, what: str) -> str:
    return f"{name.upper().replace('-', '_')}_{what}"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Bank(RunningProcess):
    """The five real services on free ports."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.ports = dict(zip(PORTS, free_ports(5), strict=True))
        environment = {variable(name, "PORT"): str(port) for name, port in self.ports.items()}
        environment |= {"BANK_DATA_DIR": str(folder), **variables}
        super().__init__("run_services.py", *arguments, environment=environment)

    def url(self, path: str, service: str = "api-gateway") -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def log_in(self, password: str) -> requests.Response:
        return requests.post(self.url("/api/auth/login"), json={"username": "admin", "password": password}, timeout=9)

    def process_of(self, service: str) -> int:
        return int(self.wait_for(rf"  {service} .* process (\d+)")[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank") / "data"


@pytest.fixture(scope="module")
def bank(folder: Path) -> Iterator[Bank]:
    with Bank(folder, **GIVEN_SECRETS) as bank:
        bank.wait_for("Ctrl-C stops", within_seconds=60)
        yield bank


def test_five_services_are_healthy_and_the_first_admin_can_log_in(bank: Bank, folder: Path) -> None:
    for service in PORTS:
        bank.wait_for(rf"(?m)^  {service} +{bank.url('', service)} +process \d+ +healthy$")
    password = bank.wait_for(r"The first admin is admin with the password (\S+)")[1]
    answer = bank.log_in(password)
    assert (answer.status_code, answer.json()["role"]) == (200, "admin")
    assert status_of(bank.url("/health")) == 200
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert password.encode() not in written
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))} == {0}


def test_a_secret_that_is_given_is_in_no_other_process(bank: Bank) -> None:
    held = {service: secrets_held_by(bank.process_of(service)) for service in PORTS}
    assert held == {
        "auth-service": set(),  # it has only digests of the other secrets
        "account-service": {"ACCOUNT_SERVICE_SECRET"},
        "transaction-service": {"TRANSACTION_SERVICE_SECRET"},
        "reporting-service": {"REPORTING_SERVICE_SECRET"},
        "api-gateway": {"API_GATEWAY_SECRET", "SESSION_SECRET", "OUTBOX_KEY"},
    }


def test_mail_that_is_not_sent_can_be_read_at_a_page_of_this_machine(bank: Bank) -> None:
    address = bank.wait_for(r"read it at (http://\S+)")[1]
    assert address == bank.url(f"/developer/mail?key={GIVEN_SECRETS['OUTBOX_KEY']}")


def secrets_held_by(process_id: int) -> set[str]:
    environment = Path(f"/proc/{process_id}/environ").read_text()
    return {variable for variable, value in GIVEN_SECRETS.items() if value in environment}


def test_a_second_supervisor_on_the_same_folder_is_refused(bank: Bank, folder: Path) -> None:
    with Bank(folder) as second:
        assert second.wait() == 1
        assert f"another supervisor (process {bank.process_id}) runs on {folder}" in second.output


def test_a_taken_port_is_refused(bank: Bank, tmp_path: Path) -> None:
    with RunningProcess(
        "run_services.py",
        "--no-auth",
        environment={"BANK_DATA_DIR": str(tmp_path), "ACCOUNT_SERVICE_PORT": str(bank.ports["account-service"])},
    ) as second:
        assert second.wait() == 1
        assert f"port {bank.ports['account-service']} on 127.0.0.1 is not free for account-service" in second.output
        assert "set ACCOUNT_SERVICE_PORT" in second.output


def test_a_data_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with RunningProcess("run_services.py", environment={"BANK_DATA_DIR": str(tmp_path / "data")}) as bank:
        assert bank.wait() == 1
        assert f"can't start: the data directory {tmp_path / 'data'} can't be used" in bank.output
        assert "Traceback" not in bank.output


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("BANK_HOST", "nosuch.invalid", "BANK_HOST is 'nosuch.invalid', and no address is known by that name: set"),
        ("AUTH_SERVICE_PORT", "eighty", "AUTH_SERVICE_PORT is 'eighty', which is not a port: set it to a number"),
        ("ADMIN_PASSWORD", "short", "auth-service: ADMIN_PASSWORD must have at least 12 characters"),
        ("SESSION_IDLE_SECONDS", "-1", "api-gateway: SESSION_IDLE_SECONDS is '-1', but must be at least 60"),
    ],
)
def test_a_bad_setting_is_refused_in_one_sentence(tmp_path: Path, variable: str, value: str, reason: str) -> None:
    with Bank(tmp_path, **{variable: value}) as bank:
        assert bank.wait(within_seconds=60) == 1
        last_line = bank.output.splitlines()[-1]
        assert last_line.startswith(f"{'supervisor':<19} | can't start: {reason}")
        assert "Traceback" not in bank.output


def test_an_unreadable_secret_is_refused_and_kept(tmp_path: Path) -> None:
    make_secrets({}, tmp_path / "secrets")
    signing_key = tmp_path / "secrets" / "signing_key"
    signing_key.unlink()
    signing_key.mkdir()
    with Bank(tmp_path) as bank:
        assert bank.wait() == 1
        assert f"can't start: the secret file {signing_key} can't be read (Is a directory)" in bank.output
    assert signing_key.is_dir()


def test_each_process_is_given_its_own_secrets_only() -> None:
    settings: list[type[Settings]] = [
        AuthSettings,
        AccountSettings,
        TransactionSettings,
        ReportingSettings,
        GatewaySettings,
    ]
    own = {one.service_name: secret_variables(one) for one in settings}
    own["auth-service"] -= {f"{name.upper().replace('-', '_')}_SECRET" for name in PORTS}  # it has only the digests
    everything = {variable: f"value of {variable}" for variables in own.values() for variable in variables}
    everything |= {"AUTH_SERVICE_SECRET": "s", "BANK_DEMO_PASSWORD": "d", "PGPASSWORD": "p", "BANK_NAME": "Northwater"}
    everything["ACCOUNT_DATABASE_URL"] = "postgresql://bank@db/account"
    for name, variables in own.items():
        shared = {"BANK_NAME"} | ({"PGPASSWORD"} if name == "account-service" else set())
        assert set(run_services.environment_of(name, everything)) == variables | shared, name


def secret_variables(settings: type[Settings]) -> set[str]:
    return {str(field.validation_alias) for field in settings.model_fields.values() if not field.repr}


def test_a_killed_service_comes_back_and_the_others_go_on_meanwhile(bank: Bank) -> None:
    os.kill(bank.process_of("account-service"), signal.SIGKILL)
    assert status_of(bank.url("/api/live")) == 200
    bank.wait_for("account-service was killed by SIGKILL; starting it again in 0.5 s")
    eventually(lambda: status_of(bank.url("/health")) == 200, within_seconds=20)
    assert is_running(bank.process_of("api-gateway"))


def test_the_next_start_keeps_the_secrets_and_tells_no_password(bank: Bank, folder: Path) -> None:
    password = bank.wait_for(r"with the password (\S+)")[1]
    token = bank.log_in(password).json()["token"]
    bank.send(signal.SIGTERM)
    assert bank.wait() == 0
    with Bank(folder, "--no-reporting") as again:
        again.wait_for("Ctrl-C stops", within_seconds=60)
        assert "password" not in again.output
        assert re.search(r"api-gateway .* not healthy \(reporting-service\)", again.output)
        assert "reporting-service |" not in again.output
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(again.url("/api/auth/verify_token"), headers=headers, timeout=9)
        assert (answer.status_code, answer.json()["username"]) == (200, "admin"), answer.text
        again.send(signal.SIGINT)
        assert again.wait() == 0


def test_older_databases_are_upgraded_before_the_services_start(tmp_path: Path) -> None:
    old = create_engine(f"sqlite:///{tmp_path / 'account.db'}")
    run(old, OLD / "account_sqlite.sql")
    old.dispose()
    environment = complete_environment({"BANK_DATA_DIR": str(tmp_path)})
    assert outdated_databases(PORTS, environment) == ["account"]
    with Bank(tmp_path) as bank:
        bank.wait_for("upgrading the databases of account")
        bank.wait_for("Ctrl-C stops", within_seconds=60)
        bank.send(signal.SIGTERM)
        assert bank.wait() == 0
    assert outdated_databases(PORTS, environment) == []


def test_databases_elsewhere_empty_ones_and_other_files_are_not_outdated(tmp_path: Path) -> None:
    (tmp_path / "auth.db").touch()
    (tmp_path / "reporting.db").write_text("This is a letter.")
    elsewhere = {
        "ACCOUNT_DATABASE_URL": "postgresql://localhost/bank",
        "TRANSACTION_DATABASE_URL": "sqlite:////none.db",
    }
    environment = complete_environment({"BANK_DATA_DIR": str(tmp_path), **elsewhere})
    assert outdated_databases(PORTS, environment) == []


@pytest.mark.long
@pytest.mark.skipif(not CONSUL, reason=NO_CONSUL)
def test_the_services_find_each_other_by_consul_alone(tmp_path: Path) -> None:
    nowhere = {variable(name, "URL"): "http://127.0.0.1:9" for name in PORTS}
    with (
        ConsulAgent(str(CONSUL)) as agent,
        Bank(tmp_path, CONSUL_HOST="127.0.0.1", CONSUL_PORT=str(agent.port), **nowhere) as bank,
    ):
        bank.wait_for("Ctrl-C stops", within_seconds=60)
        eventually(lambda: [agent.passing_ports(name) for name in PORTS] == [{port} for port in bank.ports.values()])
        agent.kill()
        assert status_of(bank.url("/health")) == 200
        agent.start()
        eventually(lambda: all(agent.registered_ports(name) for name in PORTS))
        bank.send(signal.SIGTERM)
        assert bank.wait() == 0
        assert not any(agent.registered_ports(name) for name in PORTS)
