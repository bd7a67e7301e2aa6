"""The structure of a tagged PDF (ISO 32000-1, 14.7): headings, paragraphs and tables, as a screen reader needs them."""

from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

from reporting_service.documents.object_writer import ObjectWriter

Tag = Literal["Document", "H1", "H2", "H3", "P", "Table", "TR", "TH", "TD"]


class _Element:
    """An element that is being written, while its context is entered. A class costs less than a generator for a cell.

    `kids` are the numbers of its elements, or of its content on the page.
    """

    __slots__ = ("_writer", "attributes", "kids", "number", "page", "tag")

    def __init__(self, writer: "StructureWriter", tag: Tag, attributes: str = "") -> None:
        self._writer, self.tag, self.attributes = writer, tag, attributes
        self.number, self.page, self.kids = writer.reserve(), 0, array("L")

    def __enter__(self) -> None:
        self._writer.begin(self)

    def __exit__(self, *_error: object) -> None:
        self._writer.end()


class StructureWriter:
    """Writes each element when it ends, so that memory grows only by a number for each row of a table."""

    def __init__(self, objects: ObjectWriter) -> None:
        self._objects, self.reserve = objects, objects.reserve
        self.root = objects.reserve()
        self._open = [_Element(self, "Document")]
        self._pages: list[int] = []
        self._on_page: list[int] = []
        self._is_artifact = False

    @contextmanager
    def artifact(self) -> Iterator[None]:
        """Write what belongs to the page, not to the document, such as its number."""
        self._is_artifact = True
        try:
            yield
        finally:
            self._is_artifact = False

    def element(self, tag: Tag, attributes: str = "") -> AbstractContextManager[None]:
        """Write an element below the one that is open. An artifact has none."""
        return nullcontext() if self._is_artifact else _Element(self, tag, attributes)

    def begin(self, element: _Element) -> None:
        """Let what follows belong to an element."""
        self._open[-1].kids.append(element.number)
        self._open.append(element)

    def end(self) -> None:
        """Write the open element."""
        element = self._open.pop()
        self._write(element, self._open[-1].number)

    @property
    def key(self) -> int:
        """Return the number of the open element; 0 for an artifact, as all content outside of elements is."""
        return 0 if self._is_artifact or len(self._open) == 1 else self._open[-1].number

    def mark(self, page: int) -> str:
        """Return the operator that begins content of the open element on a page, which EMC ends."""
        if not self.key:
            return "/Artifact BMC"
        element = self._open[-1]
        element.page = page
        element.kids.append(len(self._on_page))
        self._on_page.append(element.number)
        return f"/{element.tag}<</MCID {len(self._on_page) - 1}>>BDC"

    def end_page(self) -> int:
        """Write which element each content of the page belongs to, and return the page's key in the parent tree."""
        self._pages.append(self._objects.add(f"[{_references(self._on_page)}]"))
        self._on_page = []
        return len(self._pages) - 1

    def finish(self) -> None:
        """Write the outermost element and the root."""
        (document,) = self._open
        self._write(document, self.root)
        keys = " ".join(f"{key} {number} 0 R" for key, number in enumerate(self._pages))
        self._objects.add(
            f"<</Type/StructTreeRoot/K {document.number} 0 R/ParentTree<</Nums[{keys}]>>"
            f"/ParentTreeNextKey {len(self._pages)}>>",
            self.root,
        )

    def _write(self, element: _Element, parent: int) -> None:
        if element.page:
            kids = f"/Pg {element.page} 0 R/K[{' '.join(map(str, element.kids))}]"
        else:
            kids = f"/K[{_references(element.kids)}]"
        body = f"<</Type/StructElem/S/{element.tag}/P {parent} 0 R{kids}{element.attributes}>>"
        self._objects.add(body, element.number)


def _references(numbers: "list[int] | array[int]") -> str:
    return " ".join(f"{number} 0 R" for number in numbers)
