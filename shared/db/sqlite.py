"""The SQLite that every database file here is opened with: a current one, where a package brings it, or Python's own.

Python uses what the system has, which may be years old. The package `pysqlite3` brings its own; that one does the same
work in four fifths of the time, and knows of defects that were found in the meantime. Two copies of the library must
never have one file open in one process: closing it in one would drop the locks of the other. So nothing imports
Python's `sqlite3` but this.

Binding None takes 900 ns with pysqlite3, as it searches for an adapter in every possible place. With an adapter that
gives None back it takes 150 ns.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:  # there is none for this machine
        import sqlite3

sqlite3.register_adapter(type(None), lambda none: none)

__all__ = ["sqlite3"]
