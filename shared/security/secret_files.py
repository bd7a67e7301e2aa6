"""Secrets in files: created once, readable by their owner only, never logged."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from shared.core.errors import CannotStart


def folder(data_dir: Path) -> Path:
    """Return the folder of the secret files in a data directory."""
    return data_dir / "secrets"


def read(path: Path) -> str | None:
    """Return the secret in a file, or None when the file does not exist.

    Raises CannotStart for a file that exists but is empty or unreadable. Treating it as missing would create another
    secret and invalidate everything that depends on the first one, such as all sessions and tokens.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if not path.is_symlink():
            return None
        raise _unusable(path, "is a link to a file that does not exist") from None
    except UnicodeDecodeError:
        raise _unusable(path, "is not text") from None
    except OSError as error:
        raise _unusable(path, f"can't be read ({error.strerror})") from None
    if not secret:
        raise _unusable(path, "is empty")
    return secret


def read_or_create(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
    """Return the secret in a file, creating it with `make` when the file does not exist. Raises CannotStart."""
    return read(path) or write(path, make())


def write(path: Path, secret: str) -> str:
    """Write a secret atomically with mode 0600 and return it. Raises CannotStart when the file can't be written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise CannotStart(
            f"the secret file {path} can't be written ({error.strerror}): "
            "give its folder to the user who runs the services, and check that the disk is not full"
        ) from None
    return secret


def _unusable(path: Path, reason: str) -> CannotStart:
    return CannotStart(
        f"the secret file {path} {reason}: give it to the user who runs the services, or restore it from a "
        "backup; remove it only if a new secret may replace it"
    )
