"""Tables as flat Parquet files: a config for each space and metric, and one about the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hwbench import metrics, spaces
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark.publishing.columns import (
    FLAG_NAMES,
    TABLE_COLUMNS,
    Column,
    arrow_schema,
    row_columns,
)
from hwbench.data import Flag, Table
from hwbench.errors import DataError, require

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TABLES", "Config", "configs", "flagged", "write_configs"]

TABLES: Final = "tables"
"""Name of the config that describes the tables."""


@dataclass(frozen=True, eq=False)
class Config:
    """What loads as one dataset: all measurements of a metric in a space.

    Attributes:
        space: Name of the space.
        metric: Name of the metric.
        tables: The tables, by device and protocol.
    """

    space: str
    metric: str
    tables: tuple[Table, ...]

    @property
    def name(self) -> str:
        """Name of the config, and of its file."""
        return f"{self.space}.{self.metric}"

    @property
    def rows(self) -> int:
        """Number of measurements."""
        return sum(map(len, self.tables))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its file."""
        std = any(table.std is not None for table in self.tables)
        return row_columns(spaces.get(self.space), self.metric, std=std)


def configs(tables: Sequence[Table], /) -> list[Config]:
    """Sort tables into configs, by space and metric.

    Raises:
        DataError: If two tables are of one space, device, metric and protocol.
        UnknownNameError: If there is no such space.
    """
    groups: dict[tuple[str, str], dict[tuple[str, str], Table]] = {}
    for table in tables:
        spaces.get(table.space)
        group = groups.setdefault((table.space, table.metric), {})
        key = table.device or "", table.protocol.name
        if key in group:
            raise DataError(
                f"two tables of {table.space}/{table.device or 'any'}/{table.metric}."
                f"{table.protocol.name}: put the journals together with `hwbench profile merge`"
            )
        group[key] = table
    order = [*metrics.names(), *sorted({metric for _, metric in groups})]
    return [
        Config(space, metric, tuple(table for _, table in sorted(groups[space, metric].items())))
        for space, metric in sorted(groups, key=lambda key: (key[0], order.index(key[1])))
    ]


def flagged(table: Table, /) -> int:
    """Count the rows of a table that carry a flag."""
    assert table.flags is not None
    return int(np.count_nonzero(table.flags))


def write_configs(found: Sequence[Config], folder: Path, /) -> dict[str, tuple[Column, ...]]:
    """Write one Parquet file a config, and the one that describes the tables.

    Returns:
        Name of the config (`NAME.parquet` in `folder`) -> its columns.
    """
    written = {}
    for space in dict.fromkeys(config.space for config in found):
        mine = [config for config in found if config.space == space]
        codes = np.concatenate([t.codes for config in mine for t in config.tables])
        distinct = np.unique(codes, axis=0)
        known = _architectures(space, distinct)
        for config in mine:
            _write(_rows(config, distinct, known), folder / f"{config.name}.parquet")
            written[config.name] = config.columns
    if found:
        pa = require("pyarrow", "fit")
        lines = [_describe(config, table) for config in found for table in config.tables]
        about = pa.Table.from_pylist(lines, schema=arrow_schema(TABLE_COLUMNS))
        _write(about, folder / f"{TABLES}.parquet")
        written[TABLES] = TABLE_COLUMNS
    return written


def _write(table: pa.Table, path: Path) -> None:
    parquet = require("pyarrow.parquet", "fit")
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, compression="zstd", write_page_index=True)


def _architectures(space: str, codes: Codes) -> dict[str, list[object]]:
    """Write architectures out, column by column."""
    here = spaces.get(space)
    archs = here.decode(codes)
    texts: dict[str, list[object]] = {"architecture": [str(arch) for arch in archs]}
    names = [choice.name for choice in (*here.shared, *here.layered)]
    return texts | {name: [arch[name] for arch in archs] for name in names}


def _rows(config: Config, codes: Codes, known: Mapping[str, list[object]]) -> pa.Table:
    """Lay the rows of a config out.

    Args:
        config: The config.
        codes: Distinct codes, sorted.
        known: What `_architectures` makes of them.
    """
    pa = require("pyarrow", "fit")
    schema = arrow_schema(config.columns)
    archs = {name: pa.array(values, schema.field(name).type) for name, values in known.items()}
    place = {code.tobytes(): i for i, code in enumerate(codes)}
    parts = []
    for table in config.tables:
        index = pa.array([place[code.tobytes()] for code in table.codes], pa.int64())
        columns = {name: values.take(index) for name, values in archs.items()}
        columns |= _measured(table, schema)
        parts.append(pa.table([columns[name] for name in schema.names], schema=schema))
    return pa.concat_tables(parts).combine_chunks()


def _measured(table: Table, schema: pa.Schema) -> dict[str, pa.Array]:
    pa = require("pyarrow", "fit")
    n, metric = len(table), table.metric
    columns = {
        "device": pa.array([table.device] * n, pa.string()),
        "protocol": pa.array([table.protocol.name] * n, pa.string()),
        metric: pa.array(table.center(), from_pandas=True),  # NaN becomes null
        f"{metric}_repeats": _lists(table.repeats, table.flagged(Flag.LOST_REPEATS)),
        "chunk": pa.array(table.chunk),
        "position": pa.array(table.position),
        "flags": pa.array(_flags(table), pa.list_(pa.string())),
    }
    if f"{metric}_std" in schema.names:
        std = np.full(n, np.nan) if table.std is None else table.std
        columns[f"{metric}_std"] = pa.array(std, from_pandas=True)
    return columns


def _lists(repeats: FloatArray, lost: np.ndarray[Any, np.dtype[np.bool_]]) -> pa.Array:
    """Return `(n, r)` repeats as lists, NaN as null; the filling of shorter rows is left out."""
    pa = require("pyarrow", "fit")
    width = repeats.shape[1]
    last = width - np.argmax(~np.isnan(repeats)[:, ::-1], axis=1)
    length = np.where(lost | np.isnan(repeats).all(axis=1), width, last)
    kept = np.arange(width) < length[:, None]
    offsets = np.concatenate([[0], np.cumsum(length)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(repeats[kept], from_pandas=True))


def _flags(table: Table) -> list[list[str]]:
    assert table.flags is not None
    names = {
        int(bits): [name for flag, name in FLAG_NAMES.items() if flag & int(bits)]
        for bits in np.unique(table.flags)
    }
    return [names[int(bits)] for bits in table.flags]


def _describe(config: Config, table: Table) -> dict[str, object]:
    protocol = table.protocol.to_dict()
    return {
        **{column.name: protocol.get(column.name) for column in TABLE_COLUMNS},
        "config": config.name,
        "space": table.space,
        "metric": table.metric,
        "device": table.device,
        "protocol": table.protocol.name,
        "rows": len(table),
        "architectures": len(np.unique(table.codes, axis=0)),
        "repeats": table.repeats.shape[1],
        "flagged": flagged(table),
    }
