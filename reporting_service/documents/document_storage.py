"""Documents in temporary files, from which their length and digest are known before they are sent."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

PART_BYTES = 256 * 1024


@dataclass(frozen=True)
class Document:
    """A whole document in a temporary file, which whoever sends it closes. `digest` is the SHA-256 of its bytes."""

    file: IO[bytes]
    size_bytes: int
    digest: str
    content_type: str
    name: str


def temporary_file() -> IO[bytes]:
    """Return a file without a name, which is in memory while it is small and gone when it is closed."""
    return SpooledTemporaryFile(PART_BYTES)


def parts_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file from its beginning, part by part."""
    file.seek(0)
    while part := file.read(PART_BYTES):
        yield part


def make_document(write: Callable[[IO[bytes]], None], content_type: str, name: str) -> Document:
    """Return the document that `write` writes into a file."""
    file = temporary_file()
    try:
        write(file)
        digest = hashlib.sha256()
        for part in parts_of(file):
            digest.update(part)
        size_bytes = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Document(file, size_bytes, digest.hexdigest(), content_type, name)
