"""Who is better than whom: Pareto ranks, constraint domination and crowding, in numpy.

Ranks are those of non-dominated sorting (Deb et al. 2002, NSGA-II), infeasible points ranked below
all feasible ones by their violation (Deb 2000). All objectives are minimised.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import BoolArray, FloatArray, Int64Array
from hwbench.errors import ShapeError

__all__ = ["constrained_ranks", "crowding", "non_dominated", "ranks"]

_MOST_PAIRS: Final = 2_000  # a matrix of pairs of so many points has 4 MB


def ranks(objectives: ArrayLike, /) -> Int64Array:
    """Return the front of each point: 0 if nobody dominates it, 1 if only points of front 0 do.

    Args:
        objectives: `n x m`, without NaN. Equal points share a front.

    Returns:
        `(n,)`.

    Raises:
        ShapeError: If `objectives` is not two-dimensional.

    >>> ranks([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    array([0, 0, 1, 2])
    """
    points = _points(objectives)
    if points.shape[1] == 1:
        return _dense(points[:, 0])
    if points.shape[1] == 2:
        return _ranks_of_pairs(points)
    found = np.zeros(len(points), dtype=np.int64)
    left = np.arange(len(points))
    front = 0
    while len(left):
        first = non_dominated(points[left])
        found[left[first]] = front
        left, front = left[~first], front + 1
    return found


def constrained_ranks(objectives: ArrayLike, violations: ArrayLike, /) -> Int64Array:
    """Return the fronts under Deb's constraint domination.

    A feasible point dominates every infeasible one; of two infeasible points the one with the
    smaller violation dominates; feasible points compare by their objectives.

    Args:
        objectives: `n x m`.
        violations: `(n,)`, 0 for a feasible point.
    """
    points, broken = _points(objectives), np.asarray(violations, dtype=np.float64)
    if broken.shape != (len(points),):
        raise ShapeError(f"violations need shape ({len(points)},), got {broken.shape}")
    feasible = broken <= 0.0
    if feasible.all():
        return ranks(points)
    found = np.zeros(len(points), dtype=np.int64)
    found[feasible] = inside = ranks(points[feasible])
    below = _dense(broken[~feasible])
    found[~feasible] = below + (int(inside.max()) + 1 if len(inside) else 0)
    return found


def non_dominated(objectives: ArrayLike, /) -> BoolArray:
    """Mark the points that no other point dominates; of equal points all are marked.

    Args:
        objectives: `n x m`, without NaN.

    Raises:
        ShapeError: If `objectives` is not two-dimensional.

    >>> non_dominated([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])
    array([ True,  True, False])
    """
    points = _points(objectives)
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    if points.shape[1] == 1:
        lowest: BoolArray = np.equal(points[:, 0], points[:, 0].min())
        return lowest
    if points.shape[1] == 2:
        best: BoolArray = np.equal(_ranks_of_pairs(points), 0)
        return best
    if len(points) <= _MOST_PAIRS:
        return ~_dominated(points, points)
    # No point is dominated by one that follows it in lexicographic order.
    order = np.lexsort(points.T[::-1])
    kept = np.zeros(len(points), dtype=bool)
    front = points[:0]
    for start in range(0, len(order), _MOST_PAIRS // 2):
        block = order[start : start + _MOST_PAIRS // 2]
        block = block[~_dominated(points[block], front)]
        block = block[~_dominated(points[block], points[block])]
        kept[block] = True
        front = np.concatenate([front, points[block]])
    return kept


def crowding(objectives: ArrayLike, front: ArrayLike, /) -> FloatArray:
    """Return the crowding distance of each point among those of its own front.

    The distance between the two neighbours in each objective, relative to the extent of the front,
    averaged over the objectives; infinite at the ends. A front of two points or fewer has only
    ends; an objective in which a front has no extent adds 0, at its ends too.

    Args:
        objectives: `n x m`.
        front: `(n,)` front of each point, as `ranks` gives it.
    """
    points = _points(objectives)
    number = np.asarray(front, dtype=np.int64)
    n, m = points.shape
    distance = np.zeros(n)
    if n == 0:
        return distance
    # Sorted by front, the fronts lie in the same places for every objective.
    group = np.sort(number)
    edge = np.flatnonzero(group[1:] != group[:-1]) + 1
    starts, stops = np.concatenate([[0], edge]), np.concatenate([edge, [n]])
    sizes = stops - starts
    small = np.repeat(sizes <= 2, sizes)
    for column in points.T:
        order = np.lexsort((column, number))
        values = column[order]
        extent = np.repeat(values[stops - 1] - values[starts], sizes)
        gaps = values[1:] - values[:-1]
        around = np.zeros(n)
        around[1:] += gaps
        around[:-1] += gaps
        around[starts] = around[stops - 1] = np.inf
        relative = np.divide(around, extent, out=np.zeros(n), where=extent > 0.0)
        relative[small] = np.inf
        distance[order] += relative
    distance /= m
    return distance


def _dense(values: FloatArray) -> Int64Array:
    """Return the place of each value among the distinct ones."""
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _ranks_of_pairs(points: FloatArray) -> Int64Array:
    """Rank `n x 2` points by a sweep: O(n log n)."""
    found = np.zeros(len(points), dtype=np.int64)
    order = np.lexsort((points[:, 1], points[:, 0]))
    lowest: list[float] = []  # smallest second objective of each front so far; ascends
    numbers = []
    last, number = None, 0
    for pair in points[order].tolist():
        if pair != last:
            number = bisect_right(lowest, pair[1])
            if number == len(lowest):
                lowest.append(pair[1])
            else:
                lowest[number] = pair[1]
            last = pair
        numbers.append(number)
    found[order] = numbers
    return found


def _dominated(points: FloatArray, by: FloatArray) -> BoolArray:
    """Mark the points that one of `by` dominates."""
    no_worse = np.ones((len(by), len(points)), dtype=bool)
    better = np.zeros((len(by), len(points)), dtype=bool)
    for k in range(points.shape[1]):
        no_worse &= by[:, None, k] <= points[None, :, k]
        better |= by[:, None, k] < points[None, :, k]
    return np.asarray((no_worse & better).any(axis=0), dtype=np.bool_)


def _points(objectives: ArrayLike) -> FloatArray:
    points = np.asarray(objectives, dtype=np.float64)
    if points.ndim != 2:
        raise ShapeError(f"objectives need shape (n, m), got {points.shape}")
    return points
