"""Scores of predictive distributions: coverage, calibration, pinball loss, CRPS."""

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError, ShapeError
from hwbench.surrogates.scores._check import finite

__all__ = [
    "coverage",
    "crps_quantiles",
    "crps_samples",
    "interval_score",
    "miscalibration_area",
    "pinball",
]


def coverage(truth: ArrayLike, lower: ArrayLike, upper: ArrayLike, /) -> float:
    """Share of rows with lower <= truth <= upper; limits may be infinite. NaN for no rows.

    Raises:
        ShapeError: If the three are not vectors of one length.
        DataError: If a limit is NaN.
    """
    y, low, high = _interval(truth, lower, upper)
    return float(np.mean((low <= y) & (y <= high))) if len(y) else float("nan")


def interval_score(
    truth: ArrayLike, lower: ArrayLike, upper: ArrayLike, /, *, level: float
) -> float:
    """Winkler score, mean width plus 2 / (1 - level) times the distance by which a row is missed.

    In the unit of the metric, lower is better (Gneiting & Raftery 2007, equation 43).
    """
    _check_levels(level)
    y, low, high = _interval(truth, lower, upper)
    missed = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return float(np.mean(high - low + 2.0 / (1.0 - level) * missed)) if len(y) else float("nan")


def miscalibration_area(nominal: ArrayLike, observed: ArrayLike, /) -> float:
    """Area between the calibration curve and the diagonal, in [0, 0.5]; 0 is perfect.

    The curve goes in straight lines through (0, 0), the points given, and (1, 1).

    Args:
        nominal: `(k,)` levels, strictly ascending, inside [0, 1].
        observed: `(k,)` shares of the truth inside the interval, or below the quantile, of that
            level.

    Raises:
        ShapeError: If the two are not vectors of one length.
        DataError: If levels do not ascend or a number is outside [0, 1].
    """
    x, y = finite(nominal, name="nominal"), finite(observed, name="observed")
    if x.shape != y.shape:
        raise ShapeError(f"nominal and observed differ in length: {len(x)} and {len(y)}")
    for name, values in (("nominal", x), ("observed", y)):
        if ((values < 0) | (values > 1)).any():
            raise DataError(f"{name} must lie in [0, 1], got {values}")
    if (np.diff(x) <= 0).any():
        raise DataError(f"nominal levels must ascend, got {x}")
    head = [] if len(x) and x[0] == 0 else [0.0]
    tail = [] if len(x) and x[-1] == 1 else [1.0]
    x, y = np.concatenate([head, x, tail]), np.concatenate([head, y, tail])
    return float(_absolute_area(x, y - x))


def pinball(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike, /) -> FloatArray:
    """Mean pinball (quantile) loss at each level, in the unit of the metric.

    Args:
        truth: `(n,)` measured values, n at least 1.
        quantiles: `(n, k)` predicted quantiles.
        levels: `(k,)` levels inside (0, 1).

    Returns:
        `(k,)` losses.
    """
    y, q, tau = _quantiles(truth, quantiles, levels)
    difference = y[:, None] - q  # (n, k)
    loss: FloatArray = np.maximum(tau * difference, (tau - 1.0) * difference).mean(axis=0)
    return loss


def crps_quantiles(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike, /) -> float:
    """Mean continuous ranked probability score from quantiles, in the unit of the metric.

    Twice the pinball loss, integrated over the levels. Each level stands for the levels nearer to
    it than to any other, so many levels, evenly spread ((i - 1/2) / k is best), approach the exact
    score; a few levels only rank models that share them.

    Args:
        truth: `(n,)` measured values, n at least 1.
        quantiles: `(n, k)` predicted quantiles.
        levels: `(k,)` strictly ascending, inside (0, 1).
    """
    tau = finite(levels, name="levels")
    loss = pinball(truth, quantiles, tau)
    edges = np.concatenate([[0.0], (tau[1:] + tau[:-1]) / 2, [1.0]])
    return float(2.0 * np.sum(np.diff(edges) * loss))


def crps_samples(truth: ArrayLike, samples: ArrayLike, /, *, fair: bool = False) -> float:
    """Mean continuous ranked probability score from samples: E|X - y| - E|X - X'| / 2.

    Args:
        truth: `(n,)` measured values, n at least 1.
        samples: `(n, m)` draws from the predictive distribution of each row.
        fair: Divide the second term by m(m - 1), which is unbiased for few draws; needs m of 2 or
            more.
    """
    y, x = finite(truth, name="truth"), finite(samples, name="samples", ndim=2)
    n, m = x.shape
    if n != len(y) or n == 0 or m < (2 if fair else 1):
        raise ShapeError(f"samples need shape ({len(y)}, m) with rows and draws, got {x.shape}")
    weights = 2.0 * np.arange(1, m + 1) - m - 1  # sum_ij |x_i - x_j| = 2 sum_i weights_i x_(i)
    spread = (np.sort(x, axis=1) @ weights) / (m * (m - 1) if fair else m * m)
    return float(np.mean(np.abs(x - y[:, None]).mean(axis=1) - spread))


def _absolute_area(x: FloatArray, d: FloatArray) -> float:
    """Integral of |d| over x, d piecewise linear; a crossing of zero is followed exactly."""
    width, a, b = np.diff(x), np.abs(d[:-1]), np.abs(d[1:])
    crosses = d[:-1] * d[1:] < 0
    total = np.where(a + b > 0, a + b, 1.0)
    areas = np.where(crosses, (a * a + b * b) / total, a + b) / 2.0
    return float(np.sum(width * areas))


def _interval(
    truth: ArrayLike, lower: ArrayLike, upper: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    y = finite(truth, name="truth")
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if low.shape != y.shape or high.shape != y.shape:
        raise ShapeError(f"limits need shape {y.shape}, got {low.shape} and {high.shape}")
    if np.isnan(low).any() or np.isnan(high).any():
        raise DataError("limits must not be NaN; use infinity for an open side")
    return y, low, high


def _quantiles(
    truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    y, tau = finite(truth, name="truth"), finite(levels, name="levels")
    q = finite(quantiles, name="quantiles", ndim=2)
    if q.shape != (len(y), len(tau)) or not len(y):
        raise ShapeError(f"quantiles need shape {(len(y), len(tau))} with rows, got {q.shape}")
    _check_levels(tau)
    if (np.diff(tau) <= 0).any():
        raise DataError(f"levels must ascend, got {tau}")
    return y, q, tau


def _check_levels(levels: ArrayLike) -> None:
    tau = np.asarray(levels, dtype=np.float64)
    if not ((tau > 0) & (tau < 1)).all():
        raise DataError(f"levels must lie inside (0, 1), got {tau}")
