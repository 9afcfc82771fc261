"""Conformal calibration in numpy: how far held-out measurements lay from what a model said.

With `n` exchangeable held-out scores, the ceil((n + 1) level)-th smallest bounds a new one with
probability `level` or more, whatever the distribution (Vovk et al. 2005; Lei et al. 2018). With too
few scores for a level the bound is infinite, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import BundleError, DataError, ShapeError

__all__ = [
    "Margins",
    "Residuals",
    "check_level",
    "difference",
    "lower_bound",
    "shifted",
    "tail_levels",
    "tails",
    "upper_bound",
]


def upper_bound(scores: ArrayLike, level: float, /) -> float:
    """Bound a new score from above with probability `level` or more.

    Args:
        scores: `(n,)` held-out scores.
        level: Probability, inside (0, 1).

    Returns:
        The ceil((n + 1) level)-th smallest score; infinity if n is too small for that.

    >>> upper_bound([3.0, 1.0, 2.0], 0.75)
    3.0
    """
    values = np.sort(np.asarray(scores, dtype=np.float64))
    # The rounding undoes float noise such as (9 + 1) * 0.7 = 7.000000000000001.
    rank = int(np.ceil(round((len(values) + 1) * check_level(level), 9)))
    return float(values[rank - 1]) if rank <= len(values) else float("inf")


def lower_bound(scores: ArrayLike, level: float, /) -> float:
    """Bound a new score from below with probability `level` or more; see `upper_bound`."""
    return -upper_bound(-np.asarray(scores, dtype=np.float64), level)


def check_level(level: float, /) -> float:
    """Return `level` if it lies inside (0, 1).

    Raises:
        DataError: If it does not.
    """
    if not 0.0 < level < 1.0:
        raise DataError(f"a level must lie inside (0, 1), got {level}")
    return float(level)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Held-out residuals, as a predictive distribution around any new prediction.

    Attributes:
        values: `(n,)` ascending residuals, measured minus predicted, in units of the spread.
        log: They are residuals of logarithms, so that limits are the prediction times a factor.
    """

    values: FloatArray
    log: bool

    def __post_init__(self) -> None:
        r = self.values
        if r.ndim != 1 or not len(r) or not np.isfinite(r).all() or (np.diff(r) < 0).any():
            raise BundleError("residuals must be one ascending row of finite numbers")

    @classmethod
    def of(
        cls, measured: FloatArray, predicted: FloatArray, spread: ArrayLike = 1.0, /, *, log: bool
    ) -> Self:
        """Collect the residuals of held-out rows, divided by their spread.

        Raises:
            DataError: If `log` is asked for and a measurement or a prediction is not above 0.
        """
        return cls(np.sort(difference(measured, predicted, log=log) / np.asarray(spread)), log)

    def interval(
        self, predicted: FloatArray, spread: ArrayLike = 1.0, /, *, level: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return limits, `(n,)` each; either side is missed by (1 - level) / 2 at most."""
        tail = (1.0 + check_level(level)) / 2.0
        low, high = lower_bound(self.values, tail), upper_bound(self.values, tail)
        return self._around(predicted, low * spread_of(spread)), self._around(
            predicted, high * spread_of(spread)
        )

    def quantiles(
        self, predicted: FloatArray, spread: ArrayLike = 1.0, /, *, levels: ArrayLike
    ) -> FloatArray:
        """Return `n x k` plain quantiles at `(k,)` levels: always finite, without a guarantee."""
        tau = np.array([check_level(float(level)) for level in np.atleast_1d(np.asarray(levels))])
        residuals = np.quantile(self.values, tau)  # (k,)
        return self._around(predicted[:, None], residuals * spread_of(spread)[..., None])

    def samples(
        self, predicted: FloatArray, spread: ArrayLike = 1.0, /, *, n: int, rng: np.random.Generator
    ) -> FloatArray:
        """Draw `n` measurements a row, independently; returns `n_rows x n`."""
        residuals = rng.choice(self.values, size=(len(predicted), n))
        return self._around(predicted[:, None], residuals * spread_of(spread)[..., None])

    def _around(self, predicted: FloatArray, residuals: FloatArray) -> FloatArray:
        return shifted(predicted, residuals, log=self.log)


@dataclass(frozen=True, eq=False)
class Margins:
    """How far learned quantiles must move out to hold what they say (Romano et al. 2019).

    Attributes:
        levels: Levels of the intervals.
        values: `(len(levels),)` how far each moves out on both sides; in, if negative.
        log: Margins of logarithms, so that limits are the quantiles times a factor.
    """

    levels: tuple[float, ...]
    values: FloatArray
    log: bool

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.levels),) or np.isnan(self.values).any():
            raise BundleError(f"need one margin for each of the levels {self.levels}")

    @classmethod
    def of(
        cls,
        measured: FloatArray,
        quantiles: FloatArray,
        /,
        *,
        head_levels: Sequence[float],
        levels: Sequence[float],
        log: bool,
    ) -> Self:
        """Find the margins from held-out rows.

        Args:
            measured: `(n,)` held-out measurements.
            quantiles: `n x len(head_levels)` what the heads said there.
            head_levels: Levels of the heads.
            levels: Levels of the intervals; both tails of each must be among `head_levels`.
            log: Measure how far in logarithms.
        """
        margins = []
        for level in levels:
            low, high = tails(head_levels, level)
            below = difference(quantiles[:, low], measured, log=log)
            above = difference(measured, quantiles[:, high], log=log)
            margins.append(upper_bound(np.maximum(below, above), level))
        return cls(tuple(float(v) for v in levels), np.array(margins), log)

    def interval(
        self, quantiles: FloatArray, /, *, head_levels: Sequence[float], level: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper limits, `(n,)` each, for the heads' `n x k` quantiles.

        A margin so negative that the limits would cross makes both the middle between the
        quantiles.

        Raises:
            DataError: If there is no margin for this level; lists those there are.
        """
        near = [i for i, known in enumerate(self.levels) if abs(known - level) < 1e-9]
        if not near:
            raise DataError(f"no interval of level {level} was fitted; there are {self.levels}")
        low, high = tails(head_levels, level)
        margin = self.values[near[0]]
        lower = shifted(quantiles[:, low], -margin, log=self.log)
        upper = shifted(quantiles[:, high], margin, log=self.log)
        middle = (quantiles[:, low] + quantiles[:, high]) / 2.0
        crossed = lower > upper
        return np.where(crossed, middle, lower), np.where(crossed, middle, upper)


def tail_levels(levels: Sequence[float], /) -> tuple[float, ...]:
    """Return the quantile levels that central intervals of `levels` need, and the median.

    >>> tail_levels([0.9])
    (0.05, 0.5, 0.95)
    """
    both = [(1.0 + sign * check_level(level)) / 2.0 for level in levels for sign in (-1, 1)]
    return tuple(sorted({0.5, *(round(tau, 9) for tau in both)}))


def tails(head_levels: Sequence[float], level: float, /) -> tuple[int, int]:
    """Return the columns of an interval's two quantiles.

    Raises:
        BundleError: If a head is missing.
    """
    heads = np.asarray(head_levels)
    found = [np.flatnonzero(np.abs(heads - (1.0 + s * level) / 2.0) < 1e-6) for s in (-1, 1)]
    if any(len(columns) != 1 for columns in found):
        raise BundleError(f"quantiles {tuple(head_levels)} hold no interval of level {level}")
    return int(found[0][0]), int(found[1][0])


def difference(a: FloatArray, b: FloatArray, /, *, log: bool) -> FloatArray:
    """Return a - b, or log a - log b.

    Raises:
        DataError: If `log` is asked for and a value is not above 0.
    """
    if not log:
        return a - b
    if min(a.min(initial=1.0), b.min(initial=1.0)) <= 0:
        raise DataError("residuals of logarithms need values and predictions above 0")
    return np.asarray(np.log(a) - np.log(b))


def shifted(center: FloatArray, by: FloatArray | float, /, *, log: bool) -> FloatArray:
    """Return center + by, or center times exp(by); undoes `difference`."""
    return np.asarray(center * np.exp(by) if log else center + by, dtype=np.float64)


def spread_of(spread: ArrayLike, /) -> FloatArray:
    """Return a spread as float64: a number, or one a row.

    Raises:
        ShapeError: If it is a matrix.
    """
    values = np.asarray(spread, dtype=np.float64)
    if values.ndim > 1:
        raise ShapeError(f"a spread is one number or one a row, got shape {values.shape}")
    return values
