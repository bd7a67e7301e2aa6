"""Lists of rows as JSON and CSV in a ZIP. Rows are written as they come, so memory does not grow with them."""

import shutil
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from pydantic_core import to_json

from reporting_service.documents.csv_writer import cells_of, csv_rows
from reporting_service.documents.document_storage import temporary_file

_INDENT = b"\n  "


class ExportZip(zipfile.ZipFile):
    """A ZIP that is written entry by entry. It is whole when the context is left."""

    def __init__(self, out: IO[bytes]) -> None:
        super().__init__(out, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, value: object) -> None:
        """Add a value as `<name>.json`."""
        self.writestr(f"{name}.json", to_json(value, indent=2))

    def add_rows(self, name: str, rows: Iterable[Any], columns: tuple[str, ...] = ()) -> int:
        """Add rows as `<name>.json` and, with `columns`, as `<name>.csv`, and return their number."""
        count = 0
        with temporary_file() as file:
            with csv_rows(file) as sheet, self.open(f"{name}.json", "w", force_zip64=True) as entry:
                sheet.writerow(columns)
                entry.write(b"[")
                for row in rows:
                    entry.write((b"," if count else b"") + _INDENT + to_json(row))
                    if columns:
                        sheet.writerow(cells_of(row, columns))
                    count += 1
                entry.write(b"\n]\n")
            if columns:
                file.seek(0)
                with self.open(f"{name}.csv", "w", force_zip64=True) as entry:
                    shutil.copyfileobj(file, entry)
        return count
