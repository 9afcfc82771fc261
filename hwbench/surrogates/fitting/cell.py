"""Fit one cell: choose on validation, score on held-out splits, calibrate, fit on everything."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.surrogates.fitting.calibrate import calibrate
from hwbench.surrogates.fitting.figures import (
    Figures,
    calibration,
    calibration_on,
    ceiling,
    drift_of,
    point_figures,
)
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.fitting.recipe import Plan, Recipe
from hwbench.surrogates.fitting.splits import Held, draw_folds, fit_on, out_of_fold, positive
from hwbench.surrogates.predictor import Predictor
from hwbench.surrogates.uncertainty import Uncertainty

__all__ = ["CellFit", "choose", "fit_cell"]

_TIE = 0.01
"""Candidates within this share of the best validation error count as equal."""


@dataclass(frozen=True, eq=False)
class CellFit:
    """A fitted cell.

    Attributes:
        chosen: Name of the estimator in the recipe.
        predictor: Fitted on all rows.
        uncertainty: Calibrated on held-out rows.
        figures: The report card, JSON-ready.
    """

    chosen: str
    predictor: Predictor
    uncertainty: Uncertainty
    figures: Figures


def fit_cell(data: Measured, plan: Plan, recipe: Recipe, /) -> CellFit:
    """Fit one cell.

    The figures come from two splits. "architectures": held out by architecture, in all folds for
    calibration, in fold 0 where estimators are compared. "time": the last visit to the machine held
    out as a whole, since neighbours in time share their drift.
    """
    begin = time.perf_counter()
    rng = np.random.default_rng(recipe.seed)
    fold = draw_folds(data, recipe.folds, rng)
    chosen, validation = choose(data, plan, recipe, fold)
    estimator = recipe.make(chosen, data.space)
    held = out_of_fold(estimator, data, fold=fold)
    known = calibrate(data, held, visit_stretch=recipe.visit_stretch)
    figures: Figures = {
        "n": len(data),
        "visits": data.n_sessions,
        "chosen": chosen,
        "validation_error": validation,
        "architectures": _by_architecture(data, plan, recipe, held, chosen),
        "calibration": calibration(data, held, visit_stretch=recipe.visit_stretch),
        "limits": ceiling(data, held),
        "parts": dict(known.parts),
    }
    if data.n_sessions > 1:
        figures["time"] = _by_time(data, plan, recipe, chosen)
    final = fit_on(estimator, data)
    figures["seconds"] = round(time.perf_counter() - begin, 2)
    return CellFit(chosen, final.predictor(), known, figures)


def choose(
    data: Measured, plan: Plan, recipe: Recipe, fold: Int64Array, /
) -> tuple[str, dict[str, float]]:
    """Return the name of the best candidate, and each one's validation error.

    Fitted without folds 0 (kept for the comparison) and 1, compared on fold 1 by the mean absolute
    log error; the first candidate within a hundredth of the best wins.

    Args:
        data: What was measured.
        plan: The candidates; a single one needs no validation.
        recipe: What the candidates are.
        fold: `(n,)` fold of each row.
    """
    if len(plan.candidates) == 1:
        return plan.candidates[0], {}
    seen, unseen = data.select(fold > 1), data.select(fold == 1)
    errors: dict[str, float] = {}
    for name in plan.candidates:
        predicted = fit_on(recipe.make(name, data.space), seen).predict(unseen.codes)
        logs = np.log(unseen.y / positive(predicted, unseen.y))
        errors[name] = float(f"{np.abs(logs).mean():.5g}")
    limit = min(errors.values()) * (1.0 + _TIE)
    return next(name for name in plan.candidates if errors[name] <= limit), errors


def _by_architecture(
    data: Measured, plan: Plan, recipe: Recipe, held: Held, chosen: str
) -> dict[str, Figures]:
    """Score every estimator of the plan on fold 0, fitted on the others."""
    rows = held.fold == 0
    drift = drift_of(data, held)[rows] if data.timed else None
    seen, unseen = data.select(~rows), data.select(rows)
    figures = {chosen: point_figures(unseen, held.predicted[rows], drift)}
    for name in _others(plan, chosen):
        predicted = fit_on(recipe.make(name, data.space), seen).predict(unseen.codes)
        figures[name] = point_figures(unseen, predicted, drift)
    return figures


def _by_time(data: Measured, plan: Plan, recipe: Recipe, chosen: str) -> dict[str, object]:
    """Score every estimator on the last visit, and the intervals of the chosen one."""
    rows = data.session == data.session.max()
    seen, unseen = data.select(~rows), data.select(rows)
    figures: dict[str, object] = {}
    for name in (chosen, *_others(plan, chosen)):
        predicted = fit_on(recipe.make(name, data.space), seen).predict(unseen.codes)
        figures[name] = point_figures(unseen, predicted, None)
        if name == chosen:
            figures["calibration"] = _time_calibration(seen, unseen, predicted, recipe, chosen)
    return figures


def _time_calibration(
    seen: Measured, unseen: Measured, predicted: FloatArray, recipe: Recipe, chosen: str
) -> Figures:
    fold = draw_folds(seen, recipe.folds, np.random.default_rng(recipe.seed))
    held = out_of_fold(recipe.make(chosen, seen.space), seen, fold=fold)
    known = calibrate(seen, held, visit_stretch=recipe.visit_stretch)
    return calibration_on(unseen, predicted, known, visit="new")


def _others(plan: Plan, chosen: str) -> list[str]:
    return [name for name in dict.fromkeys((*plan.candidates, *plan.rivals)) if name != chosen]
