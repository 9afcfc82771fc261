"""Surrogates fitted and scored anew, one cell (space, device, metric) after the other, each kept.

A cell's estimators, splits and intervals are those of `hwbench fit`. Beside its intervals stand
those of an ensemble of XGBoost models, read as a normal distribution as upstream reads its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hwbench import spaces
from hwbench.arrays import FloatArray
from hwbench.benchmark.build import cell_name
from hwbench.data.table import Table
from hwbench.errors import DataError, UnknownNameError, require
from hwbench.processes import unordered
from hwbench.report.published.pieces import Pieces
from hwbench.report.published.progress import Progress, Tell
from hwbench.report.published.request import Request

if TYPE_CHECKING:
    from hwbench.surrogates.fitting import Measured, Recipe

__all__ = ["METRICS", "cells", "check_recipe", "gaussian_figures"]

METRICS: Final = ("latency_s", "energy_j", "memory_bytes", "perplexity", "accuracy")
"""Metrics that are fitted, in the order of the page."""

_CURVE: Final = np.round(np.arange(0.05, 1.0, 0.05), 2)
_CRPS_LEVELS: Final = (np.arange(50) + 0.5) / 50


@dataclass(frozen=True)
class _Task:
    """One cell, as a worker process needs it."""

    table: Path
    recipe: Path
    rivals: tuple[str, ...]
    members: int
    pieces: Pieces


def cells(request: Request, pieces: Pieces, tell: Tell, /) -> list[dict[str, Any]]:
    """Fit and score what is missing; return the figures of every cell, by space and metric.

    Raises:
        DataError: If there is no table that the recipe has a plan for.
        MissingExtraError: If the extra `fit` is not installed.
    """
    check_recipe(request)
    tasks = [
        _Task(path, request.recipe, request.rivals, request.members, pieces)
        for path in _paths(request)
    ]
    if not tasks:
        raise DataError(f"{request.tables_folder}: no table that {request.recipe} has a plan for")
    weights = {task.table: _weight(task.table) for task in tasks}
    tasks.sort(key=lambda task: -weights[task.table])
    told = Progress("surrogates", len(tasks), sum(weights.values()), tell)
    found = []
    for number, (value, fresh) in _done(tasks, request.jobs):
        told(f"{value['space']} {value['cell']}", weights[tasks[number].table], fresh=fresh)
        found.append(value)
    return sorted(found, key=_place)


def check_recipe(request: Request, /) -> None:
    """Check what would stop the fits before anything is imported.

    Raises:
        SchemaError: If the recipe cannot be read.
        UnknownNameError: If a rival is no estimator of the recipe.
        MissingExtraError: If the extra `fit` is not installed.
    """
    for module in ("sklearn", "xgboost"):
        require(module, "fit")
    from hwbench.surrogates.fitting import read_recipe

    known = read_recipe(request.recipe).estimators
    for name in (*request.rivals, *(["xgboost"] if request.members else [])):
        if name not in known:
            raise UnknownNameError.of(f"estimator of {request.recipe}", name, known)


def gaussian_figures(y: FloatArray, mean: FloatArray, std: FloatArray, /) -> dict[str, float]:
    """Score predictions and standard deviations, read as normal distributions.

    Args:
        y: `(n,)` measured values.
        mean: `(n,)` predictions.
        std: `(n,)` standard deviations.

    Returns:
        Coverages, miscalibration area and CRPS, named as on report cards.
    """
    from hwbench.surrogates.fitting.figures import INTERVALS
    from hwbench.surrogates.scores import coverage, crps_quantiles, miscalibration_area

    normal = require("scipy.stats", "fit").norm

    def covered(level: float) -> float:
        half = normal.ppf((1.0 + level) / 2.0) * std
        return coverage(y, mean - half, mean + half)

    quantiles = mean[:, None] + std[:, None] * normal.ppf(_CRPS_LEVELS)
    found = {f"coverage_{level * 100:.0f}": covered(level) for level in INTERVALS}
    found["miscalibration_area"] = miscalibration_area(_CURVE, [covered(v) for v in _CURVE])
    found["crps"] = crps_quantiles(y, quantiles, _CRPS_LEVELS)
    return {name: float(f"{value:.5g}") for name, value in found.items()}


def _paths(request: Request) -> list[Path]:
    """Find the tables of the scales and devices that the recipe has a plan for."""
    from hwbench.surrogates.fitting import read_recipe

    recipe = read_recipe(request.recipe)
    return [
        path
        for space in request.spaces
        for place in request.places
        for path in sorted((request.tables_folder / space / place).glob("*.parquet"))
        if _metric(path) in METRICS and recipe.plan(_metric(path), space)
    ]


def _metric(path: Path) -> str:
    return path.name.partition(".")[0]


def _weight(path: Path) -> float:
    """Say about how long a cell takes, beside others."""
    return {"gpt-s": 1.0, "gpt-m": 2.0, "gpt-l": 3.0}[path.parts[-3]]


def _place(value: Mapping[str, Any]) -> tuple[str, int, str]:
    order = ("gpt-s", "gpt-m", "gpt-l")
    return (str(order.index(value["space"])), METRICS.index(value["metric"]), value["cell"])


def _done(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[int, tuple[dict[str, Any], bool]]]:
    """Yield the number of a task and what came of it; a single job works in this process."""
    if jobs == 1:
        yield from ((i, _cell(task)) for i, task in enumerate(tasks))
        return
    yield from unordered(_cell, [(task,) for task in tasks], jobs=jobs)


def _cell(task: _Task) -> tuple[dict[str, Any], bool]:
    """Return the figures of one cell, and whether they were worked out now."""
    from hwbench.surrogates.fitting import Measured, fit_cell, read_recipe
    from hwbench.surrogates.fitting.store import fingerprint

    table, recipe = Table.load(task.table), read_recipe(task.recipe)
    plan = recipe.plan(table.metric, table.space)
    assert plan is not None  # _paths left the others out
    plan = replace(plan, rivals=tuple(n for n in task.rivals if n not in plan.candidates))
    name = f"surrogates/{table.space}.{cell_name(table)}.{table.protocol.name}"
    key = [fingerprint(table, plan, recipe), task.members]
    kept: dict[str, Any] | None = task.pieces.get(name, key)
    if kept is not None:
        return kept, False
    data = Measured.of(table, spaces.get(table.space))
    figures = fit_cell(data, plan, recipe).figures
    value = {
        "space": table.space,
        "device": table.device,
        "metric": table.metric,
        "cell": cell_name(table),
        **{name: value for name, value in figures.items() if name != "validation_error"},
    }
    if task.members and table.device is not None:
        value["ensemble"] = _ensemble(data, recipe, task.members)
    task.pieces.put(name, key, value)
    return value, True


def _ensemble(data: Measured, recipe: Recipe, members: int) -> dict[str, float]:
    """Score an ensemble of XGBoost models on the rows that the rivals are scored on."""
    from hwbench.surrogates.ensemble import Ensemble
    from hwbench.surrogates.fitting.splits import draw_folds

    held = draw_folds(data, recipe.folds, np.random.default_rng(recipe.seed)) == 0
    seen, unseen = data.select(~held), data.select(held)
    made = Ensemble(recipe.make("xgboost", data.space), n_members=members, random_state=recipe.seed)
    mean, std = made.fit(seen.codes, seen.y).predict_mean_std(unseen.codes)
    return gaussian_figures(unseen.y, mean, std)
