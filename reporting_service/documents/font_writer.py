"""The font of PDF documents, DejaVu Sans: widths, glyphs of a text, and the part of the font that a document needs.

HarfBuzz shapes what needs it (joined letters, combining marks, text from right to left) and cuts the font.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import uharfbuzz as hb

from reporting_service.documents.object_writer import ObjectWriter

_NAME = "AAAAAA+DejaVuSans"
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_RIGHT_TO_LEFT = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RUNS = re.compile(f"({_RIGHT_TO_LEFT}+(?:[ .-]+{_RIGHT_TO_LEFT}+)*)")
_SHAPED = re.compile(f"[\u0300-\u036f]|{_RIGHT_TO_LEFT}")
_SECTION = 100
"""How many entries a section of a CMap may have."""


class Glyphs(NamedTuple):
    """A text as hexadecimal codes of glyphs, four digits each, with its width in thousandths of the font size.

    Each glyph stands for a letter. Where that is not so, `meanings` has the letters of each code, and the text itself
    has to be given beside the glyphs.
    """

    codes: str
    width: float
    meanings: tuple[tuple[str, str], ...] = ()


class _Letters(dict[str, Glyphs]):
    """The glyph of each letter. A letter that the font lacks is shown as U+FFFD."""

    def __missing__(self, letter: str) -> Glyphs:
        glyph = _font().get_nominal_glyph(ord(letter))
        shown = glyph or _font().get_nominal_glyph(ord(_UNKNOWN))
        code = f"{shown:04X}"
        self[letter] = found = Glyphs(code, _advance(code), () if glyph else ((code, _UNKNOWN),))
        return found


_letters = _Letters()


@lru_cache(maxsize=1)
def _font() -> hb.Font:
    """Return DejaVu Sans, which has Latin, Greek, Cyrillic, Arabic and Hebrew letters, from the package ziafont."""
    return hb.Font(hb.Face(hb.Blob((files("ziafont") / "fonts" / "DejaVuSans.ttf").read_bytes())))


def _advance(code: str) -> float:
    return float(_font().get_glyph_h_advance(int(code, 16)) * 1000 / _font().face.upem)


def width(text: str, size: float) -> float:
    """Return the width of a text in points, before letters are joined."""
    return sum(_letters[letter].width for letter in text) * size / 1000


@lru_cache(maxsize=4096)  # many texts of a document are the same
def glyphs_of(text: str) -> Glyphs:
    """Return the glyphs of a line, from left to right. Words that are written from right to left are turned."""
    if text.isascii() or not _SHAPED.search(text := unicodedata.normalize("NFC", text)):
        return _join([_letters[letter] for letter in text])
    return _join([_shape(run, turns=place % 2 == 1) for place, run in enumerate(_RUNS.split(text)) if run])


def _join(parts: list[Glyphs]) -> Glyphs:
    codes, widths, meanings = zip(*parts, strict=True) if parts else ((), (), ())
    return Glyphs("".join(codes), sum(widths), tuple(meaning for part in meanings for meaning in part))


def _shape(run: str, *, turns: bool) -> Glyphs:
    buffer = hb.Buffer()
    run = "".join(_UNKNOWN if _letters[letter].meanings else letter for letter in run)
    buffer.add_str(run)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if turns else "ltr"
    hb.shape(_font(), buffer)
    begins = [*sorted({info.cluster for info in buffer.glyph_infos}), len(run)]
    ends = dict(itertools.pairwise(begins))
    codes = [f"{info.codepoint:04X}" for info in buffer.glyph_infos]
    letters = [run[info.cluster : ends[info.cluster]] for info in buffer.glyph_infos]
    return Glyphs("".join(codes), sum(map(_advance, codes)), tuple(zip(codes, letters, strict=True)))


class FontWriter:
    """Collects the glyphs that a document shows, and writes the part of the font that has them."""

    def __init__(self) -> None:
        self._letters: set[str] = set()
        self._meanings: dict[str, str] = {}

    def glyphs(self, text: str) -> Glyphs:
        """Return the glyphs of a line, and note them."""
        found = glyphs_of(text)
        if found.meanings:
            self._meanings |= dict(found.meanings)
        self._letters.update(text)
        return found

    def write(self, objects: ObjectWriter, number: int) -> None:
        """Write a composite font (ISO 32000-1, 9.7) whose codes are the numbers of its glyphs."""
        letters = sorted(unicodedata.normalize("NFC", "".join(sorted(self._letters))))
        meanings = self._meanings | {_letters[one].codes: one for one in letters if not _letters[one].meanings}
        codes = sorted(meanings)
        data = _cut(codes)
        program = objects.add_stream(data, f"/Length1 {len(data)}")
        descriptor = objects.add(
            f"<</Type/FontDescriptor/FontName/{_NAME}/Flags 32/FontBBox[-1021 -463 1793 1232]/ItalicAngle 0"
            f"/Ascent 928/Descent -236/CapHeight 729/StemV 80/FontFile2 {program} 0 R>>"
        )
        widths = " ".join(f"{int(code, 16)}[{_advance(code):.2f}]" for code in codes)
        descendant = objects.add(
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{_NAME}/CIDToGIDMap/Identity/DW 0/W[{widths}]"
            "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            f"/FontDescriptor {descriptor} 0 R>>"
        )
        to_unicode = objects.add_stream("\n".join(_cmap(meanings)).encode("ascii"))
        objects.add(
            f"<</Type/Font/Subtype/Type0/BaseFont/{_NAME}/Encoding/Identity-H/DescendantFonts[{descendant} 0 R]"
            f"/ToUnicode {to_unicode} 0 R>>",
            number,
        )


def _cut(codes: Iterable[str]) -> bytes:
    """Return a font that has only these glyphs, under their numbers."""
    wanted = hb.SubsetInput()
    wanted.glyph_set.update(int(code, 16) for code in codes)
    wanted.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NO_HINTING
    return bytes(wanted.subset(_font().face).blob.data)


def _cmap(meanings: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the CMap that gives the letters of each code (ISO 32000-1, 9.10.3)."""
    yield "/CIDInit /ProcSet findresource begin 12 dict begin begincmap"
    yield "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def"
    yield "/CMapName /Adobe-Identity-UCS def /CMapType 2 def"
    yield "1 begincodespacerange <0000> <FFFF> endcodespacerange"
    entries = [f"<{code}> <{letters.encode('utf-16-be').hex()}>" for code, letters in sorted(meanings.items())]
    for begin in range(0, len(entries), _SECTION):
        section = entries[begin : begin + _SECTION]
        yield f"{len(section)} beginbfchar"
        yield from section
        yield "endbfchar"
    yield "endcmap CMapName currentdict /CMap defineresource pop end end"
