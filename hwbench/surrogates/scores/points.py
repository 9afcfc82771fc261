"""Scores of point predictions: error sizes and rank agreement."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError, ShapeError, require
from hwbench.surrogates.scores._check import paired

__all__ = [
    "PointScores",
    "kendall",
    "kendall_by_group",
    "kendall_within",
    "mae",
    "mape",
    "point_scores",
    "r2",
    "rmse",
    "sparse_kendall",
    "spearman",
]


def r2(truth: ArrayLike, predicted: ArrayLike, /) -> float:
    """Coefficient of determination, 1 - residual / total sum of squares; NaN for constant truth.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    y, p = paired(truth, predicted)
    if _constant(y):
        return float("nan")
    return float(1.0 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2))


def mae(truth: ArrayLike, predicted: ArrayLike, /) -> float:
    """Mean absolute error, in the unit of the metric; NaN for no rows."""
    y, p = paired(truth, predicted)
    return float(np.abs(y - p).mean()) if len(y) else float("nan")


def rmse(truth: ArrayLike, predicted: ArrayLike, /) -> float:
    """Root mean squared error, in the unit of the metric; NaN for no rows."""
    y, p = paired(truth, predicted)
    return float(np.sqrt(np.mean((y - p) ** 2))) if len(y) else float("nan")


def mape(truth: ArrayLike, predicted: ArrayLike, /) -> float:
    """Mean absolute error relative to the truth, as a fraction; inf if a truth is 0."""
    y, p = paired(truth, predicted)
    if not len(y):
        return float("nan")
    return float("inf") if not y.all() else float(np.mean(np.abs(y - p) / np.abs(y)))


def kendall(truth: ArrayLike, predicted: ArrayLike, /) -> float:
    """Kendall's tau-b (ties counted), in [-1, 1]; NaN if either side is constant.

    Raises:
        MissingExtraError: If scipy is missing (extra `fit`).
    """
    y, p = paired(truth, predicted)
    if _constant(y) or _constant(p):
        return float("nan")
    return float(require("scipy.stats", "fit").kendalltau(y, p).statistic)


def spearman(truth: ArrayLike, predicted: ArrayLike, /) -> float:
    """Spearman's rho, in [-1, 1]; NaN if either side is constant.

    Raises:
        MissingExtraError: If scipy is missing (extra `fit`).
    """
    y, p = paired(truth, predicted)
    if _constant(y) or _constant(p):
        return float("nan")
    return float(require("scipy.stats", "fit").spearmanr(y, p).statistic)


def sparse_kendall(truth: ArrayLike, predicted: ArrayLike, /, *, tolerance: float) -> float:
    """Kendall's tau-b after rounding the predictions to multiples of `tolerance`.

    The "sparse Kendall tau" of NAS-Bench-301 (Zela et al. 2022, section 3): differences below the
    tolerance are no rank change. There 0.1 % accuracy; take a tolerance that no user would care
    about.

    Args:
        truth: `(n,)` measured values.
        predicted: `(n,)` predictions.
        tolerance: Width of a step, in the unit of the metric, above 0.

    Raises:
        DataError: If `tolerance` is not above 0.
    """
    if not tolerance > 0:
        raise DataError(f"tolerance must be above 0, got {tolerance}")
    y, p = paired(truth, predicted)
    return kendall(y, np.round(p / tolerance))


def kendall_by_group(
    truth: ArrayLike, predicted: ArrayLike, groups: ArrayLike, /
) -> dict[float, float]:
    """Kendall's tau-b inside each group, such as each embedding size.

    Returns:
        Group value -> tau, ascending; NaN for a group of fewer than two different values.
    """
    y, p, g = _grouped(truth, predicted, groups)
    return {float(v): kendall(y[g == v], p[g == v]) for v in np.unique(g)}


def kendall_within(truth: ArrayLike, predicted: ArrayLike, groups: ArrayLike, /) -> float:
    """Mean of the groups' Kendall tau, weighted by their number of pairs.

    Groups without a tau (constant, or a single row) are left out.
    Shows whether a surrogate ranks networks of one size, which a score over all sizes hides.
    """
    y, p, g = _grouped(truth, predicted, groups)
    taus = kendall_by_group(y, p, g)
    counts = [int(np.count_nonzero(g == v)) for v in taus]
    pairs = np.array([n * (n - 1) / 2 for n in counts])
    values = np.array(list(taus.values()))
    known = np.isfinite(values)
    return float(np.average(values[known], weights=pairs[known])) if known.any() else float("nan")


@dataclass(frozen=True)
class PointScores:
    """How good point predictions are; see the functions of the same names."""

    n: int
    r2: float
    mae: float
    rmse: float
    mape: float
    kendall: float
    spearman: float
    sparse_kendall: float


def point_scores(
    truth: ArrayLike, predicted: ArrayLike, /, *, tolerance: float | None = None
) -> PointScores:
    """Compute all point scores at once.

    Args:
        truth: `(n,)` measured values.
        predicted: `(n,)` predictions.
        tolerance: For the sparse Kendall tau, in the metric's unit. None: 0.1 % of the median
            |truth|.

    Raises:
        ShapeError: If the two are not vectors of one length.
        DataError: If either holds NaN or infinity.
    """
    y, p = paired(truth, predicted)
    step = tolerance
    if step is None:
        step = 1e-3 * float(np.median(np.abs(y))) if len(y) else 1.0
    sparse = partial(sparse_kendall, tolerance=step) if step != 0 else kendall
    return PointScores(
        n=len(y),
        r2=r2(y, p),
        mae=mae(y, p),
        rmse=rmse(y, p),
        mape=mape(y, p),
        kendall=kendall(y, p),
        spearman=spearman(y, p),
        sparse_kendall=sparse(y, p),
    )


def _constant(values: FloatArray) -> bool:
    return len(values) < 2 or bool((values == values[0]).all())


def _grouped(
    truth: ArrayLike, predicted: ArrayLike, groups: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    y, p = paired(truth, predicted)
    g = np.asarray(groups, dtype=np.float64)
    if g.shape != y.shape:
        raise ShapeError(f"groups need one value per row, {len(y)}, got shape {g.shape}")
    return y, p, g
