"""The columns of published Parquet files: one list for the files, Croissant and the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hwbench import metrics
from hwbench.data import Flag
from hwbench.errors import require
from hwbench.spaces import Choice, Space

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FLAG_NAMES", "TABLE_COLUMNS", "TYPES", "Column", "arrow_schema", "row_columns"]

TYPES: Final = {
    "sc:Text": "string",
    "sc:Boolean": "bool",
    "cr:Int32": "int32",
    "cr:Int64": "int64",
    "cr:Float64": "double",
}
"""Type in Croissant -> type in Parquet, as Arrow calls it."""

FLAG_NAMES: Final = {flag: str(flag.name).lower() for flag in Flag}
"""Flag of a row -> what the column `flags` says."""

_OF_VALUES: Final = {bool: "sc:Boolean", int: "cr:Int64", float: "cr:Float64", str: "sc:Text"}
_INT: Final = "cr:Int32"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its name, with the unit in it.
        type: One of `TYPES`.
        description: What it holds.
        many: Whether a cell holds a list.
    """

    name: str
    type: str
    description: str
    many: bool = False


TABLE_COLUMNS: Final = (
    Column("config", "sc:Text", "which config holds the rows"),
    Column("space", "sc:Text", "search space"),
    Column("metric", "sc:Text", "metric, with its unit in the name"),
    Column("unit", "sc:Text", "SI unit; 1 for a number without one"),
    Column("device", "sc:Text", "device; null for a metric that needs none"),
    Column("protocol", "sc:Text", "short name of how it was measured"),
    Column("batch_size", _INT, "sequences in one forward pass; null where that plays no part"),
    Column("sequence_length", _INT, "tokens in a sequence"),
    Column("precision", "sc:Text", "number format of the matrix products"),
    Column("statistic", "sc:Text", "what one repeat is"),
    Column("network", "sc:Text", "variant of the space that was measured"),
    Column("source", "sc:Text", "whose measurements they are"),
    Column("notes", "sc:Text", "what a user of the numbers should know", many=True),
    Column("skip_first", _INT, "first repeats that the centre leaves out, as cold starts"),
    Column("resolution", "cr:Float64", "coarsest step of the repeats; 0 if they are not rounded"),
    Column("rows", _INT, "measurements"),
    Column("architectures", _INT, "distinct architectures among them"),
    Column("repeats", _INT, "repeats of a measurement, at most"),
    Column("flagged", _INT, "measurements that carry a flag"),
)
"""Columns of the config that describes the tables, one row a table."""


def row_columns(space: Space, metric: str, /, *, std: bool) -> tuple[Column, ...]:
    """Name the columns of a config, one row a measurement.

    Args:
        space: The search space.
        metric: Name of the metric.
        std: Whether some rows have a deviation in place of repeats.
    """
    known = metrics.METRICS.get(metric)
    what = f"{known.label} ({known.description})" if known else metric
    deviation = Column(
        f"{metric}_std", "cr:Float64", "deviation over repeats, where the source has only that"
    )
    return (
        Column("architecture", "sc:Text", "the architecture, as hwbench writes and reads it"),
        *(_choice(choice, "shared by the network") for choice in space.shared),
        *(_choice(choice, "layer by layer", many=True) for choice in space.layered),
        Column("device", "sc:Text", "device; null for a metric that needs none"),
        Column("protocol", "sc:Text", "how it was measured: see the config `tables`"),
        Column(metric, "cr:Float64", f"{what}: median of the repeats without cold starts"),
        *([deviation] if std else []),
        Column(f"{metric}_repeats", "cr:Float64", "raw repeats in the order taken", many=True),
        Column("chunk", _INT, "rows of a chunk were measured one after the other"),
        Column("position", _INT, "place in the order of measurement, with gaps"),
        Column("flags", "sc:Text", f"what is odd: {', '.join(FLAG_NAMES.values())}", many=True),
    )


def arrow_schema(columns: Sequence[Column], /) -> pa.Schema:
    """Return the Arrow schema of columns."""
    pa = require("pyarrow", "fit")
    plain = [pa.type_for_alias(TYPES[column.type]) for column in columns]
    types = [pa.list_(t) if c.many else t for c, t in zip(columns, plain, strict=True)]
    return pa.schema([(c.name, t) for c, t in zip(columns, types, strict=True)])


def _choice(choice: Choice, how: str, *, many: bool = False) -> Column:
    values = ", ".join(map(str, choice.values))
    kind = _OF_VALUES[type(choice.values[0])]
    return Column(choice.name, kind, f"choice {how}: one of {values}", many=many)
