"""Mail goes to a real SMTP server, or into files that only their owner can read."""

import datetime
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from auth_service.mail import mail_clients
from auth_service.mail.mail_clients import OutboxFolder, RecipientRefused, SmtpServer
from auth_service.mail.mail_schemas import MailSettings
from shared.core.errors import CannotStart
from tests.support.processes import free_ports


class Inbox:
    """The handler of a mail server: keeps what arrives, or answers `reply` to each recipient."""

    def __init__(self, reply: str = "250 OK") -> None:
        self.arrived: list[Envelope] = []
        self._reply = reply

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._reply

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - the same
        self.arrived.append(envelope)
        return "250 OK"


@contextmanager
def mail_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run a mail server and return its port."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_ports(1)[0], **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a mail server")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    file = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + signed.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def check_password(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    return AuthResult(success=(given.login, given.password) == (b"bank", b"p@ss word"), handled=False)


def message() -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Bank <no-reply@example.com>"
    made["To"] = "ada@example.com"
    made["Subject"] = "A word"
    made["Date"] = "Sat, 28 Nov 2026 12:00:00 +0000"
    made["Message-ID"] = "<abc123@example.com>"
    made.set_content("Hello\n")
    return made


def test_a_message_reaches_an_smtp_server() -> None:
    inbox = Inbox()
    with mail_server(inbox) as port:
        SmtpServer.of(f"smtp://127.0.0.1:{port}").deliver(message())
    (arrived,) = inbox.arrived
    assert (arrived.mail_from, arrived.rcpt_tos) == ("no-reply@example.com", ["ada@example.com"])
    assert "Subject: A word" in str(arrived.content)


@pytest.mark.parametrize(("reply", "error"), [("550 no such user", RecipientRefused), ("451 try later", OSError)])
def test_a_recipient_is_refused_for_good_or_for_now(reply: str, error: type[Exception]) -> None:
    with mail_server(Inbox(reply)) as port, pytest.raises(error):
        SmtpServer.of(f"smtp://127.0.0.1:{port}").deliver(message())


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the whole connection is encrypted
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_is_sent_encrypted(certificate: ssl.SSLContext, scheme: str) -> None:
    inbox = Inbox()
    options: dict[str, Any] = {"authenticator": check_password, "auth_required": True}
    if scheme == "smtps":
        options |= {"ssl_context": certificate, "auth_require_tls": False}
    else:
        options |= {"tls_context": certificate, "require_starttls": True}
    with mail_server(inbox, **options) as port:
        SmtpServer.of(f"{scheme}://bank:p%40ss%20word@127.0.0.1:{port}").deliver(message())
        with pytest.raises(OSError, match="535"):
            SmtpServer.of(f"{scheme}://bank:wrong@127.0.0.1:{port}").deliver(message())
    assert len(inbox.arrived) == 1


def test_a_password_is_never_sent_unencrypted() -> None:
    inbox = Inbox()
    with (
        mail_server(inbox, authenticator=check_password, auth_require_tls=False) as port,
        pytest.raises(OSError, match="STARTTLS"),
    ):
        SmtpServer.of(f"smtp://bank:p%40ss%20word@127.0.0.1:{port}").deliver(message())
    assert inbox.arrived == []


def test_a_certificate_of_an_unknown_authority_is_refused(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_server(Inbox(), tls_context=certificate) as port, pytest.raises(ssl.SSLCertVerificationError):
        SmtpServer.of(f"smtp://127.0.0.1:{port}").deliver(message())


def test_a_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(mail_clients, "SMTP_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="timed out"):
        SmtpServer.of(f"smtp://127.0.0.1:{listener.getsockname()[1]}").deliver(message())


def test_mails_in_the_folder_are_for_their_owner_and_listed_newest_first(tmp_path: Path) -> None:
    folder = OutboxFolder(tmp_path / "outbox")
    assert list(folder.newest(5)) == []
    folder.deliver(message())
    folder.deliver(message())  # the same mail again
    later = message()
    later.replace_header("Date", "Sun, 29 Nov 2026 12:00:00 +0000")
    later.replace_header("Message-ID", "<def456@example.com>")
    later.replace_header("Subject", "Another word")
    folder.deliver(later)
    assert [mail.subject for mail in folder.newest(5)] == ["Another word", "A word"]
    assert [mail.subject for mail in folder.newest(1)] == ["Another word"]
    first = next(folder.newest(1))
    assert (first.recipient, first.text.strip()) == ("ada@example.com", "Hello")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    assert (modes, stat.S_IMODE(folder.path.stat().st_mode)) == ({0o600}, 0o700)


def test_a_folder_that_can_not_be_written_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")
    with pytest.raises(OSError, match="can't be written"):
        OutboxFolder(tmp_path / "outbox").deliver(message())


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587)),
        ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, is_tls=True)),
        ("smtp://me:p%40ss@[::1]:25/", SmtpServer("::1", 25, username="me", password="p@ss")),
    ],
)
def test_mail_url_names_a_server(url: str, server: SmtpServer) -> None:
    settings = MailSettings.load(MAIL_URL=url)
    assert settings.mail_url
    assert SmtpServer.of(settings.mail_url) == server


@pytest.mark.parametrize("url", ["a.host", "http://x", "smtp://:25", "smtp://x:99999", "smtp://x/y", "smtp://x?y"])
def test_an_unusable_mail_url_stops_the_start_without_being_shown(url: str) -> None:
    with pytest.raises(CannotStart, match="MAIL_URL must be the address of a mail server") as refused:
        MailSettings.load(MAIL_URL=url)
    assert url not in str(refused.value)
