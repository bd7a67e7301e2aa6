"""Pages of documents in PDF: text in columns, its structure, and the foot with the number of the page.

A document is tagged and follows PDF/UA-1 (ISO 14289-1), so that a screen reader reads its headings and tables. It is
written page by page: memory does not grow with its length.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Any
from xml.sax.saxutils import escape

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.font_writer import FontWriter, width
from reporting_service.documents.object_writer import ObjectWriter, text_string
from reporting_service.documents.structure_writer import StructureWriter, Tag

WIDTH, HEIGHT = 595.28, 841.89
"""A4, in points."""
MARGIN = 48.0
RIGHT = WIDTH - MARGIN
FOOT = 58.0
INK, MUTED, LINE, SHADE = ".106 .153 .2", ".357 .404 .455", ".788 .82 .851", ".949 .961 .973"
_SCOPES = {"Column": "/A<</O/Table/Scope/Column>>", "Row": "/A<</O/Table/Scope/Row>>", "": ""}


class Paper:
    """The pages of one document. `y` is the height of the next line above the bottom of the page, in points.

    The same calls give the same bytes: `at` is the time that the document states of its making. Text can be selected
    and searched. What is written outside of all elements is an artifact, which a screen reader leaves out.
    """

    def __init__(self, out: IO[bytes], bank: Bank, *, title: str, subject: str, at: datetime) -> None:
        self.y, self._bank, self._title, self._subject, self._at = 0.0, bank, title, subject, at.astimezone(UTC)
        self._objects, self._font = ObjectWriter(out), FontWriter()
        self._structure = StructureWriter(self._objects)
        self._font_number, self._tree, self._resources = (self._objects.reserve() for _ in range(3))
        self._pages: list[int] = []
        self._begin_page()

    def _begin_page(self) -> None:
        self._page = 0
        self._content: list[str] = []
        self._rules: dict[tuple[str, float], list[str]] = {}
        self._look: tuple[float, str, bool] | None = None
        self._marked: int | None = None
        self._line_end = 0.0, 0.0

    def element(self, tag: Tag, scope: str = "") -> AbstractContextManager[None]:
        """Write an element of the structure. `scope` says what a header cell heads: Column or Row."""
        return self._structure.element(tag, _SCOPES[scope])

    def artifact(self) -> AbstractContextManager[None]:
        """Write what is repeated on each page, within an element that goes on."""
        return self._structure.artifact()

    def text(
        self, x: float, text: str, *, ends: bool = False, size: float = 9, color: str = INK, bold: bool = False
    ) -> None:
        """Write a line that begins or, with `ends`, ends at `x`. Only what differs from the text before is set anew."""
        self._page = self._page or self._objects.reserve()
        if self._marked != self._structure.key:
            self._end_mark()
            self._content.append(self._structure.mark(self._page))
            self._marked = self._structure.key
        else:  # A further line of the same element: a space keeps its first word apart from the last one.
            self._show(*self._line_end, self._font.glyphs(" ").codes)
        if self._look != (size, color, bold):
            self._look = (size, color, bold)
            # The package has no bold face: letters get an outline of their own colour instead.
            outline = f"{color} RG .35 w 2 Tr" if bold else "0 Tr"
            self._content.append(f"/F1 {size} Tf {color} rg {outline}")
        glyphs = self._font.glyphs(text)
        length = glyphs.width * size / 1000
        x -= length if ends else 0
        self._line_end = x + length, self.y
        self._show(x, self.y, glyphs.codes, text if glyphs.meanings else None)

    def cell(self, x: float, text: str, *, scope: str = "", **look: Any) -> None:
        """Write a cell of a row with one line, as `text` does, or with none: a header, if it has a scope."""
        with self.element("TH" if scope else "TD", scope):
            if text:
                self.text(x, text, **look)

    def rule(self, *, color: str = LINE, thickness: float = 0.5) -> None:
        """Draw a line over the width of the page at `y`."""
        line = f"{MARGIN:.2f} {self.y:.2f} m {RIGHT:.2f} {self.y:.2f} l S"
        self._rules.setdefault((color, thickness), []).append(line)

    def shade(self, height: float) -> None:
        """Draw a shaded box over the width of the page, whose upper edge is at `y`."""
        self._end_mark()
        box = f"{MARGIN:.2f} {self.y - height:.2f} {RIGHT - MARGIN:.2f} {height:.2f} re f"
        self._content.append(f"/Artifact BMC q {SHADE} rg {box} Q EMC")

    def bank_block(self, title: str) -> None:
        """Write the head of the first page: the bank with its address, and the title of the document."""
        self.y = HEIGHT - MARGIN - 14
        with self.element("P"):
            self.text(MARGIN, self._bank.name, size=16, bold=True)
        with self.element("H1"):
            self.text(RIGHT, title, ends=True, size=13)
        self.y -= 6
        with self.element("P"):
            for line in self._bank.address:
                self.y -= 12
                self.text(MARGIN, line, color=MUTED)
        self.y -= 14
        self.rule(color=INK, thickness=1)

    def end_page(self, number: int, count: int) -> None:
        """Write the foot of the page and begin the next one."""
        self.y = FOOT - 14
        self.rule()
        self.y -= 14
        contact = wrapped(f"{self._bank.name} · {self._bank.contact}", RIGHT - MARGIN - 90, 7.5, 1)[0]
        with self.artifact():
            self.text(MARGIN, contact, size=7.5, color=MUTED)
            self.text(RIGHT, f"Page {number} of {count}", ends=True, size=7.5, color=MUTED)
        self._end_mark()
        for (color, thickness), lines in self._rules.items():
            self._content.append(f"/Artifact BMC {color} RG {thickness} w {' '.join(lines)} EMC")
        contents = self._objects.add_stream("\n".join(self._content).encode("ascii"))
        self._objects.add(
            f"<</Type/Page/Parent {self._tree} 0 R/MediaBox[0 0 {WIDTH} {HEIGHT}]/Resources {self._resources} 0 R"
            f"/Contents {contents} 0 R/StructParents {self._structure.end_page()}/Tabs/S>>",
            self._page,
        )
        self._pages.append(self._page)
        self._begin_page()

    def finish(self) -> None:
        """Write what belongs to all pages."""
        objects = self._objects
        self._structure.finish()
        self._font.write(objects, self._font_number)
        objects.add(f"<</Font<</F1 {self._font_number} 0 R>>>>", self._resources)
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        objects.add(f"<</Type/Pages/Count {len(self._pages)}/Kids[{kids}]>>", self._tree)
        name = text_string(self._bank.name)
        info = objects.add(
            f"<</Title{text_string(self._title)}/Subject{text_string(self._subject)}/Author{name}/Creator{name}"
            f"/CreationDate(D:{self._at:%Y%m%d%H%M%S}Z)/ModDate(D:{self._at:%Y%m%d%H%M%S}Z)>>"
        )
        metadata = objects.add_stream(self._metadata(), "/Type/Metadata/Subtype/XML", is_compressed=False)
        catalog = objects.add(
            f"<</Type/Catalog/Pages {self._tree} 0 R/Lang(en)/MarkInfo<</Marked true>>"
            f"/StructTreeRoot {self._structure.root} 0 R/ViewerPreferences<</DisplayDocTitle true>>"
            f"/Metadata {metadata} 0 R>>"
        )
        objects.finish(catalog, info)

    def _show(self, x: float, y: float, codes: str, actual_text: str | None = None) -> None:
        line = f"BT {x:.2f} {y:.2f} Td <{codes}> Tj ET"
        self._content.append(f"/Span<</ActualText{text_string(actual_text)}>>BDC {line} EMC" if actual_text else line)

    def _end_mark(self) -> None:
        if self._marked is not None:
            self._content.append("EMC")
            self._marked = None

    def _metadata(self) -> bytes:
        """Return the metadata as XMP, which says that the document follows PDF/UA-1."""
        at = f"{self._at:%Y-%m-%dT%H:%M:%SZ}"
        return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(self._title)}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(self._subject)}</rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>{escape(self._bank.name)}</rdf:li></rdf:Seq></dc:creator>
<xmp:CreateDate>{at}</xmp:CreateDate><xmp:ModifyDate>{at}</xmp:ModifyDate>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()


@lru_cache(maxsize=4096)  # many entries have the same text
def wrapped(text: str, max_width: float, size: float, lines: int) -> tuple[str, ...]:
    """Break a text into lines of at most `max_width` points; a text that needs more than `lines` ends with an ellipsis.

    A word that is longer than a line is broken within.
    """
    if width(text, size) <= max_width:
        return (text,)
    found = _broken(text.split(" "), max_width, size)
    if len(found) <= lines:
        return tuple(found)
    return (*found[: lines - 1], _shortened(" ".join(found[lines - 1 :]), max_width, size))


def _broken(words: Sequence[str], max_width: float, size: float) -> list[str]:
    found, used, space = [""], 0.0, width(" ", size)
    for word in words:
        rest, needed = word, width(word, size)
        if used and used + space + needed <= max_width:
            found[-1] += f" {word}"
            used += space + needed
            continue
        if used:
            found.append("")
        while needed > max_width:
            fitting = max(1, sum(1 for end in range(1, len(rest)) if width(rest[:end], size) <= max_width))
            found[-1], rest = rest[:fitting], rest[fitting:]
            found.append("")
            needed = width(rest, size)
        found[-1], used = rest, needed
    return found


def _shortened(text: str, max_width: float, size: float) -> str:
    """Return the longest beginning of a text that fits with an ellipsis, or the text if it fits whole."""
    if width(text, size) <= max_width:
        return text
    while text and width(f"{text}…", size) > max_width:
        text = text[:-1]
    return f"{text.rstrip()}…"
