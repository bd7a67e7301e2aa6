"""Making statement exports in the background: one after another in each process, with their progress in the database.

A process claims an export in the database and writes a heartbeat every few seconds. When the process has ended, another
one claims the export after half a minute and begins anew; its statements of months that are over are kept, so that
takes less time. The statements are read with the caller's token, which is stored encrypted until the export has ended.
When the caller's session has ended meanwhile, the export fails.
"""

import hashlib
import logging
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TypeVar
from uuid import UUID, uuid4

from pydantic import TypeAdapter

from reporting_service.documents.document_storage import Document, parts_of, temporary_file
from reporting_service.reporting_models import KEPT_FOR, StatementExport
from reporting_service.statement_exports.statement_export_storage import StatementExportStorage
from reporting_service.statements.statement_schemas import StatementQuery
from shared.concurrency.background import PeriodicTask
from shared.core.clock import now
from shared.core.errors import AppError, ServiceUnavailable
from shared.security.encryption import Encryption, UnknownKey
from shared.web.access import Caller

MAX_WAITING = 20
MAX_ATTEMPTS = 3
LOST_AFTER = timedelta(seconds=30)
HEARTBEAT_SECONDS = 5.0
CALL_ATTEMPTS, CALL_PAUSE_SECONDS = 5, 2.0
_PROGRESS_SECONDS = 0.5
_CALLER = TypeAdapter(Caller)
_log = logging.getLogger(__name__)
_R = TypeVar("_R")


@dataclass(frozen=True)
class Piece:
    """One statement of an export, and the folder of the ZIP that it goes into."""

    folder: str
    account_id: UUID
    query: StatementQuery


@dataclass(frozen=True)
class Job:
    """An export to make, with whose rights, and the statements of the year that it consists of."""

    export_id: UUID
    caller: Caller
    year: int
    pieces: Sequence[Piece]


class _Cancelled(Exception):
    """The export was removed, another process has claimed it, or this process ends."""


