"""Text that people type and other people read: one line, nothing invisible."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise ValueError("must be one line of visible characters")
    return text


Line = Annotated[str, AfterValidator(_one_line)]
"""One line of text without control, formatting or unassigned characters. Add the length with `Field`."""
