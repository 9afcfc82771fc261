"""Which architectures to measure: those after which the whole space is known best.

I-optimal design (Fedorov 1972; Atkinson, Donev & Tobias 2007): the mean variance of predictions
over the space, relative, is made small, first by adding one architecture after another, then by
exchanging them. It depends on the prior alone, so a design is made before anything is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.errors import DataError
from hwbench.spaces import Space
from hwbench.surrogates.fewshot.prior import Prior, Setting

__all__ = ["Chosen", "candidates_of", "choose"]

_SETTING = Setting(other=0.3, rest=0.4, spread=1.0)
_NOISE = 0.005
"""What a design is made for; the noise is relative."""

_ROUNDS = 4

_CANDIDATES = 600
"""Architectures that a design chooses from, drawn uniformly per choice."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A design.

    Attributes:
        rows: `(n,)` indices of the chosen candidates, in the order in which they help most.
        expected: Root mean square relative error of a prediction to expect, by metric.
    """

    rows: Int64Array
    expected: tuple[float, ...]


def candidates_of(space: Space, n: int, rng: np.random.Generator, /) -> Codes:
    """Draw distinct architectures from which a design chooses `n`, in the order drawn."""
    drawn = space.sample_codes(max(_CANDIDATES, 4 * n), rng)
    return np.asarray(drawn[np.sort(np.unique(drawn, axis=0, return_index=True)[1])])


def choose(
    priors: Sequence[Prior],
    candidates: Codes,
    n: int,
    /,
    *,
    seconds: FloatArray | None = None,
    budget_s: float | None = None,
) -> Chosen:
    """Choose up to `n` candidates for the metrics of `priors` together.

    Args:
        priors: One prior a metric; they count alike.
        candidates: `N x n_choices` architectures to choose from.
        n: How many.
        seconds: `(N,)` what measuring each costs; with `budget_s`, cheap ones are preferred.
        budget_s: Most seconds in all.

    Returns:
        Fewer than `n` if the budget is spent before. A candidate is chosen once.

    Raises:
        DataError: If there are fewer candidates than `n`, or the budget is below the cheapest.
    """
    if not 0 < n <= len(candidates):
        raise DataError(f"cannot choose {n} of {len(candidates)} architectures")
    limit = np.inf if budget_s is None else budget_s
    cost = np.ones(len(candidates)) if seconds is None else np.asarray(seconds, dtype=np.float64)
    if seconds is None:
        limit = np.inf
    if cost.min() > limit:
        raise DataError(f"the cheapest architecture takes {cost.min():.3g} s, the budget {limit} s")
    metrics = [_Metric.of(prior, candidates) for prior in priors]
    rows = _greedy(metrics, n, cost, limit)
    rows = _exchange(metrics, rows, cost, limit)
    ends = tuple(float(np.sqrt(metric.error(metric.after(rows)))) for metric in metrics)
    return Chosen(np.array(rows, dtype=np.int64), ends)


@dataclass(frozen=True, eq=False)
class _Metric:
    """A metric's candidates `X` (N x k), prior covariance and mean square of the space (k x k)."""

    x: FloatArray
    covariance: FloatArray
    space: FloatArray

    @classmethod
    def of(cls, prior: Prior, candidates: Codes) -> Self:
        x = prior.relative(candidates)[0]
        mean = prior.mean(_SETTING)
        level = prior.sample @ mean  # about 1: errors are relative to the prediction
        space = prior.sample / level[:, None]
        return cls(x, prior.covariance(_SETTING), space.T @ space / len(space))

    def error(self, covariance: FloatArray) -> float:
        """Mean square relative error over the space."""
        return float(np.sum(covariance * self.space))

    def after(self, rows: Sequence[int]) -> FloatArray:
        """Covariance after measuring some candidates."""
        x = self.x[list(rows)]
        cross = self.covariance @ x.T
        gram = x @ cross + _NOISE**2 * np.eye(len(x))
        left: FloatArray = self.covariance - cross @ np.linalg.solve(gram, cross.T)
        return left

    def gains(self, covariance: FloatArray) -> FloatArray:
        """Return by which share each candidate, measured next, lowers the error, `(N,)`."""
        cross = self.x @ covariance  # (N, k)
        drop = np.einsum("nk,nk->n", cross @ self.space, cross)
        found = np.einsum("nk,nk->n", cross, self.x) + _NOISE**2
        share: FloatArray = drop / found / self.error(covariance)
        return share


def _greedy(metrics: Sequence[_Metric], n: int, cost: FloatArray, limit: float) -> list[int]:
    rows: list[int] = []
    left = limit
    for _ in range(n):
        open_ = cost <= left
        open_[rows] = False
        if not open_.any():
            break
        gain = _gains(metrics, rows)
        if np.isfinite(limit):
            gain = gain / np.maximum(cost, left / (n - len(rows)))  # above its share, cost counts
        rows.append(int(np.argmax(np.where(open_, gain, -np.inf))))
        left -= cost[rows[-1]]
    return rows


def _exchange(
    metrics: Sequence[_Metric], rows: list[int], cost: FloatArray, limit: float
) -> list[int]:
    """Replace one row after another by the candidate that helps most beside the others."""
    kept = list(rows)
    for _ in range(_ROUNDS):
        before = list(kept)
        for place in range(len(kept)):
            others = kept[:place] + kept[place + 1 :]
            open_ = cost <= limit - cost[others].sum()
            open_[others] = False
            gain = np.where(open_, _gains(metrics, others), -np.inf)
            kept[place] = int(np.argmax(gain))
        if kept == before:
            break
    return kept


def _gains(metrics: Sequence[_Metric], rows: Sequence[int]) -> FloatArray:
    shares = np.stack([metric.gains(metric.after(rows)) for metric in metrics])
    total: FloatArray = shares.sum(axis=0)
    return total
