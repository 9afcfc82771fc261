"""How much wider must intervals be for a visit to the machine that was not measured?

    python benchmarks/visit_coverage.py TABLES [--quick] [--jobs N] [--json FILE]

For every space, device and metric with three visits or more: the surrogate is fitted and
calibrated on some visits, and its 90 % interval, stretched by several factors, meets a visit left
out. "Kept 2" leaves each visit out in turn and learns from two others, "kept 1" from one other.
Beside it: the coverage on architectures not seen, in the visits that were.

What ships learns from all visits, one more than can be tested, and needs less stretch: errors from
B visits hold (B - 1) / B of the variance between visits already, and a new visit lies (B + 1) / B
of it away from their mean. With r = variance between visits / variance inside one, intervals fall
short by the factor sqrt((1 + r (B + 1) / B) / (1 + r (B - 1) / B)). The factor at which the mean
coverage of "kept 2" is 90 % gives r, and r the factor for three visits; the one for "kept 1" is
predicted and measured, to check the argument.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from math import sqrt
from pathlib import Path

import numpy as np
from _cells import RECIPE, cell_of, each, name_of, tables_of

from hwbench.data import Table
from hwbench.surrogates.fitting import Measured, read_recipe
from hwbench.surrogates.fitting.calibrate import calibrate
from hwbench.surrogates.fitting.figures import calibration, limits
from hwbench.surrogates.fitting.splits import draw_folds, fit_on, out_of_fold
from hwbench.surrogates.scores import coverage

LEVEL = 0.9
FACTORS = (1.0, 1.1, 1.25, 1.5, 2.0)
BAND = (0.80, 0.98)
KEPT = (2, 1)


@dataclass(frozen=True)
class LeftOut:
    """One visit left out: coverage of it by factor, and of unseen architectures."""

    cell: str
    kept: tuple[int, ...]
    visit: int
    stretched: dict[str, float]
    architectures: float


def leave_out(table: Table) -> list[LeftOut]:
    data, plan, _ = cell_of(table)
    visits = [int(visit) for visit in np.unique(data.session)]
    if not data.timed or len(visits) < 3:
        return []
    cell, estimator = name_of(table), plan.candidates[0]
    return [
        row
        for n in KEPT
        for kept in combinations(visits, n)
        for row in _learned_from(kept, cell, data, estimator)
    ]


def _learned_from(
    kept: tuple[int, ...], cell: str, data: Measured, estimator: str
) -> Iterator[LeftOut]:
    recipe = read_recipe(RECIPE)
    surrogate = recipe.make(estimator, data.space)
    seen = data.select(np.isin(data.session, kept))
    fold = draw_folds(seen, recipe.folds, np.random.default_rng(recipe.seed))
    held = out_of_fold(surrogate, seen, fold=fold)
    known = {factor: calibrate(seen, held, visit_stretch=factor) for factor in FACTORS}
    inside = calibration(seen, held, visit_stretch=1.0)["coverage_90"]
    assert isinstance(inside, float)
    fitted = fit_on(surrogate, seen)
    for visit in np.setdiff1d(data.session, kept):
        unseen = data.select(data.session == visit)
        predicted = fitted.predict(unseen.codes)
        found = {}
        for factor in FACTORS:
            low, high = limits(known[factor], unseen, predicted, level=LEVEL, visit="new")
            found[_key(factor)] = round(coverage(unseen.y, low, high), 5)
        yield LeftOut(cell, kept, int(visit), found, inside)


def report(rows: list[LeftOut]) -> dict[str, object]:
    """Print the cells and what they sum up to; returns the sums."""
    keys = [_key(factor) for factor in FACTORS]
    print("coverage of the 90 % interval in %, by stretch; last: architectures not seen\n")
    print(f"{'cell':38}{'kept':>6}{'visit':>6}{''.join(f'{key:>8}' for key in keys)}{'unseen':>9}")
    for row in sorted(rows, key=lambda row: (-len(row.kept), row.cell, row.visit)):
        values = "".join(f"{100 * row.stretched[key]:8.1f}" for key in keys)
        kept = "".join(map(str, row.kept))
        print(f"{row.cell:38}{kept:>6}{row.visit:6}{values}{100 * row.architectures:9.1f}")
    sums = {n: _sums([row for row in rows if len(row.kept) == n], n) for n in KEPT}
    return {"kept": sums, **_verdict({n: _needed(lines) for n, lines in sums.items()})}


def _sums(rows: list[LeftOut], kept: int) -> dict[str, dict[str, float]]:
    keys = [_key(factor) for factor in FACTORS]
    sums = {key: _summed([row.stretched[key] for row in rows]) for key in keys}
    sums["unseen architectures"] = _summed([row.architectures for row in rows])
    print(f"\n{f'kept {kept}: stretch':24}{'mean':>8}{'median':>8}{'80-98 %':>9}", end="")
    print(f"{'below':>8}{'above':>8}")
    for key, line in sums.items():
        print(f"{key:24}{line['mean']:8.1f}{line['median']:8.1f}{line['in_band']:9.1f}", end="")
        print(f"{line['below']:8.1f}{line['above']:8.1f}")
    return sums


def _summed(shares: list[float]) -> dict[str, float]:
    values, (low, high) = np.array(shares), BAND
    parts = {
        "mean": values.mean(),
        "median": np.median(values),
        "in_band": ((values >= low) & (values <= high)).mean(),
        "below": (values < low).mean(),
        "above": (values > high).mean(),
    }
    return {name: round(100 * float(part), 2) for name, part in parts.items()}


def _needed(sums: dict[str, dict[str, float]]) -> float:
    """The factor at which the mean coverage is 90 %, between those that were tried."""
    means = [sums[_key(factor)]["mean"] for factor in FACTORS]
    return float(np.interp(100 * LEVEL, means, FACTORS))


def _verdict(needed: dict[int, float]) -> dict[str, float]:
    ratio = needed[2] ** 2
    between = (ratio - 1.0) / (1.5 - 0.5 * ratio) if ratio < 3.0 else np.inf
    found = {f"needed, kept {n}": round(factor, 3) for n, factor in needed.items()}
    found |= {f"argued, kept {n}": round(_short_by(between, n), 3) for n in (1, 3)}
    found |= {"the recipe": read_recipe(RECIPE).visit_stretch}
    print("\nstretch for a mean coverage of 90 %:")
    for name, factor in found.items():
        print(f"  {name:16}{factor:8.3f}")
    return found


def _short_by(between: float, visits: int) -> float:
    """The factor by which intervals from some visits fall short; see above."""
    if np.isinf(between):
        return sqrt((visits + 1) / (visits - 1)) if visits > 1 else np.inf
    more, less = (visits + 1) / visits, (visits - 1) / visits
    return sqrt((1.0 + between * more) / (1.0 + between * less))


def _key(factor: float) -> str:
    return f"{factor:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--quick", action="store_true", help="two devices of gpt-s")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables = tables_of(options.tables, ("latency_s", "energy_j"), quick=options.quick)
    rows = [row for found in each(leave_out, tables, jobs=options.jobs) for row in found]
    sums = report(rows)
    if options.json:
        content = {"level": LEVEL, **sums, "cells": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
