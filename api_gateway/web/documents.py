"""Documents of the services, such as statements, sent on piece by piece: a long one is never in memory as a whole."""

from collections.abc import Iterable

import requests
from flask import Response

DOCUMENT_HEADERS = ("Content-Type", "Content-Disposition", "Cache-Control", "ETag")
PIECE_BYTES = 64 * 1024
_LENGTH = "Content-Length"


def send_on(document: requests.Response, headers: Iterable[str] = DOCUMENT_HEADERS) -> Response:
    """Return the response to a streamed request (see `Peer.stream`), with those of its headers that are named.

    A document that breaks off leaves the response shorter than its Content-Length, so that the client notices.
    """
    response = Response(document.iter_content(PIECE_BYTES), document.status_code)
    response.call_on_close(document.close)
    copy_headers(document, response, (*headers, _LENGTH))
    return response


def copy_headers(answer: requests.Response, response: Response, names: Iterable[str]) -> None:
    """Copy those of the named headers that the answer of a service has."""
    response.headers.update({name: answer.headers[name] for name in names if name in answer.headers})
