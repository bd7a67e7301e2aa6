"""Text from users: validation of visible lines, case folding for searches, masking."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORMULA = re.compile(r"(^|;)(\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
# Joiners within a word are part of the spelling in Persian and Hindi, and of emoji sequences.
_JOINED = re.compile(r"(?<=\S)[\u200c\u200d](?=\S)")


def _is_visible(line: str) -> bool:
    return not any(unicodedata.category(character) in _INVISIBLE for character in _JOINED.sub("", line))


def _require_one_line(text: str) -> str:
    if not _is_visible(text):
        raise ValueError("must be one line of visible characters")
    return text


Line = Annotated[str, AfterValidator(_require_one_line)]
"""One line of text without control, formatting or unassigned characters. Add the length with `Field`."""


def _require_paragraphs(text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    if not text.strip():
        raise ValueError("must not be blank")
    if not all(map(_is_visible, lines)):
        raise ValueError("must be lines of visible characters")
    return "\n".join(lines)


Paragraphs = Annotated[str, AfterValidator(_require_paragraphs)]
"""Text of one or several lines, of the characters of a `Line`; ends of lines become a line feed."""


def folded(text: str) -> str:
    """Return `text` with case and compatibility differences removed, for searches.

    Two texts give the same result when Unicode calls them a compatibility caseless match (Unicode 16, section 3.13,
    D147). Databases fold case differently, so both the stored text and the search text are folded here.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def digits_of(phone: str) -> str:
    """Return the digits of a phone number without the national prefix: "+44 (0)20 7946" → "44207946"."""
    return re.sub(r"[^0-9]", "", phone.replace("(0)", "")).lstrip("0")


def masked(text: str) -> str:
    """Return the last four characters of `text` behind four bullets: "1234567897" → "••••7897"."""
    return f"••••{text[-4:]}"


def formula_safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would read as a formula.

    Where the comma is the decimal sign a semicolon separates cells, so what follows one is a text too. Source: OWASP,
    CSV Injection. Tab and carriage return, which it also names, can't be in a `Line`.
    """
    return _FORMULA.sub(r"\1'\2", text)


def masked_name(name: str) -> str:
    """Shorten the last word to its initial: "Ada Lovelace" → "Ada L."; of a single word the rest is masked: "a••".

    A single word may be a username, which nobody else should learn.
    """
    *others, last = name.split()
    return " ".join([*others, f"{last[0]}."]) if others else last[0] + "•" * (len(last) - 1)


@dataclass(frozen=True)
class Matching:
    """A constraint for `Annotated`: the whole text must match `pattern`. `hint` is the reason shown to users."""

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


TRIMMED = Matching(r"\S(.*\S)?", "must not begin or end with a space")
NOT_BLANK = Matching(r".*\S.*", "must not be blank")
