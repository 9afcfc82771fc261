"""The journal of a profiling campaign: an append-only file that survives a kill at any moment.

`tables` reads one into tables; `Journal` writes one; `merge` and `compact` put several together and
turn them into Parquet.
"""

from __future__ import annotations

from hwbench.data.journal.compact import compact, merge
from hwbench.data.journal.entry import Entry, Session, entries, journal_files, sessions
from hwbench.data.journal.file import Contents, Journal, JournalBusyError, JournalError, read
from hwbench.data.journal.tables import samples, table_entries, tables, tables_of

__all__ = [
    "Contents",
    "Entry",
    "Journal",
    "JournalBusyError",
    "JournalError",
    "Session",
    "compact",
    "entries",
    "journal_files",
    "merge",
    "read",
    "samples",
    "sessions",
    "table_entries",
    "tables",
    "tables_of",
]
