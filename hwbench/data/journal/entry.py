"""What stands in the journal of a profiling campaign: sessions and rows.

A session is one run of the command: it says when, on which device, following which plan. A row is
one measurement with its place in the plan around it; what was measured is the dict in `Entry.row`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from hwbench.data.journal.file import Contents, read
from hwbench.errors import DataError, SchemaError

__all__ = ["ENTRY_VERSION", "Entry", "Session", "entries", "journal_files", "sessions"]

ENTRY_VERSION = 1
SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Session:
    """One run of a campaign.

    Attributes:
        number: Counted from 0 within a file.
        plan: Identity of the plan.
        plan_text: The plan file, as it was.
        shard: Which part of the plan, counted from 0.
        shards: How many parts there are.
        device_id: Identity of the device.
        device: Its fingerprint's stable part.
        started_unix_s: Wall clock at the start.
    """

    number: int
    plan: str
    plan_text: str
    shard: int
    shards: int
    device_id: str
    device: Mapping[str, Any]
    started_unix_s: float

    def to_record(self) -> dict[str, Any]:
        """Return the record that a journal holds."""
        return {"kind": "session", "version": ENTRY_VERSION, **asdict(self)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], /) -> Self:
        """Read what `to_record` returns.

        Raises:
            SchemaError: If a field is missing or of a newer version.
        """
        return cls(**_fields(cls, record))


@dataclass(frozen=True)
class Entry:
    """One measurement and its place in the campaign.

    Attributes:
        key: Identity of the measurement: architecture, protocol, device, shard, pass, occurrence.
        plan: Identity of the plan.
        shard: Which part of the plan, counted from 0.
        session: Which run of the command, counted from 0 within the shard.
        sequence: Order of measurement within the shard, counted from 0.
        at_s: When it began, in seconds after the session did, by a clock that never jumps.
        pass_number: Which pass over the plan, counted from 0.
        anchor: Whether it is one of the measurements that watch the machine.
        protocols: Metric -> protocol of its table, as `hwbench.data.Protocol.to_dict` writes it.
        row: What was measured.
    """

    key: str
    plan: str
    shard: int
    session: int
    sequence: int
    at_s: float
    pass_number: int
    anchor: bool
    protocols: Mapping[str, Mapping[str, Any]]
    row: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the measurement came to its end."""
        return self.row.get("status") == "ok"

    def to_record(self) -> dict[str, Any]:
        """Return the record that a journal holds."""
        shallow = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"kind": "row", "version": ENTRY_VERSION, **shallow}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], /) -> Self:
        """Read what `to_record` returns.

        Raises:
            SchemaError: If a field is missing or of a newer version.
        """
        return cls(**_fields(cls, record))


def journal_files(path: Path | str, /) -> list[Path]:
    """List the journals of a folder in the order of their names; a file stands for itself.

    Raises:
        DataError: If there is no such file or folder.
    """
    place = Path(path)
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(f"{place}: no such journal; `hwbench profile run` writes one")
    return sorted(place.glob(f"*{SUFFIX}"))


def entries(source: Contents | Path | str, /) -> list[Entry]:
    """Return the rows of a journal, of all journals of a folder, or of contents read before.

    Returns:
        By plan, in the order of their first sessions, shard and order of measurement; a row that
        stands in several files comes once.

    Raises:
        DataError: If there is no such file or folder.
        SchemaError: If a record is of a newer version or lacks a field.
    """
    records = _records(source)
    found = {}
    for record in records:
        if record.get("kind") == "row":
            entry = Entry.from_record(record)
            found[(entry.plan, entry.key, entry.shard, entry.sequence)] = entry
    plans = {session.plan: -i for i, session in enumerate(reversed(_sessions(records)))}
    return sorted(found.values(), key=lambda e: (plans.get(e.plan, 1), e.plan, e.shard, e.sequence))


def sessions(source: Contents | Path | str, /) -> list[Session]:
    """Return the sessions of a journal or of a folder, by the time they started.

    Raises:
        DataError: If there is no such file or folder.
        SchemaError: If a record is of a newer version or lacks a field.
    """
    return _sessions(_records(source))


def _records(source: Contents | Path | str) -> list[dict[str, Any]]:
    if isinstance(source, Contents):
        return list(source.records)
    return [record for path in journal_files(source) for record in read(path).records]


def _sessions(records: Iterable[Mapping[str, Any]]) -> list[Session]:
    found = [Session.from_record(r) for r in records if r.get("kind") == "session"]
    unique = {(s.plan, s.shard, s.number, s.started_unix_s): s for s in found}
    return sorted(unique.values(), key=lambda session: session.started_unix_s)


def _fields(cls: type[Session | Entry], record: Mapping[str, Any]) -> dict[str, Any]:
    if record.get("version") != ENTRY_VERSION:
        raise SchemaError(
            f"a journal's record is of version {record.get('version')!r}, this hwbench reads "
            f"{ENTRY_VERSION}; update hwbench"
        )
    names = [field.name for field in fields(cls)]
    missing = [name for name in names if name not in record]
    if missing:
        raise SchemaError(f"a journal's record lacks {', '.join(missing)}")
    return {name: record[name] for name in names}
