"""A check of the rules of PDF/UA-1 (ISO 14289-1) that a program can check without judging the words."""

import io
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ContentStream

SHOWS = {b"Tj", b"TJ", b"'", b'"', b"S", b"s", b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"Do", b"sh"}
LEVELS = {"/H1": 1, "/H2": 2, "/H3": 3}


def faults_of(document: bytes) -> list[str]:
    """Return which rules a document breaks."""
    reader = PdfReader(io.BytesIO(document), strict=True)
    return [*_of_catalog(reader), *_of_content(reader), *_of_tree(reader), *_of_fonts(reader)]


def texts_of(document: bytes) -> list[tuple[str, str]]:
    """Return tag and text of each element with content, in the order in which a screen reader reads them."""
    reader = PdfReader(io.BytesIO(document))
    marked = [_marked_texts(reader, page) for page in reader.pages]
    pages = {_number_of(page): number for number, page in enumerate(reader.pages)}
    return [
        (str(element["/S"]), "".join(marked[pages[element.raw_get("/Pg").idnum]][kid] for kid in element["/K"]))
        for element in _elements(_root(reader)["/StructTreeRoot"]["/K"])
        if "/Pg" in element
    ]


def _root(reader: PdfReader) -> Any:
    return reader.trailer["/Root"]


def _number_of(page: Any) -> int:
    return int(page.indirect_reference.idnum)


def _of_catalog(reader: PdfReader) -> Iterator[str]:
    root = _root(reader)
    if not root.get("/MarkInfo", {}).get("/Marked"):
        yield "the document is not marked as tagged"
    if not root.get("/Lang"):
        yield "the language is missing"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle"):
        yield "the title is not displayed"
    metadata = root["/Metadata"].get_object().get_data().decode()
    if "<pdfuaid:part>1</pdfuaid:part>" not in metadata:
        yield "the metadata does not name PDF/UA-1"
    if not (reader.metadata and reader.metadata.title and "<dc:title>" in metadata):
        yield "the title is missing"


def _of_content(reader: PdfReader) -> Iterator[str]:
    """All content is marked, and belongs to an element or is an artifact; marks end on their page."""
    parents = _numbers(_root(reader)["/StructTreeRoot"]["/ParentTree"])
    pages: list[Any] = list(reader.pages)
    for number, page in enumerate(pages, 1):
        open_marks: list[bool] = []
        known: list[int] = []
        for operands, operator in ContentStream(page["/Contents"], reader).operations:
            if operator == b"BDC" and "/MCID" in operands[1]:
                known.append(int(operands[1]["/MCID"]))
            if operator in {b"BDC", b"BMC"}:
                open_marks.append(operands[0] == "/Artifact" or "/MCID" in operands[-1])
            elif operator == b"EMC":
                open_marks.pop()
            elif operator in SHOWS and not any(open_marks):
                yield f"page {number} has content that is not marked"
        if open_marks:
            yield f"page {number} has a mark that does not end"
        elements = parents[page["/StructParents"]].get_object()
        if len(elements) != len(known) or sorted(known) != list(range(len(known))):
            yield f"page {number} has content that belongs to no element"
        for place, element in enumerate(elements):
            found = element.get_object()
            if place not in found["/K"] or found.raw_get("/Pg") != page.indirect_reference:
                yield f"content {place} of page {number} is not that of its element"


def _of_tree(reader: PdfReader) -> Iterator[str]:
    """Headings begin with the first level and leave none out; tables have headers and rows of the same length."""
    level = 0
    for element in _elements(_root(reader)["/StructTreeRoot"]["/K"]):
        kind = str(element["/S"])
        if kind in LEVELS:
            if LEVELS[kind] > level + 1:
                yield f"{kind} follows level {level}"
            level = LEVELS[kind]
        if kind == "/Table":
            rows = [[cell.get_object() for cell in row.get_object()["/K"]] for row in element["/K"]]
            if len({len(row) for row in rows}) != 1:
                yield "a table has rows of different lengths"
            heads = [cell for row in rows for cell in row if cell["/S"] == "/TH"]
            if not heads or any("/Scope" not in cell["/A"] for cell in heads):
                yield "a table has no headers, or one without a scope"


def _of_fonts(reader: PdfReader) -> Iterator[str]:
    pages: list[Any] = list(reader.pages)
    for page in pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            if "/FontFile2" not in descendant["/FontDescriptor"] or "/ToUnicode" not in font.get_object():
                yield "a font is not embedded, or its letters are unknown"
            if "0000" in _codes(reader, page):
                yield "a letter has no glyph"


def _codes(reader: PdfReader, page: Any) -> set[str]:
    shown = [
        operands[0].original_bytes
        for operands, operator in ContentStream(page["/Contents"], reader).operations
        if operator == b"Tj"
    ]
    return {text[at : at + 2].hex() for text in shown for at in range(0, len(text), 2)}


def _marked_texts(reader: PdfReader, page: Any) -> dict[int, str]:
    """Return the text of each content of a page; an actual text stands for the glyphs below it."""
    letters = _meanings(page)
    texts: dict[int, str] = {}
    stack: list[tuple[int | None, bool]] = [(None, False)]
    for operands, operator in ContentStream(page["/Contents"], reader).operations:
        if operator in {b"BDC", b"BMC"}:
            properties = operands[1] if operator == b"BDC" else {}
            mark, is_hidden = stack[-1]
            stack.append((properties.get("/MCID", mark), is_hidden or "/ActualText" in properties))
            if "/ActualText" in properties and stack[-1][0] is not None:
                key = int(stack[-1][0])
                texts[key] = texts.get(key, "") + properties["/ActualText"]
        elif operator == b"EMC":
            stack.pop()
        elif operator == b"Tj" and stack[-1][0] is not None and not stack[-1][1]:
            key, data = int(stack[-1][0]), operands[0].original_bytes
            shown = "".join(letters[data[at : at + 2].hex()] for at in range(0, len(data), 2))
            texts[key] = texts.get(key, "") + shown
    return texts


def _meanings(page: Any) -> dict[str, str]:
    (font,) = page["/Resources"]["/Font"].values()
    lines = font.get_object()["/ToUnicode"].get_object().get_data().decode().splitlines()
    pairs = [line.strip("<>").split("> <") for line in lines if line.startswith("<")]
    return {code.lower(): bytes.fromhex(letters).decode("utf-16-be") for code, letters in pairs}


def _elements(reference: Any) -> Iterator[Any]:
    element = reference.get_object()
    yield element
    if "/Pg" not in element:
        for kid in element["/K"]:
            yield from _elements(kid)


def _numbers(tree: Any) -> dict[int, Any]:
    pairs = tree.get_object()["/Nums"]
    return dict(zip(pairs[::2], pairs[1::2], strict=True))
