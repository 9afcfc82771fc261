"""How good a journal is: the drift of each table in it, with a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.data.journal import Entry, samples, table_entries
from hwbench.profiling.drift_session import SessionDrift, estimate

__all__ = ["TableDrift", "drifts"]


@dataclass(frozen=True, eq=False)
class TableDrift:
    """Drift of one table of a journal.

    Attributes:
        space: Name of the space.
        device_id: Id of the device.
        metric: Name of the metric.
        protocol: Name of the protocol.
        keys: Key of each measurement, in order.
        estimate: Drift, corrected values, verdict.
        disturbed: Measurements whose rows carry warnings.
        warning: The first words of the most frequent warning; empty if there is none.
    """

    space: str
    device_id: str
    metric: str
    protocol: str
    keys: tuple[str, ...]
    estimate: SessionDrift
    disturbed: int = 0
    warning: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is as it is, and what else makes the numbers doubtful."""
        if not self.disturbed:
            return self.estimate.reasons
        words = f"{self.disturbed} of {len(self.keys)} measurements carry warnings, most often"
        return (*self.estimate.reasons, f"{words}: {self.warning}")


def drifts(found: Iterable[Entry], /) -> list[TableDrift]:
    """Estimate the drift of every table of a journal; memory does not drift and is left out.

    Args:
        found: Measurements; failed ones are passed over.
    """
    made = []
    for (space, device, metric, protocol), group in table_entries(found).items():
        values = np.array([np.median(samples(entry.row, metric)) for entry in group])
        if metric == "memory_bytes" or not (values > 0).all():
            continue
        keys = tuple(entry.key for entry in group)
        drift = _estimate(group, values)
        made.append(TableDrift(space, device, metric, protocol, keys, drift, *_warnings(group)))
    return made


def _warnings(group: Sequence[Entry]) -> tuple[int, str]:
    """Count the rows that carry warnings, and name the commonest, numbers and details left out."""
    told = [entry.row.get("warnings") or [] for entry in group]
    kinds = Counter(text.partition(":")[0] for warnings in told for text in warnings)
    return sum(bool(warnings) for warnings in told), next(iter(dict(kinds.most_common(1))), "")


def _estimate(group: Sequence[Entry], values: FloatArray) -> SessionDrift:
    texts = [str(entry.row["architecture"]) for entry in group]
    archs = np.unique(texts, return_inverse=True)[1].astype(np.int64)
    visits = dict.fromkeys((entry.plan, entry.shard, entry.session) for entry in group)
    number = {visit: i for i, visit in enumerate(visits)}
    return estimate(
        values,
        archs,
        np.array([entry.at_s for entry in group]),
        session=np.array([number[e.plan, e.shard, e.session] for e in group]),
    )
