"""How good a journal is: the drift of each table in it, with a verdict."""

from __future__ import annotations

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
    """

    space: str
    device_id: str
    metric: str
    protocol: str
    keys: tuple[str, ...]
    estimate: SessionDrift


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
        made.append(TableDrift(space, device, metric, protocol, keys, drift))
    return made


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
