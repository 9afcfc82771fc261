"""How much of the scatter is noise: split halves, and drift in the order of measurement."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError, ShapeError
from hwbench.surrogates.scores._check import paired
from hwbench.surrogates.scores.points import kendall, spearman

__all__ = [
    "NoiseCeiling",
    "lag1_autocorrelation",
    "noise_ceiling",
    "spearman_brown",
]


@dataclass(frozen=True)
class NoiseCeiling:
    """What no surrogate can beat, as far as the repeats of one architecture show it.

    The repeats of an architecture are taken within seconds, so slow drift is the same in both
    halves and is NOT counted as noise: with drift the true ceiling is lower.

    Attributes:
        n: Architectures with a value in both halves.
        pearson: Correlation between the halves.
        spearman: Spearman's rho between the halves.
        kendall: Kendall's tau between the halves.
        reliability: Share of the variance of the full mean that is no repeat noise: Spearman-Brown,
            2 r / (1 + r) with r = `pearson`. It is also the highest R2 against the full mean.
        kendall_ceiling: Expected Kendall tau of a perfect surrogate against the full mean. Tau is
            taken to a normal correlation (Greiner), that through Spearman-Brown, its root back to
            tau: exact for normal values, an approximation otherwise.
        spearman_ceiling: The same for Spearman's rho.
    """

    n: int
    pearson: float
    spearman: float
    kendall: float
    reliability: float
    kendall_ceiling: float
    spearman_ceiling: float


def noise_ceiling(repeats: ArrayLike, /) -> NoiseCeiling:
    """Compare the odd with the even repeats of each architecture.

    Args:
        repeats: `(n, r)` raw repeats in order; NaN where a repeat is missing. Cut a cold first
            repeat off before. Rows without a value in both halves are left out.

    Raises:
        ShapeError: If there are fewer than two repeats a row.
        DataError: If fewer than two rows have both halves.
    """
    values = np.asarray(repeats, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ShapeError(f"repeats need shape (n, r) with r of 2 or more, got {values.shape}")
    odd, even = _row_means(values[:, 0::2]), _row_means(values[:, 1::2])
    known = np.isfinite(odd) & np.isfinite(even)
    odd, even = odd[known], even[known]
    if len(odd) < 2:
        raise DataError(f"a noise ceiling needs 2 rows with both halves, got {len(odd)}")
    r, rho, tau = _pearson(odd, even), spearman(odd, even), kendall(odd, even)
    full = spearman_brown(np.sin(np.pi / 2 * tau))
    top = np.sqrt(np.clip(full, 0.0, 1.0))
    return NoiseCeiling(
        n=len(odd),
        pearson=r,
        spearman=rho,
        kendall=tau,
        reliability=spearman_brown(r),
        kendall_ceiling=float(2 / np.pi * np.arcsin(top)),
        spearman_ceiling=float(6 / np.pi * np.arcsin(top / 2)),
    )


def spearman_brown(half: float, /) -> float:
    """Reliability of the full test from the Pearson correlation of its halves: 2 r / (1 + r).

    Only right for correlations of means whose errors are independent and alike; not for rank
    correlations.

    >>> spearman_brown(0.5)
    0.6666666666666666
    """
    return float(2.0 * half / (1.0 + half)) if half > -1 else float("-inf")


def lag1_autocorrelation(
    residuals: ArrayLike, position: ArrayLike, /, *, max_gap: int = 1
) -> float:
    """Correlation of each residual with the next one in the order of measurement.

    Near 0: the scatter is independent from one architecture to the next. Near 1: slow drift of the
    machine.

    Args:
        residuals: `(n,)` truth minus prediction, in any order of rows.
        position: `(n,)` place in the order of measurement.
        max_gap: Two rows are neighbours when their positions differ by at most this. Raise it for a
            thinned sample such as a test split.

    Returns:
        The correlation over neighbouring pairs; NaN with fewer than 3 pairs or constant residuals.
    """
    r, at = paired(residuals, position)
    if max_gap < 1:
        raise DataError(f"max_gap must be 1 or more, got {max_gap}")
    order = np.argsort(at, kind="stable")
    r, at = r[order], at[order]
    near = np.diff(at) <= max_gap
    if np.count_nonzero(near) < 3:
        return float("nan")
    return _pearson(r[:-1][near], r[1:][near])


def _pearson(a: FloatArray, b: FloatArray) -> float:
    x, y = a - a.mean(), b - b.mean()
    scale = float(np.sqrt(np.sum(x * x) * np.sum(y * y)))
    return float(np.sum(x * y)) / scale if scale > 0 else float("nan")


def _row_means(values: FloatArray) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows of NaN only: left out by the caller
        means: FloatArray = np.nanmean(values, axis=1)
    return means
