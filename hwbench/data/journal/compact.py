"""Put journals together, and turn them into Parquet for keeping and publishing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hwbench.data.files import atomic_path, write_text
from hwbench.data.folder import table_path
from hwbench.data.journal.entry import Entry, entries, journal_files, sessions
from hwbench.data.journal.file import Contents, read, write
from hwbench.data.journal.tables import tables_of
from hwbench.errors import DataError, require

__all__ = ["MERGED", "ROWS", "SESSIONS", "compact", "merge"]

MERGED = "merged.jsonl"
ROWS = "rows.parquet"
SESSIONS = "sessions.json"


def merge(places: Sequence[Path | str], out: Path | str, /) -> Path:
    """Put journals of several shards, machines or campaigns into one file.

    Args:
        places: Journals or folders of journals; a record that stands in several comes once. They
            stay as they are.
        out: Folder for the result, `merged.jsonl`; made if it is missing.

    Returns:
        The file.

    Raises:
        DataError: If a place does not exist, holds no records, or the result cannot be written.
        SchemaError: If a record is of a newer version.
    """
    target = Path(out) / MERGED
    files = [path for place in places for path in journal_files(place) if path != target]
    records = [record for path in files for record in read(path).records]
    if not records:
        raise DataError(f"no records in {', '.join(str(place) for place in places)}")
    whole = Contents(tuple(records))
    ordered = [session.to_record() for session in sessions(whole)]
    write([*ordered, *(entry.to_record() for entry in entries(whole))], target)
    return target


def compact(
    place: Path | str, out: Path | str, /, *, device: str | None = None
) -> dict[str, dict[str, Any]]:
    """Write the tables of a journal as Parquet, with everything else that it says beside them.

    `SPACE/DEVICE/METRIC.PROTOCOL.parquet` hold the raw samples, `rows.parquet` one line for each
    measurement, failed ones too, and `sessions.json` the devices and plans.

    Args:
        place: A journal or a folder of journals.
        out: Folder for the result.
        device: What to call the device; by default the id of its fingerprint.

    Returns:
        Path of each table below `out` -> its rows and the most samples a row.

    Raises:
        DataError: If there is nothing to write, or one name is given to several devices.
        MissingExtraError: If pyarrow is not installed.
    """
    found, folder = entries(place), Path(out)
    if not found:
        raise DataError(f"{place}: nothing measured yet")
    written = {}
    for table in tables_of(found, device=device):
        path = table_path(
            folder,
            space=table.space,
            device=table.device,
            metric=table.metric,
            protocol=table.protocol.name,
        )
        table.save(path)
        name = path.relative_to(folder).as_posix()
        written[name] = {"rows": len(table), "samples": table.repeats.shape[1]}
    _write_rows(found, folder / ROWS)
    stories = [session.to_record() for session in sessions(place)]
    write_text(folder / SESSIONS, json.dumps(stories, indent=1) + "\n")
    return written


def _write_rows(found: Sequence[Entry], path: Path) -> None:
    pa = require("pyarrow", "fit")
    parquet = require("pyarrow.parquet", "fit")
    table = pa.Table.from_pylist([_flat(entry) for entry in found])
    with atomic_path(path) as draft:
        parquet.write_table(table, draft, compression="zstd")


def _flat(entry: Entry) -> dict[str, Any]:
    """Return the line of a row; the samples stand in the tables and are left out of its JSON."""
    row = dict(entry.row)
    if row.get("latency"):
        row["latency"] = {k: v for k, v in row["latency"].items() if k != "samples_s"}
    names = ("space", "architecture", "device_id", "status", "reason", "started_unix_s", "seconds")
    return {
        "key": entry.key,
        "plan": entry.plan,
        "shard": entry.shard,
        "session": entry.session,
        "sequence": entry.sequence,
        "at_s": entry.at_s,
        "pass": entry.pass_number,
        "anchor": entry.anchor,
        **{name: row.get(name) for name in names},
        "row": json.dumps({k: v for k, v in row.items() if k not in names}, sort_keys=True),
    }
