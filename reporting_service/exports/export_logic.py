"""What an export contains: profile, accounts, transactions, reports, sessions, cases and accesses of staff."""

from dataclasses import dataclass
from typing import IO

from reporting_service.documents.document_storage import Document, make_document
from reporting_service.exports.export_clients import DataClient
from reporting_service.exports.export_storage import ExportStorage
from reporting_service.exports.zip_writer import ExportZip
from reporting_service.reporting_schemas import ReportOut
from shared.core.clock import now
from shared.core.periods import to_text
from shared.db.outbox import Outbox
from shared.web import audit_trail
from shared.web.access import Caller

_ACCOUNTS = ("id", "account_number", "account_type", "nickname", "balance", "currency", "status", "created_at")
_TRANSACTIONS = (
    *("id", "timestamp", "transaction_type", "status", "amount", "currency", "description", "balance_after"),
    *("account_number", "from_account_number", "to_account_number"),
    *("reverses", "reversed_by", "failure_code", "category"),
)
_SESSIONS = ("id", "created_at", "last_used_at", "ip", "user_agent")
_VIEWS = ("id", "timestamp", "action", "actor")


@dataclass(frozen=True)
class ExportTools:
    """The client, the storage and the outbox that exports use."""

    data: DataClient
    kept: ExportStorage
    outbox: Outbox


def make_export(tools: ExportTools, caller: Caller) -> Document:
    """Return all data of the caller as a ZIP, and record the export in the audit trail. Raises ServiceUnavailable."""

    def write(out: IO[bytes]) -> None:
        _write(tools, caller, out)
        details = {"size_bytes": out.tell()}
        audit_trail.record(tools.outbox, "data.export", actor=caller, subject_id=caller.user_id, details=details)

    return make_document(write, "application/zip", f"my-data-{now().date()}.zip")


def _write(tools: ExportTools, caller: Caller, out: IO[bytes]) -> None:
    data, token, made_at = tools.data, caller.token, to_text(now())
    with ExportZip(out) as export:
        export.add("profile", data.profile(token))
        counts = {
            "accounts": export.add_rows("accounts", data.accounts(token), _ACCOUNTS),
            "transactions": export.add_rows("transactions", data.transactions(token), _TRANSACTIONS),
            "sessions": export.add_rows("sessions", data.sessions(token), _SESSIONS),
            "cases": export.add_rows("cases", data.cases(token)),
            "views": export.add_rows("views", data.views(token), _VIEWS),
            "reports": export.add_rows("reports", map(ReportOut.of, tools.kept.reports(caller.user_id))),
            "custom_reports": export.add_rows("custom_reports", tools.kept.custom_reports(caller.user_id)),
        }
        export.add("contents", {"made_at": made_at, "user_id": str(caller.user_id), "rows": counts})
