"""Secrets kept as files: made once, readable by their owner only, never logged."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def folder(data_dir: Path) -> Path:
    """Where the secrets of a data directory lie."""
    return data_dir / "secrets"


def read(path: Path) -> str | None:
    """The secret in a file, or None when there is no such file (or it may not be read)."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def read_or_make(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
    """The secret in a file, made now if it is not there yet."""
    return read(path) or write(path, make())


def write(path: Path, secret: str) -> str:
    """Keep a secret: whole or not at all, mode 0600. Gives it back."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return secret
