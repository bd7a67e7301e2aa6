"""Lists of rows as JSON and CSV in a ZIP. Rows are written as they come, so memory does not grow with them."""

import csv
import io
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from typing import IO, Any, Self

from pydantic_core import to_json

from reporting_service.documents.document_storage import temporary_file
from shared.core.texts import formula_safe

_INDENT = b"\n  "


class ExportZip:
    """A ZIP that is written entry by entry. It is whole when the context is left."""

    def __init__(self, out: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._zip.close()

    def add(self, name: str, value: object) -> None:
        """Add a value as `<name>.json`."""
        self._zip.writestr(f"{name}.json", to_json(value, indent=2))

    def add_rows(self, name: str, rows: Iterable[Any], columns: Mapping[str, str] | None = None) -> int:
        """Add rows as `<name>.json` and, with `columns`, as `<name>.csv`, and return their number.

        `columns` are the keys of the rows to show, by the headers of their columns.
        """
        count = 0
        with temporary_file() as table:
            lines = io.TextIOWrapper(table, encoding="utf-8", newline="", write_through=True)
            sheet = csv.writer(lines)
            sheet.writerow(columns or ())
            with self._zip.open(f"{name}.json", "w", force_zip64=True) as entry:
                entry.write(b"[")
                for row in rows:
                    entry.write((b"," if count else b"") + _INDENT + to_json(row))
                    if columns:
                        sheet.writerow([_cell(row.get(key)) for key in columns.values()])
                    count += 1
                entry.write(b"\n]\n")
            lines.detach()
            if columns:
                table.seek(0)
                with self._zip.open(f"{name}.csv", "w", force_zip64=True) as entry:
                    shutil.copyfileobj(table, entry)
        return count


def _cell(value: Any) -> str:
    """Return a cell. Amounts are text that begins with a digit or a sign and a digit, and stay as they are."""
    text = "" if value is None else str(value)
    return text if _is_number(text) else formula_safe(text)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal() and text.isascii()