class ExportWorker:
    """A thread that makes exports, and a task that writes the heartbeat and removes old exports.

    `plan` returns the statements of an export, `make` makes one, and `notify` tells the user of an export that it is
    ready. `enter` opens what the storage needs in a thread. `encryption` encrypts callers, whose tokens are secret.
    """

    def __init__(
        self,
        storage: StatementExportStorage,
        encryption: Encryption,
        *,
        plan: Callable[[Caller, StatementExport], Sequence[Piece]],
        make: Callable[[Caller, UUID, StatementQuery], Document],
        enter: Callable[[], AbstractContextManager[object]],
        notify: Callable[[UUID, int], None],
    ) -> None:
        self._storage, self._encryption = storage, encryption
        self._plan, self._make, self._enter, self._notify_user = plan, make, enter, notify
        self._id = uuid4()
        self._export_id: UUID | None = None
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="statement-exports", daemon=True)
        self._maintenance = PeriodicTask(
            self.maintain, name="statement-exports-maintenance", interval_seconds=HEARTBEAT_SECONDS
        )

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()
        self._maintenance.start()

    def stop(self) -> None:
        """Stop the threads. An export that is being made waits for the next process."""
        self._stopping.set()
        self._changed.set()
        self._maintenance.stop()
        if self._thread.is_alive():
            self._thread.join(8.0)

    def encrypt(self, caller: Caller) -> str:
        """Return a caller as it is stored with an export until that has ended."""
        return self._encryption.encrypt(_CALLER.dump_json(caller).decode())

    def wake(self) -> None:
        """Look for exports that wait now."""
        self._changed.set()

    def maintain(self) -> None:
        """Write the heartbeat of the export that this process makes, and remove exports of a week ago."""
        with self._enter():
            storage = self._storage
            if export_id := self._export_id:
                with storage.transaction():
                    storage.change_active(export_id, self._id, seen_at=now())
            storage.refresh()
            for export_id in storage.list_expired(now() - KEPT_FOR):
                with storage.transaction():
                    storage.remove(export_id)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self.make_next():
                    continue
            except Exception:  # the database is away: the export is claimed again later
                _log.exception("an export could not be claimed or ended")
            self._changed.wait(HEARTBEAT_SECONDS)
            self._changed.clear()

    def make_next(self) -> bool:
        """Claim an export and make it. Return whether there was one."""
        with self._enter(), self._storage.transaction():
            export = self._storage.claim(self._id, now(), lost_before=now() - LOST_AFTER)
        if export is None:
            return False
        self._export_id = export.id
        try:
            self._finish(export)
        finally:
            self._export_id = None
        return True

    def _finish(self, export: StatementExport) -> None:
        """Make an export, or note why it failed."""
        try:
            job = self._to_job(export)
            with temporary_file() as file:
                self._write(job, file)
                self._keep(job, file)
            self._notify(job)
        except _Cancelled:
            _log.info("the export %s is not made here any more", export.id)
        except AppError as error:
            if not self._stopping.is_set():
                self._fail(export.id, error.message)
        except Exception:
            _log.exception("the export %s failed", export.id)
            self._fail(export.id, AppError.message)
        finally:
            if self._stopping.is_set():  # one that has not ended waits for the next process
                self._change(export.id, state="queued", worker_id=None, attempts=export.attempts - 1)

    def _to_job(self, export: StatementExport) -> Job:
        """Return what to make with whose rights. Raises AppError after too many attempts, or without a caller."""
        if export.attempts > MAX_ATTEMPTS:
            raise AppError("This export was interrupted several times. Please ask for it again later.")
        try:
            caller = _CALLER.validate_json(self._encryption.decrypt(export.caller or ""))
        except (UnknownKey, ValueError):
            raise AppError("The service was restarted. Please ask for the export again.") from None
        pieces = self._with_retries(lambda: self._plan(caller, export))
        return Job(export.id, caller, export.year, pieces)

    def _write(self, job: Job, file: IO[bytes]) -> None:
        written_at = time.monotonic()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for done, piece in enumerate(job.pieces, 1):
                document = self.make_statement(job, piece)
                name = zipfile.ZipInfo(f"{piece.folder}/{document.name}")
                name.compress_type, name.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
                with document.file as source, archive.open(name, "w", force_zip64=True) as entry:
                    shutil.copyfileobj(source, entry)
                if time.monotonic() - written_at > _PROGRESS_SECONDS:
                    self._change_or_cancel(job.export_id, done=done, seen_at=now())
                    written_at = time.monotonic()

    def make_statement(self, job: Job, piece: Piece) -> Document:
        """Make one statement, again while a service is unavailable."""
        return self._with_retries(lambda: self._make(job.caller, piece.account_id, piece.query))

    def _notify(self, job: Job) -> None:
        """Tell the user. The export is ready in any case, and its page says so."""
        try:
            self._with_retries(lambda: self._notify_user(job.caller.user_id, job.year))
        except AppError as error:
            _log.warning("the user was not told that the export %s is ready: %s", job.export_id, error.code)

    def _with_retries(self, call: Callable[[], _R]) -> _R:
        """Return the result of a call, which is repeated while a service is unavailable."""
        for attempt in range(CALL_ATTEMPTS):
            try:
                with self._enter():
                    return call()
            except ServiceUnavailable:
                if attempt == CALL_ATTEMPTS - 1 or self._stopping.wait(CALL_PAUSE_SECONDS):
                    raise
        raise AssertionError

    def _keep(self, job: Job, file: IO[bytes]) -> None:
        """Store the bytes part by part, in short transactions, then say that the export is ready."""
        digest, size_bytes = hashlib.sha256(), 0
        for number, part in enumerate(parts_of(file)):
            digest.update(part)
            size_bytes += len(part)
            with self._enter(), self._storage.transaction():
                if not self._storage.change_active(job.export_id, self._id, seen_at=now()):
                    raise _Cancelled
                self._storage.add_part(job.export_id, number, part)
        size = {"digest": digest.hexdigest(), "size_bytes": size_bytes}
        self._change_or_cancel(job.export_id, state="ready", done=len(job.pieces), **size, **self._ended())

    def _change_or_cancel(self, export_id: UUID, **values: object) -> None:
        """Set values of the export. Raises _Cancelled when this process does not make it any more, or ends."""
        if not self._change(export_id, **values) or self._stopping.is_set():
            raise _Cancelled

    def _change(self, export_id: UUID, **values: object) -> bool:
        with self._enter(), self._storage.transaction():
            return self._storage.change_active(export_id, self._id, **values)

    def _fail(self, export_id: UUID, reason: str) -> None:
        with self._enter(), self._storage.transaction():
            if self._storage.change_active(export_id, self._id, state="failed", failure=reason, **self._ended()):
                self._storage.remove_parts(export_id)

    @staticmethod
    def _ended() -> dict[str, object]:
        return {"active_user_id": None, "caller": None, "worker_id": None, "finished_at": now()}
