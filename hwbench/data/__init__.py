"""Measured data: tables of raw measurements, and the importers that make them.

`Table` holds what was measured of many architectures, repeat by repeat, in SI units;
`load_tables` and `find` read a folder of them; `hwbench.data.hwgptbench` makes such a folder.
"""

from __future__ import annotations

from hwbench.data.folder import find, load_tables, table_path
from hwbench.data.table import SCHEMA_VERSION, Flag, Protocol, Table

__all__ = [
    "SCHEMA_VERSION",
    "Flag",
    "Protocol",
    "Table",
    "find",
    "load_tables",
    "table_path",
]
