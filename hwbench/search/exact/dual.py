"""The weights of limits (and of objectives whose worst counts) that bound an instance best.

For weights w >= 0, those of objectives adding up to 1, every architecture that keeps the limits has
an objective of at least `min w @ scores - w_limits @ bounds`. One weight is found by intersecting
lines, several by Kelley's cutting planes (1960).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.search.exact.instance import Instance
from hwbench.search.exact.relax import Cut, Relaxation
from hwbench.search.exact.simplex import highest_point

__all__ = ["Dual", "maximise"]

_MOST_CUTS: Final = 60
_CLOSE: Final = 1e-10
_CAP: Final = 1e3
_DOUBT: Final = 1e-14


@dataclass(frozen=True, eq=False)
class Dual:
    """A bound on the objective of an instance.

    Attributes:
        bound: No architecture that keeps the limits has a smaller objective; infinite if a limit
            cannot be kept.
        weights: `(J,)` that prove it.
        cuts: Minimisers found on the way, good starting points.
    """

    bound: float
    weights: FloatArray
    cuts: tuple[Cut, ...]


def maximise(
    instance: Instance,
    relaxation: Relaxation,
    /,
    *,
    stop: float = np.inf,
    start: FloatArray | None = None,
) -> Dual:
    """Find weights with a bound as high as can be, or one above `stop`."""
    n_objectives, bounds = instance.n_objectives, instance.loose_bounds
    weights = np.zeros(len(instance.base))
    weights[:n_objectives] = 1.0 / n_objectives
    first = relaxation.cut(weights)
    if n_objectives == 1:
        if not len(bounds) or (first.extra == 0 and (first.scores[1:] <= bounds).all()):
            return Dual(first.at(weights), weights, (first,))
        if len(bounds) == 1:
            return _one_limit(instance, relaxation, first)
    return _planes(instance, relaxation, first, stop, start)


def _one_limit(instance: Instance, relaxation: Relaxation, first: Cut) -> Dual:
    """Maximise the lower envelope of lines over one weight (Newton's method on a concave curve)."""
    bound = float(instance.loose_bounds[0])
    cuts = [first]
    weights = np.array([1.0, 0.0])
    if first.scores[1] <= bound:
        return Dual(first.at(weights), weights, (first,))
    low, high = first, _smallest(instance, relaxation)
    cuts.append(high)
    if high.scores[1] > bound:
        return _unreachable(instance, relaxation, cuts)
    best = Dual(first.at(weights), weights, ())
    for _ in range(_MOST_CUTS):
        fall = low.scores[1] - high.scores[1]
        weight = (high.scores[0] + high.extra - low.scores[0] - low.extra) / fall
        weights = np.array([1.0, max(weight, 0.0)])
        cut = relaxation.cut(weights)
        cuts.append(cut)
        value = _proven(instance, cut, weights)
        if value > best.bound:
            best = Dual(value, weights, ())
        crossing = low.at(weights) - weights[1] * bound
        if value >= crossing - _CLOSE * max(abs(crossing), 1e-300):
            break
        if cut.scores[1] > bound:
            low = cut
        else:
            high = cut
    return Dual(best.bound, best.weights, tuple(cuts))


def _smallest(instance: Instance, relaxation: Relaxation) -> Cut:
    """Return an architecture with a small score of the only limit: its very smallest for chains."""
    choice = relaxation.cut(np.array([0.0, 1.0])).choice
    if not instance.is_chain:
        choice = instance.unary[..., 1].argmin(axis=1)
    return Cut(instance.scores(choice[None, :])[0], 0.0, choice)


def _unreachable(instance: Instance, relaxation: Relaxation, cuts: list[Cut]) -> Dual:
    weights = np.array([1.0, 0.0])
    if instance.is_chain or not instance.table[..., 1].any():
        return Dual(np.inf, weights, tuple(cuts))
    value = cuts[0].at(weights)
    for weight in 10.0 ** np.arange(-3, 7) / max(abs(float(instance.bounds[0])), 1e-12):
        found = np.array([1.0, weight])
        cut = relaxation.cut(found)
        bound = _proven(instance, cut, found)
        if bound > value:
            value, weights = bound, found
    return Dual(value, weights, tuple(cuts))


def _planes(
    instance: Instance,
    relaxation: Relaxation,
    first: Cut,
    stop: float,
    start: FloatArray | None,
) -> Dual:
    n_objectives = instance.n_objectives
    offsets = np.concatenate([np.zeros(n_objectives), instance.loose_bounds])
    spread = np.ptp(instance.unary, axis=1).sum(axis=0) + np.ptp(instance.table, axis=(1, 2)).sum(
        axis=0
    )
    scale = 1.0 / np.maximum(spread, 1e-300)  # weights are about as large as these
    scale *= np.max(spread[:n_objectives])
    scale[:n_objectives] = 1.0
    cuts = [first, *(relaxation.cut(corner) for corner in np.diag(scale))]
    goals = np.arange(len(scale)) < n_objectives
    weights = np.where(goals, 1.0 / n_objectives, 0.0)
    best = Dual(first.at(weights), weights, ())
    weights = weights + np.where(goals, 0.0, 0.5 * scale) if start is None else start
    for _ in range(_MOST_CUTS):
        cut = relaxation.cut(weights)
        cuts.append(cut)
        value = _proven(instance, cut, weights)
        if value > best.bound:
            best = Dual(value, weights, ())
        if best.bound > stop:
            break
        weights, promise = _master(cuts, offsets, n_objectives, scale)
        if promise <= best.bound + _CLOSE * max(1.0, abs(promise)) or not np.isfinite(promise):
            break
        if best.bound > _highest(instance):
            return Dual(np.inf, best.weights, tuple(cuts))
    return Dual(best.bound, best.weights, tuple(cuts))


def _proven(instance: Instance, cut: Cut, weights: FloatArray) -> float:
    """Return the bound on the objective that a cut for its own weights proves.

    Large weights magnify rounding, so a little is taken off.
    """
    bounds = np.concatenate([np.zeros(instance.n_objectives), instance.loose_bounds])
    doubt = float(weights @ (np.abs(cut.scores) + np.abs(bounds))) + abs(cut.extra)
    return cut.at(weights) - float(weights @ bounds) - _DOUBT * doubt


def _highest(instance: Instance) -> float:
    """Return a score that no architecture's objective exceeds."""
    highest = instance.base + instance.unary.max(axis=1).sum(axis=0)
    highest = highest + instance.table.max(axis=(1, 2)).sum(axis=0)
    most = float(highest[: instance.n_objectives].max())
    return most + 1e-8 * abs(most)


def _master(
    cuts: list[Cut], offsets: FloatArray, n_objectives: int, scale: FloatArray
) -> tuple[FloatArray, float]:
    """Find the weights where the cuts promise most."""
    scores = np.array([cut.scores for cut in cuts]) - offsets
    extra = np.array([cut.extra for cut in cuts])
    unit = max(float(np.abs(scores[:, :n_objectives]).max()), 1e-300)
    found = highest_point(scores * scale / unit, extra / unit, n_sum=n_objectives, cap=_CAP)
    if found is None:
        return scale, np.inf
    weights = found[0] * scale
    weights[:n_objectives] /= weights[:n_objectives].sum()
    return weights, found[1] * unit
