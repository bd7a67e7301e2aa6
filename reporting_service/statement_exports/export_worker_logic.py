"""Making statement exports in the background: one after another in each process, with their progress in the database.

The caller's token stays in memory, so an export can't go on in another process. One whose process has ended is failed
by any other after half a minute. Its statements of months that are over are kept, so asking again takes less time.
"""

import hashlib
import logging
import shutil
import threading
import time
import zipfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TypeVar
from uuid import UUID

from reporting_service.documents.document_storage import Document, temporary_file
from reporting_service.statement_exports.statement_export_schemas import KEPT_FOR
from reporting_service.statement_exports.statement_export_storage import StatementExportStorage, parts_of
from reporting_service.statements.statement_schemas import StatementQuery
from shared.concurrency.background import PeriodicTask
from shared.core.clock import now
from shared.core.errors import AppError, ServiceUnavailable
from shared.web.access import Caller

MAX_WAITING = 20
LOST_AFTER = timedelta(seconds=30)
CARE_SECONDS = 5.0
ATTEMPTS, PAUSE_SECONDS = 5, 2.0
_NOTE_SECONDS = 0.5
_RESTARTED = "The service was restarted. Please ask for the export again."
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
    """The export was removed, or the process ends."""


class ExportWorker:
    """A thread that makes exports, and a task that looks after them.

    `enter` opens what the storage needs in a thread, `make` makes one statement, and `tell` tells the user of an export
    that it is ready.
    """

    def __init__(
        self,
        storage: StatementExportStorage,
        make: Callable[[Caller, UUID, StatementQuery], Document],
        enter: Callable[[], AbstractContextManager[object]],
        tell: Callable[[UUID, int], None],
    ) -> None:
        self._storage, self._make, self._enter, self._tell = storage, make, enter, tell
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="statement-exports", daemon=True)
        self._care = PeriodicTask(self.care, name="statement-exports-care", interval_seconds=CARE_SECONDS)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()
        self._care.start()

    def stop(self) -> None:
        """Stop the threads. Exports that wait or are being made fail."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._care.stop()
        if self._thread.is_alive():
            self._thread.join(8.0)
        for job in self._jobs:
            with suppress(AppError):
                self._fail(job.export_id, _RESTARTED)

    @property
    def waiting(self) -> int:
        """Return how many exports wait or are being made in this process."""
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Make an export after those that wait."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def care(self) -> None:
        """Note that this process lives, fail the exports of processes that don't, and remove those of a week ago."""
        with self._enter():
            storage = self._storage
            if mine := [job.export_id for job in list(self._jobs)]:
                with storage.transaction():
                    storage.touch(mine, now())
            storage.refresh()
            lost, expired = storage.list_lost(now() - LOST_AFTER), storage.list_expired(now() - KEPT_FOR)
            for export_id in lost:
                self._fail(export_id, _RESTARTED)
            for export_id in expired:
                with storage.transaction():
                    storage.remove(export_id)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._stopping.is_set())
            if self._stopping.is_set():
                return
            try:
                self._finish(self._jobs[0])
            except Exception:  # the database is away: the export is failed later, as one of an ended process
                _log.exception("the export %s could not be failed", self._jobs[0].export_id)
            finally:
                self._jobs.popleft()

    def _finish(self, job: Job) -> None:
        """Make an export, or note why it failed."""
        try:
            with temporary_file() as file:
                self._write(job, file)
                self._keep(job, file)
            self._notify(job)
        except _Cancelled:
            with self._enter(), suppress(AppError):
                self._fail(job.export_id, _RESTARTED)
        except AppError as error:
            self._fail(job.export_id, error.message)
        except Exception:
            _log.exception("the export %s failed", job.export_id)
            self._fail(job.export_id, AppError.message)

    def _write(self, job: Job, file: IO[bytes]) -> None:
        self._note(job.export_id, state="running")
        noted_at = time.monotonic()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for done, piece in enumerate(job.pieces, 1):
                document = self.make_statement(job, piece)
                name = zipfile.ZipInfo(f"{piece.folder}/{document.name}")
                name.compress_type, name.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
                with document.file as source, archive.open(name, "w", force_zip64=True) as entry:
                    shutil.copyfileobj(source, entry)
                if time.monotonic() - noted_at > _NOTE_SECONDS:
                    self._note(job.export_id, done=done, seen_at=now())
                    noted_at = time.monotonic()

    def make_statement(self, job: Job, piece: Piece) -> Document:
        """Make one statement. A service that is away is asked again."""
        return self._patiently(lambda: self._make(job.caller, piece.account_id, piece.query))

    def _notify(self, job: Job) -> None:
        """Tell the user. The export is ready in any case, and its page says so."""
        try:
            self._patiently(lambda: self._tell(job.caller.user_id, job.year))
        except AppError as error:
            _log.warning("the user was not told that the export %s is ready: %s", job.export_id, error.code)

    def _patiently(self, call: Callable[[], _R]) -> _R:
        for attempt in range(ATTEMPTS):
            try:
                with self._enter():
                    return call()
            except ServiceUnavailable:
                if attempt == ATTEMPTS - 1 or self._stopping.wait(PAUSE_SECONDS):
                    raise
        raise AssertionError

    def _keep(self, job: Job, file: IO[bytes]) -> None:
        """Store the bytes part by part, in short transactions, then say that the export is ready."""
        digest, size_bytes = hashlib.sha256(), 0
        for number, part in enumerate(parts_of(file)):
            digest.update(part)
            size_bytes += len(part)
            with self._enter(), self._storage.transaction():
                if not self._storage.change_active(job.export_id, seen_at=now()):
                    raise _Cancelled
                self._storage.add_part(job.export_id, number, part)
        self._note(
            job.export_id,
            state="ready",
            active_user_id=None,
            done=len(job.pieces),
            digest=digest.hexdigest(),
            size_bytes=size_bytes,
            finished_at=now(),
        )

    def _note(self, export_id: UUID, **values: object) -> None:
        """Change an active export. Raises _Cancelled when it is none any more, or the process ends."""
        with self._enter(), self._storage.transaction():
            is_active = self._storage.change_active(export_id, **values)
        if not is_active or self._stopping.is_set():
            raise _Cancelled

    def _fail(self, export_id: UUID, reason: str) -> None:
        with self._enter(), self._storage.transaction():
            values = {"state": "failed", "active_user_id": None, "failure": reason, "finished_at": now()}
            if self._storage.change_active(export_id, **values):
                self._storage.remove_parts(export_id)
