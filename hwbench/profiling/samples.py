"""Statistics of raw samples: median, its interval, spread, and what is odd. Nothing is trimmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.errors import ShapeError

__all__ = [
    "P95_SAMPLES",
    "Summary",
    "drifting",
    "median_interval",
    "relative_error",
    "summary",
    "two_levels",
]

P95_SAMPLES: Final = 59
"""Fewest samples whose greatest is an upper bound of the 95th percentile with 95 % confidence:
0.95^59 < 0.05."""

_GAP: Final = 4.0  # widest gap between levels, in widths of the wider level
_STEP: Final = 0.02  # levels and drift smaller than this, relative to the median, do not matter
_MAD_LIMIT: Final = 5.0
_FEWEST: Final = 7  # samples, to call one of them odd


@dataclass(frozen=True, slots=True)
class Summary:
    """What samples of one quantity say.

    Attributes:
        n: Number of samples.
        median: Their median, in their unit.
        low: Lower end of the interval of the median; the least sample if there are too few for
            the confidence asked for.
        high: Upper end, likewise.
        confidence: What the interval really covers, at least as much as asked for unless there are
            too few samples.
        p95: 95th percentile; None below 59 samples.
        spread: Interquartile range over median.
        outliers: How many lie further from the median than 5 times the median deviation; 0 below 7
            samples, whose deviation means little.
        two_levels: Whether they fall into two clean levels, as when a clock changes.
        drifting: Whether they rise or fall as time goes on.
    """

    n: int
    median: float
    low: float
    high: float
    confidence: float
    p95: float | None
    spread: float
    outliers: int
    two_levels: bool
    drifting: bool

    @property
    def flags(self) -> tuple[str, ...]:
        """Say in words what is odd."""
        odd = []
        if self.two_levels:
            odd.append("samples fall into two levels")
        if self.drifting:
            odd.append("samples drift while measuring")
        if self.outliers:
            odd.append(f"{self.outliers} of {self.n} samples lie far from the median")
        return tuple(odd)


def summary(samples: Sequence[float] | FloatArray, /, *, confidence: float = 0.95) -> Summary:
    """Summarise samples, in the order taken.

    Raises:
        ShapeError: If there are none, or one is not finite.
    """
    values = _checked(samples)
    low, high, covered = median_interval(values, confidence=confidence)
    middle = float(np.median(values))
    first, third = np.quantile(values, [0.25, 0.75])
    deviation = np.abs(values - middle)
    limit = _MAD_LIMIT * max(float(np.median(deviation)), 1e-3 * abs(middle))
    return Summary(
        n=len(values),
        median=middle,
        low=low,
        high=high,
        confidence=covered,
        p95=float(np.quantile(values, 0.95)) if len(values) >= P95_SAMPLES else None,
        spread=_over(float(third - first), middle),
        outliers=int(np.count_nonzero(deviation > limit)) if len(values) >= _FEWEST else 0,
        two_levels=two_levels(values),
        drifting=drifting(values),
    )


def median_interval(
    samples: Sequence[float] | FloatArray, /, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return an interval of the median that holds for any distribution: two order statistics.

    The k-th least and the k-th greatest of n samples enclose the median with probability
    1 - 2 P(B < k), B binomial (n, 1/2).

    Returns:
        Lower end, upper end, and the probability; that of the extremes where even they fall short
        of `confidence`.

    >>> median_interval([3.0, 1.0, 2.0, 5.0, 4.0], confidence=0.9)
    (1.0, 5.0, 0.9375)
    """
    values = np.sort(_checked(samples))
    rank, covered = _rank(len(values), confidence)
    return float(values[rank - 1]), float(values[-rank]), covered


def relative_error(samples: Sequence[float] | FloatArray, /, *, confidence: float = 0.95) -> float:
    """Return half the width of the median's interval over the median.

    Infinite where there are too few samples for the confidence.
    """
    values = _checked(samples)
    low, high, covered = median_interval(values, confidence=confidence)
    if covered < confidence:
        return float("inf")
    return _over((high - low) / 2, float(np.median(values)))


def two_levels(samples: Sequence[float] | FloatArray, /) -> bool:
    """Tell whether samples fall into two clean levels.

    They do if their widest gap is four times as wide as either side of it and more than 2 % of the
    median, with at least three samples, and a tenth of all, on each side.
    """
    values = np.sort(_checked(samples))
    least = max(3, len(values) // 10)
    if len(values) < 2 * least:
        return False
    gaps = np.diff(values)[least - 1 : len(values) - least]
    at = least + int(np.argmax(gaps))
    gap, lower, upper = values[at] - values[at - 1], values[:at], values[at:]
    # Spread by quantiles: one outlier does not make a level wide.
    width = max(float(np.subtract(*np.quantile(side, [0.9, 0.1]))) for side in (lower, upper))
    return bool(gap > _GAP * width and gap > _STEP * abs(float(np.median(values))))


def drifting(samples: Sequence[float] | FloatArray, /) -> bool:
    """Tell whether samples rise or fall with their place.

    They do if Spearman's rank correlation with the order is beyond three standard errors (false
    alarms: 3 in 1,000) and the medians of the first and the last third differ by more than 2 %.
    """
    values = _checked(samples)
    n = len(values)
    if n < 12:
        return False
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]  # ties share their mean rank
    if len(count) == 1:
        return False
    correlation = float(np.corrcoef(ranks, np.arange(n))[0, 1])
    third = n // 3
    change = float(np.median(values[-third:]) - np.median(values[:third]))
    large = abs(change) > _STEP * abs(float(np.median(values)))
    return abs(correlation) * np.sqrt(n - 1) > 3 and large


def _checked(samples: Sequence[float] | FloatArray) -> FloatArray:
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ShapeError(
            f"expected a row of finite samples, at least one; got shape {values.shape}"
        )
    return values


def _over(width: float, middle: float) -> float:
    return width / abs(middle) if middle else (0.0 if width == 0 else float("inf"))


@lru_cache(maxsize=4096)
def _rank(n: int, confidence: float) -> tuple[int, float]:
    # Largest k whose order statistics still cover the median as often as asked for.
    half = n // 2
    below = np.arange(half)
    log_mass = np.concatenate([[0.0], np.cumsum(np.log((n - below) / (below + 1.0)))])
    beyond = 2 * np.cumsum(np.exp(log_mass - n * np.log(2.0)))  # 2 P(B <= k), k = 0 ... n / 2
    fits = np.flatnonzero(1 - beyond[: max((n + 1) // 2, 1)] >= confidence - 1e-12)
    rank = int(fits[-1]) + 1 if len(fits) else 1
    return rank, max(float(1 - beyond[rank - 1]), 0.0)
