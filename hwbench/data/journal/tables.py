"""Turn the journal of a campaign into tables: one a space, device, metric and protocol.

The rows of a table lie in the order of measurement. Its `chunk` is the pass (those of further
shards are counted on), its `position` the place in that order, its `repeats` the raw samples. An
anchor, and an architecture of several passes, has several rows. Its device is the fingerprint's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from hwbench import metrics, spaces
from hwbench.data.folder import load_tables
from hwbench.data.journal.entry import Entry, entries, journal_files
from hwbench.data.table import Protocol, Table
from hwbench.errors import DataError, SchemaError

__all__ = ["PEAKS", "samples", "table_entries", "tables", "tables_of"]

_SOURCE = "hwbench.profiling"
PEAKS = ("peak_allocated_bytes", "nvml_process_bytes", "vm_hwm_bytes")
"""What "memory_bytes" stands for, the first that a row has: the peak of what torch's allocator gave
out, what NVML saw of the process, or the peak of the process's resident memory."""


def tables(path: Path | str, /, *, device: str | None = None) -> list[Table]:
    """Read what a campaign measured, free of rows that failed.

    Args:
        path: A journal, a folder of journals, or a folder that `compact` wrote.
        device: What to call the device; by default the id of its fingerprint.

    Returns:
        In the order of first measurement; empty if nothing was measured yet.

    Raises:
        DataError: If there is no such file or folder.
        SchemaError: If a row does not follow the schema of this version.
    """
    place = Path(path)
    if place.is_dir() and not journal_files(place) and any(place.glob("*/*/*.parquet")):
        return load_tables(place)
    return tables_of(entries(place), device=device)


def tables_of(found: Iterable[Entry], /, *, device: str | None = None) -> list[Table]:
    """Make the tables of rows that were read before; see `tables`.

    Raises:
        SchemaError: If a row does not follow the schema of this version.
        DataError: If one name is given and the rows come from several devices.
    """
    groups: dict[tuple[str, str, str, str], _Rows] = {}
    for key, place, entry, values in _measured(found):
        group = groups.setdefault(key, _Rows(Protocol.from_dict(entry.protocols[key[2]])))
        group.add(place, entry, values)
    ids = {key[1] for key in groups}
    if device is not None and len(ids) > 1:
        raise DataError(f"one name for {len(ids)} devices: {', '.join(sorted(ids))}")
    return [group.table(key, device or key[1]) for key, group in groups.items()]


def table_entries(found: Iterable[Entry], /) -> dict[tuple[str, str, str, str], list[Entry]]:
    """Group rows as `tables_of` does: (space, device id, metric, protocol) -> its rows in order."""
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    for key, _, entry, _ in _measured(found):
        groups.setdefault(key, []).append(entry)
    return groups


def samples(row: Mapping[str, Any], metric: str, /) -> list[float]:
    """Return the raw values of one metric in a row, in SI units; empty if it was not measured.

    Args:
        row: What a measurement gave.
        metric: "latency_s" (seconds an iteration), "energy_j" (gross joules an iteration, one value
            a window) or "memory_bytes" (the peak).
    """
    if metric == "latency_s":
        return [float(value) for value in (row.get("latency") or {}).get("samples_s") or ()]
    if metric == "energy_j":
        windows = (row.get("energy") or {}).get("windows") or ()
        return [w["energy_j"] / w["iterations"] for w in windows if w["iterations"] > 0]
    memory = row.get("memory") or {}
    peaks = [memory[name] for name in PEAKS if memory.get(name) is not None]
    return [float(peaks[0])] if peaks else []


def _measured(
    found: Iterable[Entry],
) -> Iterator[tuple[tuple[str, str, str, str], int, Entry, list[float]]]:
    """Yield each metric of each good row, with its table's key and its place in time."""
    for place, entry in enumerate(e for e in found if e.ok):
        for metric, protocol in entry.protocols.items():
            name = metrics.get(metric).name
            values = samples(entry.row, name)
            if values:
                row = entry.row
                key = (row["space"], row["device_id"], name, str(protocol["name"]))
                yield key, place, entry, values


@dataclass
class _Rows:
    """The rows of one table, as they come."""

    protocol: Protocol
    places: list[int] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)

    def add(self, place: int, entry: Entry, values: list[float]) -> None:
        self.places.append(place)
        self.entries.append(entry)
        self.values.append(values)

    def table(self, key: tuple[str, str, str, str], device: str) -> Table:
        space = spaces.get(key[0])
        texts = [str(entry.row["architecture"]) for entry in self.entries]
        try:
            codes = space.encode([space.parse(text) for text in texts])
        except ValueError as error:
            raise SchemaError(f"a journal's architecture is not of {space.name}: {error}") from None
        return Table(
            space=space.name,
            device=device,
            metric=key[2],
            protocol=self.protocol,
            codes=codes,
            chunk=_chunks(self.entries),
            position=np.array(self.places, dtype=np.int32),
            repeats=np.array(list(zip_longest(*self.values, fillvalue=np.nan))).T,
            source=_SOURCE,
        )


def _chunks(found: Sequence[Entry]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Number the visits: the passes of the first plan and shard, then those of the next, ..."""
    blocks = list(dict.fromkeys((entry.plan, entry.shard) for entry in found))
    if len(blocks) == 1:
        return np.array([entry.pass_number for entry in found], dtype=np.int32)
    first, n = {}, 0
    for block in blocks:
        first[block] = n
        n += 1 + max(e.pass_number for e in found if (e.plan, e.shard) == block)
    return np.array(
        [first[entry.plan, entry.shard] + entry.pass_number for entry in found], dtype=np.int32
    )
