"""Text that people type and other people read: one line, nothing invisible."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINED = re.compile(r"(?<=\S)[\u200c\u200d](?=\S)")  # within a word they are spelling: Persian, Hindi, emoji families


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in _INVISIBLE for character in _JOINED.sub("", text)):
        raise ValueError("must be one line of visible characters")
    return text


Line = Annotated[str, AfterValidator(_one_line)]
"""One line of text without control, formatting or unassigned characters. Add the length with `Field`."""


def folded(text: str) -> str:
    """Return `text` as it is compared in searches: without differences of case and of compatibility characters.

    Two texts that Unicode calls a compatibility caseless match (Unicode 16, section 3.13, D147) come out the same.
    Databases differ in what they fold by themselves, so both the text searched and the text sought go through this.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def masked(text: str) -> str:
    """Return `text` with all but its last four characters hidden: "1234567897" becomes "••••7897"."""
    return f"••••{text[-4:]}"


@dataclass(frozen=True)
class Matching:
    """Text all of which matches `pattern`, for use in `Annotated`; else the refusal is `hint`, which people read."""

    pattern: str
    hint: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.hint)
        return text
