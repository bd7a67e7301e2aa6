"""The objects of a PDF file (ISO 32000-1), written as they are made: of each only its place in the file is kept."""

import struct
import zlib
from typing import IO

_PACKED = 200
"""How many small objects are compressed together."""
_PLACE = struct.Struct(">BIH")


class ObjectWriter:
    """Writes numbered objects. Small ones are gathered in object streams (section 7.5.7) to be compressed together.

    Memory grows by seven bytes for each object, so a document may have any length.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._offset = out, 0
        self._places = bytearray(_PLACE.pack(0, 0, 65535))
        self._packed: list[tuple[int, bytes]] = []
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def reserve(self) -> int:
        """Return the number of an object that is written later."""
        self._places += bytes(_PLACE.size)
        return len(self._places) // _PLACE.size - 1

    def add(self, body: str, number: int = 0) -> int:
        """Add an object that is no stream, and return its number: a new one, unless one was reserved."""
        number = number or self.reserve()
        self._packed.append((number, body.encode("ascii")))
        if len(self._packed) >= _PACKED:
            self._pack()
        return number

    def add_stream(self, data: bytes, entries: str = "", number: int = 0, *, is_compressed: bool = True) -> int:
        """Add a stream with further entries of its dictionary, and return its number."""
        number = number or self.reserve()
        if is_compressed:
            data, entries = zlib.compress(data), f"{entries}/Filter/FlateDecode"
        self._set_place(number, 1, self._offset, 0)
        self._write(f"{number} 0 obj\n<<{entries}/Length {len(data)}>>stream\n".encode("ascii"))
        self._write(data)
        self._write(b"\nendstream\nendobj\n")
        return number

    def finish(self, catalog: int, info: int) -> None:
        """Write the table of all places, by which a reader finds the objects."""
        self._pack()
        number, at = self.reserve(), self._offset
        self._set_place(number, 1, at, 0)
        size = len(self._places) // _PLACE.size
        entries = f"/Type/XRef/Size {size}/W[1 4 2]/Root {catalog} 0 R/Info {info} 0 R"
        self.add_stream(bytes(self._places), entries, number)
        self._write(f"startxref\n{at}\n%%EOF\n".encode("ascii"))

    def _pack(self) -> None:
        if not self._packed:
            return
        stream, heads, bodies, at = self.reserve(), [], [], 0
        for index, (number, body) in enumerate(self._packed):
            self._set_place(number, 2, stream, index)
            heads.append(f"{number} {at}")
            bodies.append(body)
            at += len(body) + 1
        head = " ".join(heads).encode("ascii") + b"\n"
        entries = f"/Type/ObjStm/N {len(bodies)}/First {len(head)}"
        self._packed = []
        self.add_stream(head + b"\n".join(bodies), entries, stream)

    def _set_place(self, number: int, kind: int, first: int, second: int) -> None:
        begin = number * _PLACE.size
        self._places[begin : begin + _PLACE.size] = _PLACE.pack(kind, first, second)

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._offset += len(data)


def text_string(text: str) -> str:
    """Return a text as a PDF string: UTF-16 with a byte order mark, in hexadecimal digits."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"
