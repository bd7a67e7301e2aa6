"""Sending a document as a download."""

from collections.abc import Iterator
from typing import IO

from flask import Response, request

from reporting_service.documents.document_storage import Document

_SEND_BYTES = 64 * 1024


def send(document: Document) -> Response:
    """Return a document as a download that is sent part by part, or 304 if the caller has it already.

    A browser keeps it for the person alone, and asks each time whether it has changed.
    """
    response = Response(_parts(document.file), content_type=document.content_type)
    response.call_on_close(document.file.close)
    response.content_length = document.size_bytes
    response.headers["Content-Disposition"] = f'attachment; filename="{document.name}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(document.digest)
    response.make_conditional(request)
    if response.status_code == 304:
        document.file.close()
    return response


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(_SEND_BYTES):
            yield part
