"""Which labels another label makes superfluous."""

from __future__ import annotations

from typing import Final

import numpy as np

from hwbench.arrays import BoolArray, FloatArray, Int64Array

__all__ = ["rivals", "undominated"]

_RIVALS: Final = 24


def undominated(scores: FloatArray, rank: FloatArray, state: Int64Array | None, /) -> BoolArray:
    """Mark labels to keep: for each one dropped, a kept one has its state and no greater score.

    With two scores all dominated labels are found, with more those that one of the most promising
    labels dominates.

    Args:
        scores: `N x J`, all the smaller the better.
        rank: `(N,)` how promising labels are, the smaller the more.
        state: `(N,)` labels of different states do not compare; None if all have the same.
    """
    if len(scores) < 2:
        return np.ones(len(scores), dtype=bool)
    if state is None:
        return _one_state(scores, rank)
    keep = np.zeros(len(scores), dtype=bool)
    for value in np.unique(state):
        places = np.flatnonzero(state == value)
        keep[places] = _one_state(scores[places], rank[places])
    return keep


def _one_state(scores: FloatArray, rank: FloatArray) -> BoolArray:
    if scores.shape[1] == 1:
        keep = np.zeros(len(scores), dtype=bool)
        keep[scores[:, 0].argmin()] = True
        return keep
    if scores.shape[1] == 2:
        order = np.lexsort((scores[:, 0], scores[:, 1]))
        first = scores[order, 0]
        best = np.minimum.accumulate(first)
        keep = np.ones(len(scores), dtype=bool)
        keep[order[1:]] = first[1:] < best[:-1]
        return keep
    return _some(scores, rank)


def _some(scores: FloatArray, rank: FloatArray) -> BoolArray:
    order = np.argsort(rank, kind="stable")
    sorted_ = scores[order]
    alive = np.ones(len(order), dtype=bool)
    for place in range(min(_RIVALS, len(order))):
        if alive[place]:
            worse = (sorted_[place + 1 :] >= sorted_[place]).all(axis=1)
            alive[place + 1 :] &= ~worse
    keep = np.zeros(len(order), dtype=bool)
    keep[order[alive]] = True
    return keep


def rivals(cost: FloatArray, taken: FloatArray, rank: FloatArray, /) -> list[Int64Array]:
    """Return for each label others that take no more of anything, those of least cost.

    Args:
        cost: `(N,)`.
        taken: `N x K`.
        rank: `(N,)` how promising labels are, the smaller the more.

    Returns:
        Arrays `(N,)` of labels; where there is no rival, the label itself.
    """
    places = np.arange(len(cost))
    if taken.shape[1] == 0:
        return [np.full(len(cost), cost.argmin())]
    order = np.lexsort((cost, *taken.T[::-1]))
    if taken.shape[1] == 1:
        first = np.minimum.accumulate(cost[order])
        leads = np.concatenate([[True], first[1:] < first[:-1]])
    else:
        leads = np.concatenate([[True], (np.diff(taken[order], axis=0) != 0).any(axis=1)])
    found = np.empty(len(cost), dtype=np.int64)
    found[order] = order[np.maximum.accumulate(np.where(leads, places, 0))]
    return [found] if taken.shape[1] == 1 else [found, _promising_rival(cost, taken, rank)]


def _promising_rival(cost: FloatArray, taken: FloatArray, rank: FloatArray) -> Int64Array:
    """Return the cheapest of the most promising labels that take no more of anything."""
    best = np.arange(len(cost))
    least = cost.copy()
    few = np.argsort(rank, kind="stable")[:_RIVALS]
    for place in few:
        better = (cost[place] < least) & np.all(taken[place] <= taken, axis=1)
        best[better], least[better] = place, cost[place]
    return best
