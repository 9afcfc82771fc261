"""The numbers a page shows of each architecture: every metric on every device, and more.

An objective over several devices, and a metric as a limit at a confidence sees it, are columns of
their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from hwbench import metrics
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark import Benchmark
from hwbench.report.chapter import Chapter
from hwbench.search import Limit, Objective, limits
from hwbench.search.problem import column_name

__all__ = ["Column", "Columns"]


@dataclass(frozen=True)
class Column:
    """One number of an architecture.

    Attributes:
        key: Its unique name.
        metric: The metric.
        device: The device; None if it belongs to none, or to several.
        label: What stands at an axis.
    """

    key: str
    metric: str
    device: str | None
    label: str

    def to_dict(self) -> dict[str, object]:
        """Return what the page knows of a column."""
        metric = metrics.get(self.metric)
        return {
            "key": self.key,
            "metric": self.metric,
            "device": self.device,
            "label": self.label,
            "short": metric.label,
            "unit": metric.unit,
            "direction": metric.direction,
        }


@dataclass(eq=False)
class Columns:
    """Columns and their values for one list of architectures.

    Args:
        bench: Predicts them.
        codes: `n x n_choices`.
    """

    bench: Benchmark
    codes: Codes
    columns: list[Column] = field(default_factory=list)
    values: list[FloatArray] = field(default_factory=list)

    def __post_init__(self) -> None:
        places: list[tuple[str, str | None]] = [(name, None) for name in self.bench.metrics()]
        for device in self.bench.devices:
            own = self.bench.metrics(device)
            places += [(name, device) for name in own if metrics.get(name).needs_device]
        found = self.bench.predict_many(self.codes, places)
        for k, (name, place) in enumerate(places):
            label = metrics.get(name).label + ("" if place is None else f" on {place}")
            self._add(Column(column_name(name, place), name, place, label), found[:, k])

    def objective(self, goal: Objective, /) -> int:
        """Return the number of the column of an objective; adds it if it spans devices."""
        if len(goal.columns) == 1:
            return self._number(column_name(*goal.columns[0]))
        parts = np.stack([self.values[self._number(column_name(*c))] for c in goal.columns])
        worst = goal.aggregate == "max"
        signed = (goal.sign * parts).max(axis=0) * goal.sign if worst else parts.mean(axis=0)
        how = "worst" if worst else "mean"
        label = f"{metrics.get(goal.metric).label}, {how} of {', '.join(goal.devices)}"
        return self._add(Column(f"{how}:{goal}", goal.metric, None, label), signed)

    def limit(self, limit: Limit, /) -> int:
        """Return the number of the column that a limit bounds; adds it if it is tightened."""
        key = column_name(limit.metric, limit.device)
        plain = self._number(key)
        if limit.confidence is None and not limit.margin:
            return plain
        factors = limits.tightening(self.bench, limit)
        if np.all(factors == 1.0):  # a formula is as certain as can be
            return plain
        tightened = self.values[plain] * factors[limits.shared_number(self.bench.space, self.codes)]
        notes = [] if limit.confidence is None else [f"at {limit.confidence * 100:g} %"]
        notes += [f"margin {limit.margin * 100:g} %"] if limit.margin else []
        note = ", ".join([limit.sense, *notes])
        label = f"{self.columns[plain].label} ({', '.join(notes)})"
        return self._add(Column(f"{key} ({note})", limit.metric, None, label), tightened)

    def chapters(self, chapters: Iterable[Chapter], /) -> None:
        """Add what the problems of chapters need."""
        for chapter in chapters:
            for goal in chapter.problem.objectives:
                self.objective(goal)
            for limit in chapter.problem.limits:
                self.limit(limit)

    def _number(self, key: str) -> int:
        return next(k for k, column in enumerate(self.columns) if column.key == key)

    def _add(self, column: Column, values: FloatArray) -> int:
        for k, known in enumerate(self.columns):
            if known.key == column.key:
                return k
        self.columns.append(column)
        self.values.append(values)
        return len(self.columns) - 1
