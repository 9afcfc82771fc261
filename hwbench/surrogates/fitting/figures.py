"""The figures of a report card: how good a surrogate is, and what limits it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.surrogates.fitting.calibrate import calibrate, robust_sd
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.fitting.splits import Held, positive
from hwbench.surrogates.scores import (
    coverage,
    crps_quantiles,
    kendall,
    kendall_within,
    lag1_autocorrelation,
    miscalibration_area,
    noise_ceiling,
    point_scores,
)
from hwbench.surrogates.smoothing import estimate_drift
from hwbench.surrogates.uncertainty import Uncertainty, Visit

__all__ = [
    "INTERVALS",
    "Figures",
    "calibration",
    "calibration_on",
    "ceiling",
    "drift_of",
    "point_figures",
]

INTERVALS = (0.5, 0.8, 0.9, 0.95)
_CURVE = np.round(np.arange(0.05, 1.0, 0.05), 2)
_CRPS_LEVELS = (np.arange(50) + 0.5) / 50
_SPARSE = 1e-3
"""Differences below this share of the median are no rank change (sparse Kendall tau)."""

Figures = dict[str, object]


def point_figures(data: Measured, predicted: FloatArray, drift: FloatArray | None, /) -> Figures:
    """Score predictions of held-out rows.

    Args:
        data: The held-out rows.
        predicted: `(n,)` predictions of them.
        drift: `(n,)` log drift at the rows, to score against drift-free truth, too.
    """
    scores = point_scores(data.y, predicted, tolerance=_SPARSE * float(np.median(data.y)))
    figures: Figures = {"n": len(data)}
    figures |= {name: _short(value) for name, value in asdict(scores).items() if name != "n"}
    figures["kendall_within_embedding"] = _short(kendall_within(data.y, predicted, data.group))
    if drift is not None:
        free = data.y * np.exp(-drift)
        figures["kendall_drift_free"] = _short(kendall(free, predicted))
        figures["mape_drift_free"] = _short(
            float(np.mean(np.abs(predicted / free - 1.0)))  # relative to the drift-free truth
        )
    return figures


def calibration(
    data: Measured, held: Held, /, *, visit_stretch: float, visit: Visit = "measured"
) -> Figures:
    """Coverage, miscalibration area and CRPS, each fold against the errors of the other folds."""
    n = len(data)
    bounds = {level: (np.empty(n), np.empty(n)) for level in (*INTERVALS, *map(float, _CURVE))}
    quantiles = np.empty((n, len(_CRPS_LEVELS)))
    for k in range(int(held.fold.max()) + 1):
        rows, others = np.flatnonzero(held.fold == k), np.flatnonzero(held.fold != k)
        seen = Held(held.fold[others], held.predicted[others], held.spread[others])
        known = calibrate(data.select(others), seen, visit_stretch=visit_stretch)
        part, predicted = data.select(rows), held.predicted[rows]
        for level, (low, high) in bounds.items():
            low[rows], high[rows] = limits(known, part, predicted, level=level, visit=visit)
        for column, level in enumerate(_CRPS_LEVELS):
            quantiles[rows, column] = predicted * _factor(known, part, float(level), visit)
    return _calibration_figures(data.y, bounds, quantiles)


def calibration_on(
    data: Measured, predicted: FloatArray, known: Uncertainty, /, *, visit: Visit
) -> Figures:
    """Coverage, miscalibration area and CRPS of a fixed uncertainty on held-out rows."""
    bounds = {
        level: limits(known, data, predicted, level=level, visit=visit)
        for level in (*INTERVALS, *map(float, _CURVE))
    }
    quantiles = np.stack(
        [predicted * _factor(known, data, float(level), visit) for level in _CRPS_LEVELS], axis=1
    )
    return _calibration_figures(data.y, bounds, quantiles)


def _calibration_figures(
    y: FloatArray, bounds: dict[float, tuple[FloatArray, FloatArray]], quantiles: FloatArray
) -> Figures:
    observed = {level: coverage(y, low, high) for level, (low, high) in bounds.items()}
    curve = [observed[float(level)] for level in _CURVE]
    return {
        **{f"coverage_{level:.0%}".rstrip("%"): _short(observed[level]) for level in INTERVALS},
        "miscalibration_area": _short(miscalibration_area(_CURVE, curve)),
        "crps": _short(crps_quantiles(y, quantiles, _CRPS_LEVELS)),
    }


def limits(
    known: Uncertainty, data: Measured, predicted: FloatArray, /, *, level: float, visit: Visit
) -> tuple[FloatArray, FloatArray]:
    """Return the `(n,)` lower and upper limits of predictions."""
    low, high = known.bounds(level, visit=visit)
    group = _group(known, data)
    return predicted * low[group], predicted * high[group]


def _factor(known: Uncertainty, data: Measured, level: float, visit: Visit) -> FloatArray:
    factors = known.quantile(level, visit=visit)
    picked: FloatArray = factors[_group(known, data)]
    return picked


def _group(known: Uncertainty, data: Measured) -> Int64Array:
    """Row of the uncertainty for each network: it depends on the first shared choice alone."""
    first = len(known.group) // len(data.space.shared[0])
    group: Int64Array = known.group[data.group * first]
    return group


def drift_of(data: Measured, held: Held, /) -> FloatArray:
    """Estimate the `(n,)` log drift at each row from held-out errors of its neighbours."""
    return estimate_drift(held.errors(data.y), data.position, data.session).drift


def ceiling(data: Measured, held: Held, /) -> Figures:
    """Describe what limits any surrogate: repeat noise, drift, and what neither explains."""
    errors = held.errors(data.y)
    figures: Figures = {"error_sd": _short(robust_sd(errors))}
    if data.repeats.shape[1] > 1:
        found = noise_ceiling(data.repeats)
        figures["split_half_kendall"] = _short(found.kendall)
        figures["split_half_ceiling"] = _short(found.kendall_ceiling)
    if data.timed:
        drift = drift_of(data, held)
        figures["drift_sd"] = _short(robust_sd(drift))
        figures["lag1_autocorrelation"] = _short(lag1_autocorrelation(errors, data.position))
        figures["unexplained_sd"] = _short(robust_sd(errors - drift))
        figures["kendall_if_perfect"] = _short(_perfect(data, held, errors))
        figures["kendall_if_perfect_drift_free"] = _short(_perfect(data, held, errors - drift))
    return figures


def _perfect(data: Measured, held: Held, errors: FloatArray) -> float:
    """Return the Kendall tau of a flawless surrogate, were all its errors noise of the machine.

    The errors are dealt out anew on top of the predictions, among the architectures of one
    embedding: a machine's noise depends on how long it computes.
    """
    clean, rng = np.log(positive(held.predicted, data.y)), np.random.default_rng(0)
    dealt = np.empty(len(errors))
    for group in np.unique(data.group):
        rows = data.group == group
        dealt[rows] = rng.permutation(errors[rows])
    return kendall(clean + dealt, clean)


def _short(value: float) -> float | None:
    """Round to 5 significant digits; None for what is not a number."""
    return float(f"{value:.5g}") if np.isfinite(value) else None
