"""A folder of tables: `FOLDER/space/device/metric.protocol.parquet`, "any" where no device is.

Use `load_tables` to read many, `find` to read one.
"""

from __future__ import annotations

from pathlib import Path

from hwbench.data.table import Table
from hwbench.errors import DataError, UnknownNameError

__all__ = ["ANY_DEVICE", "find", "load_tables", "table_path"]

ANY_DEVICE = "any"
_SUFFIX = ".parquet"


def table_path(
    folder: Path | str, /, *, space: str, device: str | None, metric: str, protocol: str
) -> Path:
    """Return where a folder keeps a table."""
    return Path(folder) / space / (device or ANY_DEVICE) / f"{metric}.{protocol}{_SUFFIX}"


def load_tables(
    folder: Path | str,
    /,
    *,
    space: str | None = None,
    device: str | None = None,
    metric: str | None = None,
) -> list[Table]:
    """Read the tables of a folder, in the order of their paths.

    Args:
        folder: What an importer wrote.
        space: Only tables of this space.
        device: Only tables of this device ("any": those without one).
        metric: Only tables of this metric.

    Raises:
        DataError: If there is no such folder, or it holds no tables at all.
        SchemaError: If a file is no table of this schema version.
    """
    return [Table.load(p) for p in _paths(folder) if _matches(p, space, device, metric)]


def find(
    folder: Path | str,
    /,
    *,
    space: str,
    metric: str,
    device: str | None = None,
    protocol: str | None = None,
) -> Table:
    """Read one table.

    Args:
        folder: What an importer wrote.
        space: Name of the space.
        metric: Name of the metric, such as "latency_s".
        device: Name of the device; None for metrics that need none.
        protocol: Name of the protocol; may be left out where there is only one.

    Raises:
        UnknownNameError: If there is no such table; lists those of the space and metric.
        DataError: If several protocols fit and none was named.
    """
    wanted = device or ANY_DEVICE
    paths = [p for p in _paths(folder) if _matches(p, space, wanted, metric)]
    fitting = [p for p in paths if protocol in (None, _protocol(p))]
    if not fitting:
        there = [_name(p) for p in _paths(folder) if _matches(p, space, None, metric)]
        name = f"{space}/{wanted}/{metric}" + (f".{protocol}" if protocol else "")
        raise UnknownNameError.of("table", name, there)
    if len(fitting) > 1:
        raise DataError(f"several protocols, name one: {', '.join(map(_protocol, fitting))}")
    return Table.load(fitting[0])


def _paths(folder: Path | str) -> list[Path]:
    found = sorted(Path(folder).glob(f"*/*/*{_SUFFIX}"))
    if not found:
        raise DataError(f"{folder}: holds no tables; `hwbench data` imports some")
    return found


def _matches(path: Path, space: str | None, device: str | None, metric: str | None) -> bool:
    return (
        space in (None, path.parts[-3])
        and device in (None, path.parts[-2])
        and metric in (None, path.name.partition(".")[0])
    )


def _protocol(path: Path) -> str:
    return path.name.removesuffix(_SUFFIX).partition(".")[2]


def _name(path: Path) -> str:
    return "/".join((*path.parts[-3:-1], path.name.removesuffix(_SUFFIX)))
