"""What `hwbench profile status` tells: how far a campaign is, and how good its numbers are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hwbench.cli._output import Column
from hwbench.data.journal import entries, journal_files, read, sessions
from hwbench.errors import DataError
from hwbench.profiling.plan import schedule
from hwbench.profiling.plan_file import from_text
from hwbench.profiling.quality import TableDrift, drifts
from hwbench.profiling.standing import Standing, standing

__all__ = ["DRIFT_COLUMNS", "Drift", "Part", "Report", "report"]

DRIFT_COLUMNS: Final = (
    Column("metric"),
    Column("protocol"),
    Column("device"),
    *(Column(name, "right") for name in ("rows", "drift %", "noise %", "left %")),
    Column("verdict"),
)


@dataclass(frozen=True)
class Part:
    """One shard of a campaign.

    Attributes:
        journal: Name of its file, and of the device if there are several.
        standing: How far it is.
        torn: Torn lines in the file.
    """

    journal: str
    standing: Standing
    torn: int


@dataclass(frozen=True)
class Drift:
    """The drift of one table, for people."""

    table: TableDrift

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.table.metric

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is as it is."""
        return self.table.reasons

    def cells(self) -> list[object]:
        """Return the line of the table."""
        found = self.table.estimate
        shares = [f"{100 * x:.2f}" if x == x else None for x in (found.spread, found.noise)]
        left = f"{100 * found.left:.0f}" if found.left == found.left else None
        place = [self.metric, self.table.protocol, self.table.device_id, len(found.drift)]
        return [*place, *shares, left, found.verdict]

    def to_dict(self) -> dict[str, object]:
        """Return what JSON shows."""
        found = self.table.estimate
        return {
            "space": self.table.space,
            "device_id": self.table.device_id,
            "metric": self.metric,
            "protocol": self.table.protocol,
            "rows": len(found.drift),
            "drift": found.spread,
            "noise": found.noise,
            "scatter": found.scatter,
            "variance_left": found.left,
            "level_error": found.level_error,
            "repeats": found.repeats,
            "outliers": found.outliers,
            "verdict": found.verdict,
            "disturbed": self.table.disturbed,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True)
class Report:
    """How a folder of journals stands."""

    parts: tuple[Part, ...]
    drifts: tuple[Drift, ...]

    def to_dict(self) -> dict[str, object]:
        """Return what JSON shows."""
        shown = [
            {
                "journal": part.journal,
                "rows": len(part.standing.slots),
                "measured": part.standing.done,
                "failed": dict(part.standing.failed),
                "left": len(part.standing.todo),
                "spent_s": part.standing.spent_s,
                "left_s": part.standing.left_s,
                "torn": part.torn,
            }
            for part in self.parts
        ]
        return {"journals": shown, "drift": [drift.to_dict() for drift in self.drifts]}


def report(folder: Path, /) -> Report:
    """Read how a folder of journals stands.

    Raises:
        DataError: If there is no journal.
        SchemaError: If a journal is of a newer version.
    """
    files = journal_files(folder)
    if not files:
        raise DataError(f"{folder}: holds no journal; `hwbench profile run` writes one")
    parts = tuple(part for path in files for part in _parts(path))
    if not parts:
        raise DataError(f"{folder}: no journal, or one in which no campaign has begun")
    return Report(parts, tuple(Drift(table) for table in drifts(entries(folder))))


def _parts(path: Path) -> Iterable[Part]:
    contents = read(path)
    found = entries(contents)
    places = {(s.plan, s.shard, s.shards, s.device_id): s.plan_text for s in sessions(contents)}
    for (plan, shard, shards, device_id), text in places.items():
        slots = schedule(from_text(text), (shard, shards))
        own = [entry for entry in found if entry.plan == plan]
        name = path.name if len(places) == 1 else f"{path.name} {shard + 1}/{shards} {device_id}"
        yield Part(name, standing(slots, own, device_id), len(contents.torn))
