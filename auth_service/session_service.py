"""Endpoints of sessions: refresh, logout, the password, own sessions, and the feed of ended ones for other services."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service import session_logic
from auth_service.audit import audit_logic
from auth_service.audit.audit_schemas import LoginAttemptOut
from auth_service.auth_logic import WrongPassword
from auth_service.auth_schemas import (
    PasswordChange,
    Refresh,
    RevocationsAnswer,
    RevocationsQuery,
    SessionOut,
    SessionsUsed,
    TokensAnswer,
)
from auth_service.common_service import api, tools
from shared.core.errors import InvalidToken, TokenExpired
from shared.web.access import Caller, StepUpRequired, private, private_even_limited, public, service_only
from shared.web.cursors import Page, page_of
from shared.web.responses import success
from shared.web.validation.openapi import Answer, documented

sessions = Blueprint("sessions", __name__, url_prefix="/api/auth")
sessions_internal = Blueprint("sessions_internal", __name__, url_prefix="/internal")


@sessions.post("/refresh")
@public
@api.validate(resp=documented(200, TokensAnswer, InvalidToken, TokenExpired))
def refresh(json: Refresh) -> Response:
    """Exchange a refresh token for the next tokens of the session. Repeating the request within ten seconds returns the
    same refresh token again; a later reuse ends the session."""
    return success(**session_logic.refresh(tools(), json.refresh_token).model_dump())


@sessions.post("/logout")
@private_even_limited
@api.validate(resp=documented(200, Answer))
def logout(caller: Caller) -> Response:
    """End the session of the token. All services reject its tokens within one second."""
    session_logic.log_out(tools(), caller)
    return success(message="You are logged out.")


@sessions.post("/change_password")
@private
@api.validate(resp=documented(200, Answer, WrongPassword, StepUpRequired))
def change_password(caller: Caller, json: PasswordChange) -> Response:
    """Change the caller's password and end all other sessions of the caller."""
    session_logic.change_password(tools(), caller, json)
    return success(message="The password is changed. You are logged out everywhere else.")


@sessions.get("/sessions")
@private
@api.validate(resp=documented(200, page_of(sessions=SessionOut)))
def list_sessions(caller: Caller, query: Page) -> Response:
    """List the caller's active sessions, newest first."""
    rows, pagination = session_logic.list_sessions(tools(), caller, query)
    return success(sessions=[SessionOut.of(row, caller.session_id) for row in rows], pagination=pagination)


@sessions.delete("/sessions")
@private
@api.validate(resp=documented(200, Answer))
def end_all_sessions(caller: Caller) -> Response:
    """End all sessions of the caller, this one included."""
    session_logic.end_all_sessions(tools(), caller)
    return success(message="You are logged out everywhere.")


@sessions.post("/sessions/renew")
@private_even_limited
@api.validate(resp=documented(200, TokensAnswer))
def renew(caller: Caller) -> Response:
    """Let the session of the token go on under a new id with new tokens. The present tokens stop working."""
    return success(**session_logic.renew(tools(), caller).model_dump())


@sessions.get("/logins")
@private
@api.validate(resp=documented(200, page_of(logins=LoginAttemptOut)))
def list_logins(caller: Caller, query: Page) -> Response:
    """List the attempts to log in as the caller, also those that failed, newest first."""
    rows, pagination = audit_logic.list_logins(tools().audit, caller, query)
    return success(logins=[LoginAttemptOut.of(row) for row in rows], pagination=pagination)


@sessions.delete("/sessions/<uuid:session_id>")
@private
@api.validate(resp=documented(200, Answer))
def end_session(caller: Caller, session_id: UUID) -> Response:
    """End one session of the caller."""
    session_logic.end_session(tools(), caller, session_id)
    return success(message="The session has ended.")


@sessions_internal.get("/revocations")
@service_only("revocations:read")
@api.validate(resp=documented(200, RevocationsAnswer))
def revocations(query: RevocationsQuery) -> Response:
    """List the sessions that have ended since a cursor."""
    cursor, ended = session_logic.ended_since(tools(), query.after)
    return success(cursor=cursor, sessions=ended, key_ids=tools().signer.key_ids())


@sessions_internal.post("/sessions/used")
@service_only("sessions:report")
@api.validate(resp=documented(200, Answer))
def sessions_used(json: SessionsUsed) -> Response:
    """Record when sessions were last used at another service."""
    session_logic.record_use(tools(), json.sessions)
    return success()
