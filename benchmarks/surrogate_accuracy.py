"""How well surrogates rank unseen architectures: ours, XGBoost, and a plain additive ridge.

    python benchmarks/surrogate_accuracy.py TABLES [--quick] [--jobs N] [--json FILE]

Latency and energy: fitted to all visits to a machine but the last, scored on the last, which shares
neither architectures nor drift with the others. Perplexity, which no machine measures: five folds
by architecture. Scores are Kendall's tau against

- what was measured (the median over repeats), and
- the same free of drift: divided by exp(drift), estimated from the held-out errors of our surrogate
  at the row's neighbours in time, the row itself left out. The neighbours are other architectures
  in random order, so they tell of the machine and not of the row's architecture.

"if perfect" is the tau of a surrogate whose whole remaining error is noise of the machine: our
held-out errors dealt out anew among the architectures.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from _accuracy_report import Scored, report
from _cells import cell_of, each, tables_of
from sklearn.linear_model import RidgeCV

from hwbench.arrays import FloatArray, Int64Array
from hwbench.data import Table
from hwbench.surrogates import OneHot
from hwbench.surrogates.fitting import Measured, Plan, Recipe
from hwbench.surrogates.fitting.cell import choose
from hwbench.surrogates.fitting.figures import ceiling, drift_of
from hwbench.surrogates.fitting.splits import Held, draw_folds, fit_on
from hwbench.surrogates.scores import kendall, mae

METRICS = ("latency_s", "energy_j", "perplexity")
PENALTIES = np.logspace(-3, 4, 15)

Answer = Callable[[Measured, Measured], FloatArray]
"""Learns from rows, and predicts others."""


@dataclass(frozen=True)
class Split:
    """Held-out predictions of one cell, `(n,)` each, and the rows they are for."""

    rows: Measured
    predicted: dict[str, FloatArray]
    chosen: str


def ridge(seen: Measured, unseen: Measured) -> FloatArray:
    """Additive in all choices, one fit an embedding; penalty by leave-one-out. Quality in logs."""
    encode = OneHot.of(seen.space)
    predicted = np.empty(len(unseen))
    for group in np.unique(unseen.group):
        rows, wanted = seen.group == group, unseen.group == group
        y = seen.y[rows] if seen.timed else np.log(seen.y[rows])
        model = RidgeCV(PENALTIES).fit(encode(seen.codes[rows]), y / np.abs(y).mean())
        scores = model.predict(encode(unseen.codes[wanted])) * np.abs(y).mean()
        predicted[wanted] = scores if seen.timed else np.exp(scores)
    return predicted


def named(name: str, recipe: Recipe) -> Answer:
    def answer(seen: Measured, unseen: Measured) -> FloatArray:
        found: FloatArray = fit_on(recipe.make(name, seen.space), seen).predict(unseen.codes)
        return found

    return answer


def split_by_visit(data: Measured, plan: Plan, recipe: Recipe) -> Split:
    last = data.session == data.session.max()
    seen, unseen = data.select(~last), data.select(last)
    chosen = _chosen(seen, plan, recipe)
    answers = {"ours": named(chosen, recipe), "xgboost": named("xgboost", recipe), "ridge": ridge}
    return Split(unseen, {name: answer(seen, unseen) for name, answer in answers.items()}, chosen)


def split_by_architecture(data: Measured, plan: Plan, recipe: Recipe) -> Split:
    fold = draw_folds(data, recipe.folds, np.random.default_rng(recipe.seed))
    predicted = {name: np.empty(len(data)) for name in ("ours", "xgboost", "ridge")}
    chosen = []
    for k in range(recipe.folds):
        rows = fold == k
        seen, unseen = data.select(~rows), data.select(rows)
        chosen.append(_chosen(seen, plan, recipe))
        predicted["ours"][rows] = named(chosen[-1], recipe)(seen, unseen)
        predicted["xgboost"][rows] = named("xgboost", recipe)(seen, unseen)
        predicted["ridge"][rows] = ridge(seen, unseen)
    return Split(data, predicted, "/".join(dict.fromkeys(chosen)))


def _chosen(seen: Measured, plan: Plan, recipe: Recipe) -> str:
    """Choose by the recipe, from rows that are learned from alone."""
    return choose(seen, plan, recipe, _folds(seen, recipe))[0]


def _folds(seen: Measured, recipe: Recipe) -> Int64Array:
    return draw_folds(seen, recipe.folds, np.random.default_rng(recipe.seed))


def score(table: Table) -> Scored:
    data, plan, recipe = cell_of(table)
    made = split_by_visit if data.timed else split_by_architecture
    split = made(data, plan, recipe)
    rows = split.rows
    held = Held(np.zeros(len(rows), dtype=np.int64), split.predicted["ours"], np.zeros(len(rows)))
    free = rows.y * np.exp(-drift_of(rows, held)) if rows.timed else None
    limits = ceiling(rows, held)
    return Scored(
        space=table.space,
        metric=table.metric,
        device=table.device,
        n_fitted=len(data) - len(rows) if data.timed else len(data),
        n_scored=len(rows),
        chosen=split.chosen,
        raw={name: _short(kendall(rows.y, p)) for name, p in split.predicted.items()},
        drift_free={
            name: _short(kendall(free, p))
            for name, p in split.predicted.items()
            if free is not None
        },
        mae={name: _short(mae(rows.y, p)) for name, p in split.predicted.items()},
        limits={name: value for name, value in limits.items() if isinstance(value, float)},
    )


def _short(value: float) -> float:
    return round(value, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--quick", action="store_true", help="two devices of gpt-s")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables = tables_of(options.tables, METRICS, quick=options.quick)
    cells = list(each(score, tables, jobs=options.jobs))
    medians = report(cells)
    if options.json:
        content = {"medians": medians, "cells": [asdict(cell) for cell in cells]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
