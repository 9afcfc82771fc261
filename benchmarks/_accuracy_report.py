"""Tables of `surrogate_accuracy.py`: every cell, medians over devices, worst cells."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Scored", "report"]

SPACES = ("gpt-s", "gpt-m", "gpt-l")
NAMES = ("xgboost", "ridge", "ours")
SLACK = 0.002
"""How far below the plain ridge a cell may be."""


@dataclass(frozen=True)
class Scored:
    """Scores of one cell; dicts by estimator."""

    space: str
    metric: str
    device: str | None
    n_fitted: int
    n_scored: int
    chosen: str
    raw: dict[str, float]
    drift_free: dict[str, float]
    mae: dict[str, float]
    limits: dict[str, float]

    @property
    def name(self) -> str:
        return f"{self.space} {self.metric} {self.device or '-'}"

    @property
    def kind(self) -> str:
        return "CPU" if self.device and self.device.startswith("cpu-") else "GPU"


@dataclass(frozen=True)
class Goal:
    """A row of the table of goals: which cells, which truth, and a tau for s, m and l."""

    title: str
    metric: str
    kind: str
    truth: str
    goals: tuple[float, ...] = ()

    def cells(self, cells: list[Scored], space: str) -> list[Scored]:
        return [
            cell
            for cell in cells
            if (cell.space, cell.metric) == (space, self.metric)
            and (cell.device is None or cell.kind == self.kind)
        ]


GOALS = (
    Goal("perplexity", "perplexity", "GPU", "raw", (0.995, 0.990, 0.95)),
    Goal("GPU latency", "latency_s", "GPU", "raw", (0.988, 0.994, 0.995)),
    Goal("GPU latency, drift-free", "latency_s", "GPU", "drift_free"),
    Goal("GPU energy", "energy_j", "GPU", "raw", (0.91, 0.90, 0.92)),
    Goal("GPU energy, drift-free", "energy_j", "GPU", "drift_free", (0.95, 0.94, 0.94)),
    Goal("CPU latency", "latency_s", "CPU", "raw"),
    Goal("CPU latency, drift-free", "latency_s", "CPU", "drift_free", (0.965, 0.95, 0.95)),
    Goal("CPU energy", "energy_j", "CPU", "raw"),
    Goal("CPU energy, drift-free", "energy_j", "CPU", "drift_free", (0.95, 0.93, 0.93)),
)


def report(cells: list[Scored]) -> list[dict[str, object]]:
    """Print all tables as Markdown; returns the medians."""
    cells = sorted(cells, key=lambda c: (c.metric, c.kind, SPACES.index(c.space), c.device or ""))
    print("## Medians over devices: Kendall's tau\n")
    medians = list(_medians(cells))
    _table(
        ["held out", "space", "cells", "XGBoost", "ridge", "ours", "if perfect", "goal", "reached"],
        [[*_texts(row.values())] for row in medians],
    )
    print("\n## Mean absolute error of perplexity\n")
    quality = [cell for cell in cells if cell.metric == "perplexity"]
    _table(
        ["space", "n", "XGBoost", "ridge", "ours", "chosen"],
        [
            [c.space, str(c.n_scored), *(f"{c.mae[n]:.4f}" for n in NAMES), c.chosen]
            for c in quality
        ],
    )
    print("\n## Worst cells\n")
    _table(["truth", "against", "worst cell", "ours minus theirs", "cells below"], _worst(cells))
    for truth, title in (("raw", "what was measured"), ("drift_free", "drift-free truth")):
        print(f"\n## Every cell: Kendall's tau against {title}\n")
        _table(["cell", "XGBoost", "ridge", "ours", "if perfect", "chosen"], _every(cells, truth))
    return medians


def _medians(cells: list[Scored]) -> Iterator[dict[str, object]]:
    for row in GOALS:
        for place, space in enumerate(SPACES):
            found = row.cells(cells, space)
            if not found:
                continue
            scores = [getattr(cell, row.truth) for cell in found]
            medians = {name: _median([score[name] for score in scores]) for name in NAMES}
            limits = [cell.limits.get(_perfect(row.truth), np.nan) for cell in found]
            goal = row.goals[place] if row.goals else None
            reached = None if goal is None else ("yes" if medians["ours"] >= goal else "no")
            yield {
                "held out": row.title,
                "space": space,
                "cells": len(found),
                **medians,
                "if perfect": _median(limits) if np.isfinite(limits).all() else None,
                "goal": goal,
                "reached": reached,
            }


def _median(values: list[float]) -> float:
    return round(float(np.median(values)), 4)


def _perfect(truth: str) -> str:
    return "kendall_if_perfect" + ("_drift_free" if truth == "drift_free" else "")


def _worst(cells: list[Scored]) -> list[list[str]]:
    rows = []
    for truth in ("raw", "drift_free"):
        for name, slack in (("xgboost", 0.0), ("ridge", SLACK)):
            gaps = {
                cell.name: getattr(cell, truth)["ours"] - getattr(cell, truth)[name]
                for cell in cells
                if getattr(cell, truth)
            }
            if not gaps:
                continue
            worst = min(gaps, key=lambda cell: gaps[cell])
            below = sum(gap < -slack for gap in gaps.values())
            against = name if not slack else f"{name} - {slack}"
            rows.append([truth, against, worst, f"{gaps[worst]:+.4f}", f"{below} of {len(gaps)}"])
    return rows


def _every(cells: list[Scored], truth: str) -> list[list[str]]:
    rows = []
    for cell in cells:
        scores = getattr(cell, truth)
        if scores:
            limit = cell.limits.get(_perfect(truth))
            taus = [*(scores[name] for name in NAMES), limit]
            rows.append([cell.name, *_texts(taus), cell.chosen])
    return rows


def _texts(values: object) -> list[str]:
    return [
        "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        for value in values  # type: ignore[attr-defined]  # any iterable
    ]


def _table(head: list[str], rows: list[list[str]]) -> None:
    for line in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(line) + " |")
