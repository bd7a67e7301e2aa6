"""Ids that sort by creation time: UUID version 7 (RFC 9562, section 5.7).

New ids are adjacent in every index that begins with the id, so a batch of inserts touches a few pages. Random ids would
touch one page per row.

On the payment path an id is a string of 32 hexadecimal digits, as SQLite stores it. A `uuid.UUID` costs about a
microsecond for each creation, comparison and conversion, and a payment carries twenty ids through two services.
"""

import secrets
import time
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from pydantic import GetPydanticSchema, StringConstraints, WithJsonSchema
from pydantic_core import core_schema

_VARIANTS = "89ab"
HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""An id between services: 32 hexadecimal digits."""
GivenId = Annotated[
    str,
    GetPydanticSchema(
        lambda _str, handler: core_schema.no_info_after_validator_function(
            attrgetter("hex"), handler.generate_schema(UUID)
        )
    ),
]
"""An id in a request, in any form of a UUID; it is converted to 32 hexadecimal digits."""
IdText = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id in a response, with hyphens; see `dashed`."""


def new_ids(count: int) -> list[str]:
    """Return `count` new ids of the same millisecond, each as 32 hexadecimal digits."""
    milliseconds = f"{time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF:012x}"
    chance = secrets.token_hex(10 * count)
    return [_id(milliseconds, chance[20 * place : 20 * place + 20]) for place in range(count)]


def dashed(hex_id: str) -> str:
    """Return an id of 32 hexadecimal digits in the text form with hyphens (RFC 9562, section 4)."""
    return f"{hex_id[:8]}-{hex_id[8:12]}-{hex_id[12:16]}-{hex_id[16:20]}-{hex_id[20:]}"


def _id(milliseconds: str, chance: str) -> str:
    """Assemble an id of version 7. The variant bits (10) allow the hexadecimal digits 8, 9, a and b in their place."""
    return f"{milliseconds}7{chance[:3]}{_VARIANTS[int(chance[3], 16) & 3]}{chance[4:19]}"
