"""The SQLite library of all database files: that of the package `pysqlite3` if available, else Python's own.

Python links the system's library, which may be years old; pysqlite3 is current and takes a fifth less time. Two copies
of the library must never open the same file in one process: closing it in one would drop the locks of the other. So no
other module imports Python's `sqlite3`.

Binding None takes 900 ns with pysqlite3, which searches many places for an adapter. A registered adapter makes it 150
ns.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:  # no wheel for this platform
        import sqlite3

sqlite3.register_adapter(type(None), lambda none: none)

__all__ = ["sqlite3"]
