"""Pages of documents in PDF: the font, text in columns, and the foot with the number of the page."""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import as_file, files
from typing import IO, Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFResourceDictionary, PDFStream
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.textobject import PDFTextObject

from reporting_service.documents.document_schemas import Bank

FONT = "DejaVuSans"
WIDTH, HEIGHT = A4
MARGIN = 48.0
RIGHT = WIDTH - MARGIN
FOOT = 58.0
INK, MUTED, LINE, SHADE = HexColor(0x1B2733), HexColor(0x5B6774), HexColor(0xC9D1D9), HexColor(0xF2F5F8)


@lru_cache(maxsize=1)
def _register_font() -> None:
    """Register DejaVu Sans, which has Latin, Greek and Cyrillic letters, from the package ziafont."""
    with as_file(files("ziafont") / "fonts" / "DejaVuSans.ttf") as path:
        pdfmetrics.registerFont(TTFont(FONT, path))


class Paper:
    """The pages of one document. `y` is the height of the next line above the bottom of the page, in points.

    The same calls give the same bytes: the document has no time of its making. Text can be selected and searched.
    """

    def __init__(self, out: IO[bytes], bank: Bank, *, title: str, subject: str) -> None:
        _register_font()
        self.y, self._bank = 0.0, bank
        self._pen: PDFTextObject | None = None
        self._look: tuple[float, Any, bool] | None = None
        self._rules: dict[tuple[Any, float], list[tuple[float, float, float, float]]] = {}
        self._canvas = Canvas(out, pagesize=A4, initialFontName=FONT, invariant=1, pageCompression=1, lang="en")
        self._media_box = PDFArray([0, 0, WIDTH, HEIGHT])
        self._resources = PDFResourceDictionary()
        self._resources.basicFonts()
        self._resources.basicProcs()
        self._canvas.setTitle(title)
        self._canvas.setSubject(subject)
        self._canvas.setAuthor(bank.name)
        self._canvas.setCreator(bank.name)
        self._canvas.setViewerPreference("DisplayDocTitle", "true")

    def text(self, x: float, text: str, *, size: float = 9, color: Any = INK, bold: bool = False) -> None:
        """Write a line that begins at `x`."""
        self._write(x, text, size, color, bold=bold)

    def right_text(self, x: float, text: str, *, size: float = 9, color: Any = INK, bold: bool = False) -> None:
        """Write a line that ends at `x`."""
        self._write(x - width(text, size), text, size, color, bold=bold)

    def rule(self, *, color: Any = LINE, thickness: float = 0.5) -> None:
        """Draw a line over the width of the page at `y`."""
        self._rules.setdefault((color, thickness), []).append((MARGIN, self.y, RIGHT, self.y))

    def shade(self, height: float) -> None:
        """Draw a shaded box over the width of the page, whose upper edge is at `y`."""
        self._canvas.setFillColor(SHADE)
        self._canvas.rect(MARGIN, self.y - height, RIGHT - MARGIN, height, stroke=0, fill=1)

    def bank_block(self, title: str) -> None:
        """Write the head of the first page: the bank with its address, and the title of the document."""
        self.y = HEIGHT - MARGIN - 14
        self.text(MARGIN, self._bank.name, size=16, bold=True)
        self.right_text(RIGHT, title, size=13)
        self.y -= 6
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
        self.text(MARGIN, contact, size=7.5, color=MUTED)
        self.right_text(RIGHT, f"Page {number} of {count}", size=7.5, color=MUTED)
        for (color, thickness), lines in self._rules.items():
            self._canvas.setStrokeColor(color)
            self._canvas.setLineWidth(thickness)
            self._canvas.lines(lines)
        self._canvas.setLineWidth(0.35)  # of the outline of bold letters
        self._canvas.drawText(self._pen)
        self._canvas.showPage()
        self._compress_page()
        self._pen, self._look, self._rules = None, None, {}

    def finish(self) -> None:
        """Write the document."""
        self._canvas.save()

    def _write(self, x: float, text: str, size: float, color: Any, *, bold: bool) -> None:
        """Write into the one text object of the page. Only what differs from the text before is set anew."""
        self._pen = self._pen or self._canvas.beginText(x, self.y)
        self._pen.setTextOrigin(x, self.y)
        if self._look != (size, color, bold):
            self._look = (size, color, bold)
            self._pen.setFont(FONT, size)
            self._pen.setFillColor(color)
            # The package has no bold face: letters get an outline of their own colour instead.
            self._pen.setStrokeColor(color)
            self._pen.setTextRenderMode(2 if bold else 0)
        self._pen.textOut(text)

    def _compress_page(self) -> None:
        """Reduce what the canvas holds of the ended page until the document is written: its text is compressed, and the
        dictionary of its resources is that of all pages."""
        page = self._canvas._doc.Pages.pages[-1]
        content = zlib.compress(page.stream.encode())
        page.stream, page.Resources, page.MediaBox = None, self._resources, self._media_box
        page.Contents = PDFStream(PDFDictionary({"Filter": PDFArray([PDFName("FlateDecode")])}), content)


class _Widths(dict[str, float]):
    """The widths of letters in thousandths of the size of the font. Measuring by reportlab takes ten times as long."""

    def __missing__(self, letter: str) -> float:
        _register_font()
        self[letter] = found = float(pdfmetrics.stringWidth(letter, FONT, 1000))
        return found


_widths = _Widths()


def width(text: str, size: float) -> float:
    """Return the width of a text in points."""
    return sum(map(_widths.__getitem__, text)) * size / 1000


@lru_cache(maxsize=4096)  # many entries have the same text
def wrapped(text: str, most: float, size: float, lines: int) -> tuple[str, ...]:
    """Break a text into lines of at most `most` points; a text that needs more than `lines` ends with an ellipsis.

    A word that is longer than a line is broken within.
    """
    if width(text, size) <= most:
        return (text,)
    found = _broken(text.split(" "), most, size)
    if len(found) <= lines:
        return tuple(found)
    return (*found[: lines - 1], _shortened(" ".join(found[lines - 1 :]), most, size))


def _broken(words: Sequence[str], most: float, size: float) -> list[str]:
    found, used, space = [""], 0.0, width(" ", size)
    for word in words:
        rest, needed = word, width(word, size)
        if used and used + space + needed <= most:
            found[-1] += f" {word}"
            used += space + needed
            continue
        if used:
            found.append("")
        while needed > most:
            fitting = max(1, sum(1 for end in range(1, len(rest)) if width(rest[:end], size) <= most))
            found[-1], rest = rest[:fitting], rest[fitting:]
            found.append("")
            needed = width(rest, size)
        found[-1], used = rest, needed
    return found


def _shortened(text: str, most: float, size: float) -> str:
    """Return the longest beginning of a text that fits with an ellipsis, or the text if it fits whole."""
    if width(text, size) <= most:
        return text
    while text and width(f"{text}…", size) > most:
        text = text[:-1]
    return f"{text.rstrip()}…"
