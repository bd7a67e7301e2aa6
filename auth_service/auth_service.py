"""The auth service: endpoints for users, sessions and tokens, and `create_app`. The default port is 8001."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import requests
from flask import Blueprint, Flask, Response
from pydantic import Field, ValidationInfo, field_validator

from auth_service import audit_service, auth_logic, customer_service, session_logic, user_logic
from auth_service.approvals import approval_logic
from auth_service.approvals.approval_models import Approval
from auth_service.approvals.approval_service import approvals
from auth_service.audit import audit_logic
from auth_service.audit.audit_storage import AuditStorage
from auth_service.auth_logic import LockedOut, Tools, WrongPassword
from auth_service.auth_models import User, column_keys, db
from auth_service.auth_schemas import AdminAnswer, Login, TokensAnswer, VerifiedAnswer
from auth_service.auth_storage import EncryptedColumns, LinkStorage, LockoutStorage, UserStorage
from auth_service.cases.case_clients import PaymentClient
from auth_service.cases.case_logic import Cases
from auth_service.cases.case_service import cases
from auth_service.cases.case_storage import CaseStorage
from auth_service.common_service import api, tools
from auth_service.customers.customer_storage import NoteStorage
from auth_service.identity.identity_service import identity
from auth_service.identity.identity_storage import IdentityStorage
from auth_service.keys.key_logic import SIGNING_KEYS_FILE, SigningKeysFile
from auth_service.keys.key_schemas import ClientSettings
from auth_service.keys.key_service import keys
from auth_service.mail import mail_logic
from auth_service.mail.mail_logic import Mailer
from auth_service.mail.mail_schemas import MailSettings
from auth_service.mail.mail_storage import MailStorage
from auth_service.mail.template_logic import MailTemplates
from auth_service.passkeys import passkey_logic
from auth_service.passkeys.passkey_logic import Passkeys
from auth_service.passkeys.passkey_service import passkeys
from auth_service.passkeys.passkey_storage import PasskeyStorage
from auth_service.permissions import permission_logic
from auth_service.permissions.permission_service import permissions, permissions_internal
from auth_service.permissions.user_service import users
from auth_service.recovery import recovery_logic
from auth_service.recovery.outbox_service import outbox
from auth_service.recovery.recovery_logic import Recovery
from auth_service.recovery.recovery_service import recovery
from auth_service.second_factor import login_logic, removal_logic
from auth_service.second_factor.removal_logic import Removals
from auth_service.second_factor.removal_models import FactorRemoval
from auth_service.second_factor.removal_service import removal
from auth_service.second_factor.second_factor_logic import InvalidOtp, MfaRequired, SecondFactors
from auth_service.second_factor.second_factor_schemas import ENCRYPTION_KEYS_FILE, SecondFactorSettings
from auth_service.second_factor.second_factor_service import mfa
from auth_service.second_factor.second_factor_storage import SecondFactorStorage
from auth_service.session_service import sessions, sessions_internal
from auth_service.session_storage import SessionStorage, StoredRevocations
from auth_service.user_logic import EmailTaken, UsernameTaken
from auth_service.user_schemas import (
    NewUser,
    NewUserAnswer,
    PersonOut,
    ProfileAnswer,
    ProfileChanges,
    Statistics,
    StatisticsQuery,
    Username,
    UserOut,
)
from shared.concurrency.background import PeriodicTask
from shared.core.errors import CannotStart, InvalidCredentials
from shared.db.approvals import ApprovalTable
from shared.http.client import Peer
from shared.security import secret_files
from shared.security.passwords import MAX_PASSWORD_LENGTH, Passwords, why_too_common
from shared.security.token_signer import TokenSigner
from shared.security.tokens import TokenVerifier
from shared.web import serving
from shared.web.access import (
    Caller,
    StepUpRequired,
    private,
    private_even_limited,
    public,
    report_refusals,
    service_only,
)
from shared.web.application import Lifecycle, Peers, make_app, make_session
from shared.web.approvals.rules import ADMIN, ApprovalRules
from shared.web.parts import keep, part
from shared.web.responses import success
from shared.web.settings import DatabaseURL
from shared.web.validation.openapi import answer, documented

CLEAN_UP_SECONDS = 600.0
MAIL_SECONDS = 1.0
SIGNING_KEYS_SECONDS = 1.0
CHAIN_SECONDS = 1.0

BLUEPRINTS = (  # the endpoints in other files
    sessions,
    sessions_internal,
    keys,
    mfa,
    removal,
    passkeys,
    outbox,
    permissions,
    permissions_internal,
    cases,
    identity,
    users,
    approvals,
    audit_service.audit,
    audit_service.audit_internal,
    *customer_service.BLUEPRINTS,
    recovery,
)
auth = Blueprint("auth", __name__, url_prefix="/api/auth")
internal = Blueprint("internal", __name__, url_prefix="/internal")


class AuthSettings(MailSettings, SecondFactorSettings, ClientSettings):
    """Settings of the auth service, the only process with the signing key."""

    service_name: ClassVar[str] = "auth-service"
    secrets: ClassVar[dict[str, str]] = {
        "AUTH_SIGNING_KEY": SIGNING_KEYS_FILE,
        "AUTH_ENCRYPTION_KEYS": ENCRYPTION_KEYS_FILE,
    }

    port: int = Field(8001, ge=1, le=65535, validation_alias="AUTH_SERVICE_PORT")
    given_database_url: DatabaseURL | None = Field(None, repr=False, validation_alias="AUTH_DATABASE_URL")
    signing_key: str = Field(repr=False, validation_alias="AUTH_SIGNING_KEY")
    admin_username: Username = Field("admin", validation_alias="ADMIN_USERNAME")
    approval_required: bool = Field(False, validation_alias="APPROVAL_REQUIRED")
    admin_password: str | None = Field(
        None, min_length=12, max_length=MAX_PASSWORD_LENGTH, repr=False, validation_alias="ADMIN_PASSWORD"
    )

    @field_validator("signing_key")
    @classmethod
    def _validate_signing_key(cls, text: str) -> str:
        TokenSigner.from_text(text)
        return text

    @field_validator("admin_password")
    @classmethod
    def _validate_admin_password(cls, password: str | None, info: ValidationInfo) -> str | None:
        if password and (reason := why_too_common(password, [info.data.get("admin_username", "")])):
            raise ValueError(reason)
        return password


@auth.post("/register")
@public
@api.validate(resp=documented(201, NewUserAnswer, UsernameTaken, EmailTaken))
def register(json: NewUser) -> Response:
    """Register a customer."""
    user = user_logic.register(tools(), json)
    return success(201, user=UserOut.model_validate(user), user_id=user.id, message="Welcome. You can log in now.")


@auth.post("/login")
@public
@api.validate(resp=documented(200, TokensAnswer, InvalidCredentials, MfaRequired, InvalidOtp, LockedOut))
def login(json: Login) -> Response:
    """Log in and start a session. With a second factor `otp` is needed too, in the same request or at `mfa/login`."""
    tokens = login_logic.log_in(tools(), part(SecondFactors), json)
    return success(**tokens.model_dump(), message="You are logged in.")


@auth.get("/verify_token")
@private_even_limited
@api.validate(resp=documented(200, VerifiedAnswer))
def verify_token(caller: Caller) -> Response:
    """Return the current data of the user to whom the token belongs."""
    user = user_logic.details(tools(), caller.user_id)
    return success(user_id=user.id, username=user.username, email=user.email, role=user.role, status=user.status)


@auth.get("/verify_admin")
@private
@api.validate(resp=documented(200, AdminAnswer))
def verify_admin(caller: Caller) -> Response:
    """Return whether the caller is an admin."""
    return success(is_admin=caller.role == "admin")


@auth.get("/users/profile")
@private_even_limited
@api.validate(resp=documented(200, ProfileAnswer))
def profile(caller: Caller) -> Response:
    """Return the profile of the caller."""
    return success(**_render_profile(user_logic.details(tools(), caller.user_id)))


@auth.put("/users/profile")
@auth.route("/update_profile", methods=["PUT", "POST"])
@private
@api.validate(resp=documented(200, ProfileAnswer, WrongPassword, EmailTaken, StepUpRequired))
def update_profile(caller: Caller, json: ProfileChanges) -> Response:
    """Change the profile of the caller. A new e-mail address needs the current password."""
    user = user_logic.update_profile(tools(), caller, json)
    return success(**_render_profile(user), message="Your profile is saved.")


@internal.get("/users/<uuid:user_id>")
@service_only("users:read")
@api.validate(resp=documented(200, answer(user=PersonOut)))
def person(user_id: UUID) -> Response:
    """Return the data of a user that other services need."""
    return success(user=PersonOut.model_validate(user_logic.details(tools(), user_id)))


@internal.get("/statistics")
@service_only("statistics:read")
@api.validate(resp=documented(200, answer(statistics=Statistics)))
def statistics(query: StatisticsQuery) -> Response:
    """Count all users by role and by status, and those who registered in a range of time."""
    return success(statistics=user_logic.statistics(tools(), query))


def create_app(settings: AuthSettings, session: requests.Session | None = None) -> Flask:
    """Create the auth service. Raises CannotStart for unusable settings or an unusable database.

    `session` sends its only calls to another service, which ask whose a disputed payment is.
    """
    signer = TokenSigner.from_text(settings.signing_key)
    sessions = SessionStorage(db)

    def report_use(used_at: dict[UUID, float]) -> None:
        now = time.time()
        with app.app_context():
            session_logic.record_use(parts, {session_id: max(0.0, now - at) for session_id, at in used_at.items()})

    app = make_app(
        settings,
        verifier=TokenVerifier(lambda: {"keys": signer.public_keys()}, StoredRevocations(sessions), report_use),
        database=db,
        database_url=settings.database_url(settings.given_database_url, "auth.db"),
        api=api,
    )
    column_keys.use(settings.read_encryption_keys())
    parts = _make_tools(settings, sessions, signer)
    templates = MailTemplates(settings.bank_url, settings.bank_contact)
    mailer = Mailer.of(settings, parts.mails, templates.renderers | Recovery(parts, templates).renderers)
    second_factors = SecondFactors.of(settings, SecondFactorStorage(db), settings.bank_name)
    keep(
        app,
        parts,
        mailer,
        second_factors,
        Passkeys.of(second_factors, PasskeyStorage(db), settings.bank_url),
        _make_removals(parts, second_factors),
        NoteStorage(db),
        IdentityStorage(db),
        Cases(CaseStorage(db), PaymentClient(_transaction_service(app, settings, session))),
        _make_approvals(parts, is_required=settings.approval_required),
    )
    for blueprint in (auth, internal, *BLUEPRINTS):
        app.register_blueprint(blueprint)

    report_refusals(app, lambda caller: audit_logic.record_refusal(parts.audit, caller))
    _add_tasks(app, parts, mailer)
    _reload_keys(app, settings, signer)
    with app.app_context():
        auth_logic.encrypt_anew(EncryptedColumns(db))
    _ensure_admin(app, settings)
    return app


def _transaction_service(app: Flask, settings: AuthSettings, session: requests.Session | None) -> Peer:
    peers = Peers(settings, session or make_session())
    part(Lifecycle, app).add(peers.directory)
    return peers["transaction-service"]


def _reload_keys(app: Flask, settings: AuthSettings, signer: TokenSigner) -> None:
    file = secret_files.folder(settings.data_dir) / SIGNING_KEYS_FILE
    keys_file = SigningKeysFile(file, settings.signing_key, signer, part(TokenVerifier, app))
    _add_task(app, "signing-keys", SIGNING_KEYS_SECONDS, keys_file.reload)


def _add_tasks(app: Flask, parts: Tools, mailer: Mailer) -> None:
    _add_task(app, "mail", MAIL_SECONDS, lambda: mail_logic.send_due(mailer))
    _add_task(app, "audit-chain", CHAIN_SECONDS, lambda: audit_logic.chain(parts.audit))
    _add_task(app, "clean-up", CLEAN_UP_SECONDS, lambda: session_logic.clean_up(parts))
    _add_task(app, "link-clean-up", CLEAN_UP_SECONDS, lambda: recovery_logic.clean_up(parts))
    _add_task(app, "passkey-clean-up", CLEAN_UP_SECONDS, lambda: passkey_logic.clean_up(part(Passkeys)))


def _make_tools(settings: AuthSettings, sessions: SessionStorage, signer: TokenSigner) -> Tools:
    return Tools(
        users=UserStorage(db),
        lockouts=LockoutStorage(db),
        sessions=sessions,
        links=LinkStorage(db),
        mails=MailStorage(db),
        passwords=Passwords(),
        signer=signer,
        audit=AuditStorage(db),
        client_digests=settings.client_digests(),
        admin_requires_mfa=settings.admin_requires_mfa,
    )


def _make_approvals(parts: Tools, *, is_required: bool) -> ApprovalRules:
    return ApprovalRules(
        ApprovalTable(db, Approval),
        record=partial(approval_logic.record, parts),
        concerns=approval_logic.concerns,
        may_ask=lambda approval: permission_logic.may_until_the_end(parts, approval.asked_by, ADMIN),
        is_required=is_required,
        knows_people=True,
    )


def _make_removals(parts: Tools, factors: SecondFactors) -> Removals:
    requests = ApprovalRules(
        ApprovalTable(db, FactorRemoval),
        record=partial(removal_logic.record, parts),
        concerns=lambda _caller, _removal: False,  # only customers have such requests, and only staff decide
        may_ask=lambda removal: permission_logic.may_until_the_end(parts, removal.asked_by, "customers:write"),
        is_required=True,
        knows_people=True,
    )
    return Removals(requests, factors)


def _add_task(app: Flask, name: str, interval_seconds: float, job: Callable[[], object]) -> None:
    def run() -> None:
        with app.app_context():
            job()

    part(Lifecycle, app).add(PeriodicTask(run, name=name, interval_seconds=interval_seconds))


def _ensure_admin(app: Flask, settings: AuthSettings) -> None:
    """Create the first admin. Raises CannotStart when a customer has that username."""
    if settings.admin_password is None:
        return
    try:
        with app.app_context():
            user_logic.ensure_admin(part(Tools), settings.admin_username, settings.admin_password)
    except user_logic.UsernameTaken:
        raise CannotStart(
            f"ADMIN_USERNAME is {settings.admin_username!r}, which is the username of a customer: set another name"
        ) from None


def _render_profile(user: User) -> dict[str, Any]:
    return {
        "user": UserOut.model_validate(user),
        "email_verified": user.email_verified_at is not None,
        "time_zone": user.time_zone,
    }


if __name__ == "__main__":
    serving.serve(create_app, AuthSettings)
