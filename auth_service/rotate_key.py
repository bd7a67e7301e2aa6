"""Rotate the key that signs tokens while the bank runs. Valid tokens stay valid.

    python -m auth_service.rotate_key            announce a new key, which signs after 15 seconds
    python -m auth_service.rotate_key --at-once  use it now and remove the old ones: all tokens become invalid

The old key verifies tokens until the last one that it signed has expired, an hour later. The keys are in the file
`signing_key` of the secrets. Where AUTH_SIGNING_KEY is set instead, put the new key before the old one there, with a
comma in between, and restart the auth service.
"""

import argparse
import os
import sys
import time

from auth_service.keys import key_logic
from shared.core.errors import CannotStart
from shared.core.periods import wait_text
from shared.security import secret_files
from shared.web.settings import Settings


def main() -> int:
    """Write the new key. Return 1 when that is not possible."""
    parser = argparse.ArgumentParser(description="Change the key that signs tokens.")
    parser.add_argument("--at-once", action="store_true", help="remove the old keys at once, after one has leaked")
    at_once = parser.parse_args().at_once
    if os.environ.get("AUTH_SIGNING_KEY"):
        print("AUTH_SIGNING_KEY is set: put a new key before the old one there, with a comma between", file=sys.stderr)
        return 1
    try:
        path = secret_files.folder(Settings.load().data_dir) / key_logic.SIGNING_KEYS_FILE
        now = time.time()
        left = key_logic.rotate(path, now, at_once=at_once) - now
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The new key signs {'now' if left <= 0 else f'in {wait_text(left)}'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
