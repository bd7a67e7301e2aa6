"""Ids that sort by the time they were made: UUID version 7 (RFC 9562, section 5.7).

New rows then lie side by side in every index that begins with their id, where random ids would be spread over it: a
batch of inserts touches a few pages instead of one for each row.
"""

import secrets
import time
from uuid import UUID

_VERSION, _VARIANT = 0x7, 0b10


def new_id() -> UUID:
    """A new id: 48 bits of milliseconds since 1970, and 74 bits of chance."""
    milliseconds = time.time_ns() // 1_000_000
    chance = secrets.randbits(74)
    high = (milliseconds & 0xFFFF_FFFF_FFFF) << 16 | _VERSION << 12 | chance >> 62
    low = _VARIANT << 62 | chance & (1 << 62) - 1
    return UUID(int=high << 64 | low)
