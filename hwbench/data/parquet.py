"""The file format of tables: one Parquet file a table, its description in the file's metadata.

Columns: `architecture` (text, for people), `code` (list of uint8), `chunk`, `position`, `repeats`
(list of doubles, SI), `flags`, and `std` where the source gives no repeats. pandas and any other
Parquet reader can open them.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwbench import spaces
from hwbench.arrays import AnyArray, Codes
from hwbench.data.files import atomic_path
from hwbench.data.table import SCHEMA_VERSION, Protocol, Table
from hwbench.errors import DataError, SchemaError, ShapeError, SpaceError, require

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SCHEMA_NAME", "read", "write"]

SCHEMA_NAME = "hwbench.table"
_KEY = SCHEMA_NAME.encode()
# What a file with the right metadata and the wrong contents leads to.
_MISFITS = (KeyError, TypeError, ValueError, SchemaError, ShapeError, SpaceError)
_COLUMNS = ("architecture", "code", "chunk", "position", "repeats", "flags")


def write(table: Table, path: Path, /) -> None:
    """Write a table, whole or not at all; see `Table.save`."""
    pa = require("pyarrow", "fit")
    parquet = require("pyarrow.parquet", "fit")
    columns = {
        "architecture": pa.array(_texts(table.space, table.codes), pa.string()),
        "code": _lists(pa, table.codes),
        "chunk": pa.array(table.chunk),
        "position": pa.array(table.position),
        "repeats": _lists(pa, table.repeats),
        "flags": pa.array(table.flags),
    }
    if table.std is not None:
        columns["std"] = pa.array(table.std)
    arrow = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(_describe(table))})
    with atomic_path(path) as draft:
        parquet.write_table(arrow, draft, compression="zstd", use_dictionary=False)


def read(path: Path, /) -> Table:
    """Read a table; see `Table.load`."""
    pa = require("pyarrow", "fit")
    parquet = require("pyarrow.parquet", "fit")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        arrow = parquet.read_table(path, partitioning=None)
    except pa.ArrowInvalid as error:
        raise SchemaError(f"{path}: not a readable Parquet file ({error})") from error
    about = _about(path, arrow.schema.metadata or {})
    missing = [name for name in _COLUMNS if name not in arrow.column_names]
    if missing:
        raise SchemaError(f"{path}: lacks the columns {', '.join(missing)}")
    try:
        return _table(arrow, about)
    except (*_MISFITS, pa.ArrowException) as error:
        raise SchemaError(f"{path}: does not follow schema {SCHEMA_VERSION} ({error})") from error


def _describe(table: Table) -> dict[str, object]:
    return {
        "schema": SCHEMA_NAME,
        "version": table.schema_version,
        "space": table.space,
        "device": table.device,
        "metric": table.metric,
        "protocol": table.protocol.to_dict(),
        "source": table.source,
        "n_choices": table.codes.shape[1],
    }


def _about(path: Path, metadata: dict[bytes, bytes]) -> dict[str, Any]:
    if _KEY not in metadata:
        raise SchemaError(f"{path}: a Parquet file, but not an hwbench table")
    try:
        about: dict[str, Any] = json.loads(metadata[_KEY])
        version = about["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(f"{path}: its description is damaged ({error})") from error
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        cure = "update hwbench" if newer else "import the data again"
        raise SchemaError(
            f"{path}: table schema {version!r}, this hwbench reads {SCHEMA_VERSION}; {cure}"
        )
    return about


def _table(arrow: pa.Table, about: dict[str, Any]) -> Table:
    n_choices = int(about["n_choices"])
    codes = _matrix(arrow["code"], width=n_choices)
    if about["space"] in spaces.names():
        spaces.get(about["space"]).validate(codes)
    return Table(
        space=about["space"],
        device=about["device"],
        metric=about["metric"],
        protocol=Protocol.from_dict(about["protocol"]),
        codes=codes.astype(np.uint8),
        chunk=arrow["chunk"].to_numpy(),
        position=arrow["position"].to_numpy(),
        repeats=_matrix(arrow["repeats"]).astype(np.float64),
        source=about["source"],
        std=arrow["std"].to_numpy() if "std" in arrow.column_names else None,
        flags=arrow["flags"].to_numpy(),
    )


def _lists(pa: Any, values: AnyArray) -> pa.Array:
    n, width = values.shape
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)))


def _matrix(column: pa.ChunkedArray, *, width: int | None = None) -> AnyArray:
    """Return a column of lists as `(n, longest)`, NaN where a list is shorter."""
    pa = require("pyarrow", "fit")
    if not pa.types.is_list(column.type):
        raise TypeError(f"expected lists, got {column.type}")
    lists = column.combine_chunks()
    lengths: AnyArray = np.diff(lists.offsets.to_numpy())
    flat: AnyArray = lists.flatten().to_numpy(zero_copy_only=False)
    longest = int(lengths.max(initial=0)) if width is None else width
    if (lengths == longest).all():
        return flat.reshape(len(lengths), max(longest, 1) if width is None else width)
    if width is not None:
        raise ShapeError(f"codes need {width} entries, got {set(lengths.tolist())}")
    filled = np.full((len(lengths), longest), np.nan)
    filled[np.arange(longest) < lengths[:, None]] = flat
    return filled


def _texts(space: str, codes: Codes) -> list[str]:
    """Write codes as text; the same ones come again in each table, so they are remembered."""
    return [_text(space, code.tobytes()) for code in codes]


@lru_cache(maxsize=40_000)
def _text(space: str, code: bytes) -> str:
    row = np.frombuffer(code, dtype=np.uint8)
    return str(spaces.get(space).decode(row[None])[0])
