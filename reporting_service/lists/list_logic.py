"""The rules of exports of the staff's lists: who may export which rows is decided by the list itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from typing import IO, Any

from reporting_service.documents.csv_writer import cells_of, csv_rows
from reporting_service.documents.document_storage import Document, make_document
from reporting_service.downloads.download_schemas import CSV_TYPE
from reporting_service.lists.list_schemas import LISTS, Row, Source, StaffList, asked_at
from shared.core.clock import now
from shared.core.errors import InvalidRequest, NotFound
from shared.db.outbox import Outbox
from shared.http.client import Peer
from shared.web import audit_trail
from shared.web.access import Caller

_PAGING = ("limit", "cursor")


@dataclass(frozen=True)
class ListTools:
    """The services by name, which the exported lists are read from, and the outbox."""

    peers: Mapping[str, Peer]
    outbox: Outbox


def make_export(tools: ListTools, caller: Caller, name: str, filters: Mapping[str, Any]) -> Document:
    """Return all rows of a list that match as CSV, and record the export with its filters in the audit trail.

    Raises NotFound, the refusals of the list (Forbidden, InvalidRequest), ServiceUnavailable.
    """
    if name not in LISTS:
        raise NotFound("There is no such list.")
    if paged := [one for one in _PAGING if one in filters]:
        raise InvalidRequest(details=dict.fromkeys(paged, "is not a known field"))
    listed, details = LISTS[name], {"filters": filters, "rows": 0}

    def write(out: IO[bytes]) -> None:
        with csv_rows(out) as sheet:
            sheet.writerow(listed.columns)
            for number, row in enumerate(_rows(tools.peers, caller, listed, dict(filters)), 1):
                sheet.writerow(cells_of(row, listed.columns.values()))
                details["rows"] = number
        audit_trail.record(tools.outbox, f"export.{name}", actor=caller, details=details)

    return make_document(write, CSV_TYPE, f"{name}-{now().date()}.csv")


def _rows(peers: Mapping[str, Peer], caller: Caller, listed: StaffList, filters: dict[str, str]) -> Iterator[Row]:
    sources = dict(listed.sources)
    if len(sources) > 1 and (kind := filters.pop("kind", None)) is not None:
        if kind not in sources:
            raise InvalidRequest(details={"kind": f"must be one of {', '.join(sources)}"})
        sources = {kind: sources[kind]}
    parts = [
        _with_kind(peers[source.service].rows(source.path, source.key, token=caller.token, query=filters), kind)
        for kind, source in sources.items()
        if _may_read(caller, source)
    ]
    return merge(*parts, key=asked_at, reverse=True) if len(parts) > 1 else chain(*parts)


def _with_kind(rows: Iterator[Row], kind: str) -> Iterator[Row]:
    return ({"kind": kind, **row} for row in rows)


def _may_read(caller: Caller, source: Source) -> bool:
    return not source.permissions or any(map(caller.may, source.permissions))
