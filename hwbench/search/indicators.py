"""How good a front is: hypervolume, IGD+, epsilon, attainment, and regret to the exact optimum.

All objectives are minimised. The indicators are those of moocore (the extra `search`), which is
loaded on first use. Compare fronts on one `Scale` only, so that seconds and counts weigh alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import HwbenchError, ShapeError, require

__all__ = [
    "IndicatorError",
    "Scale",
    "attainment",
    "checkpoints",
    "epsilon",
    "hypervolume",
    "hypervolume_trace",
    "igd_plus",
    "regret_trace",
]


class IndicatorError(HwbenchError, ValueError):
    """An indicator is not defined for these points."""


def hypervolume(points: ArrayLike, /, *, ref: ArrayLike) -> float:
    """Return the volume that points dominate up to a reference point; more is better.

    Args:
        points: `n x m`; points that do not dominate `ref` add nothing. None at all: 0.
        ref: `(m,)`, worse than all points of interest.

    Raises:
        ShapeError: If the shapes do not fit.

    >>> hypervolume([[1.0, 2.0], [2.0, 1.0]], ref=[3.0, 3.0])
    3.0
    """
    found, corner = _points(points), np.asarray(ref, dtype=np.float64)
    if corner.shape != found.shape[1:]:
        raise ShapeError(f"ref needs shape {found.shape[1:]}, got {corner.shape}")
    if found.shape[1] == 1:  # moocore starts at two objectives
        return max(float(corner[0] - found.min()), 0.0) if len(found) else 0.0
    return float(_moocore().hypervolume(found, corner)) if len(found) else 0.0


def igd_plus(points: ArrayLike, /, *, front: ArrayLike) -> float:
    """Return the mean distance of a front to what was found (IGD+, Ishibuchi et al. 2015).

    Only objectives in which the found point is worse count; 0 is best.

    Args:
        points: `n x m`; none at all: infinite.
        front: `k x m`, what could be found.

    Raises:
        ShapeError: If the shapes do not fit.
        IndicatorError: If `front` is empty.
    """
    found, best = _pair(points, front)
    return float(_moocore().igd_plus(found, best)) if len(found) else float("inf")


def epsilon(points: ArrayLike, /, *, front: ArrayLike) -> float:
    """Return by how much points must improve in each objective to dominate a front (additive).

    Args:
        points: `n x m`; none at all: infinite.
        front: `k x m`.

    Raises:
        ShapeError: If the shapes do not fit.
        IndicatorError: If `front` is empty.

    >>> epsilon([[1.0, 2.5], [2.0, 1.0]], front=[[1.0, 2.0], [2.0, 1.0]])
    0.5
    """
    found, best = _pair(points, front)
    return float(_moocore().epsilon_additive(found, best)) if len(found) else float("inf")


def attainment(
    fronts: Sequence[ArrayLike], /, *, levels: Sequence[float] = (25.0, 50.0, 75.0)
) -> tuple[FloatArray, ...]:
    """Return the surfaces that given shares of the runs attain (empirical attainment function).

    Args:
        fronts: For each run `n x m` points, m 2 or 3. A run without points attains nothing.
        levels: Percent of the runs, in 0 to 100; 50 is the median run.

    Returns:
        For each level the corners of its surface, `k x m`, by ascending first objective.

    Raises:
        ShapeError: If the fronts have different numbers of objectives, or not 2 or 3.
        IndicatorError: If there is no run.
    """
    sets = [_points(front) for front in fronts]
    if not sets:
        raise IndicatorError("attainment needs the front of one run or more")
    if len({points.shape[1] for points in sets}) > 1 or sets[0].shape[1] not in (2, 3):
        raise ShapeError("attainment needs fronts of the same 2 or 3 objectives")
    some = [points for points in sets if len(points)]
    empty = np.zeros((0, sets[0].shape[1]))
    # A run that found nothing attains nothing: the shares are of all runs, so levels stretch.
    stretched = [level * len(sets) / max(len(some), 1) for level in levels]
    reached = [level for level in stretched if level <= 100.0]
    if not some or not reached:
        return tuple(empty for _ in levels)
    numbers = np.repeat(np.arange(len(some)), [len(points) for points in some])
    found = np.asarray(_moocore().eaf(np.concatenate(some), numbers, percentiles=reached))
    return tuple(
        _sorted(found[np.isclose(found[:, -1], level), :-1]) if level <= 100.0 else empty
        for level in stretched
    )


@dataclass(frozen=True, eq=False)
class Scale:
    """Where the objectives of a problem lie: the best and the worst of its front.

    Attributes:
        ideal: `(m,)`, becomes 0.
        nadir: `(m,)`, becomes 1. Where a front has no extent it is one unit above the ideal.
    """

    ideal: FloatArray
    nadir: FloatArray

    REF = 1.1
    """The reference point of hypervolumes, in every scaled objective."""

    @classmethod
    def of(cls, front: ArrayLike, /) -> Scale:
        """Take the scale of a front.

        Raises:
            ShapeError: If it is not two-dimensional.
            IndicatorError: If it is empty.
        """
        points = _points(front)
        if not len(points):
            raise IndicatorError("a scale needs a front of one point or more")
        ideal, nadir = points.min(axis=0), points.max(axis=0)
        extent = nadir - ideal
        return cls(ideal, np.where(extent > 0.0, nadir, ideal + np.maximum(np.abs(ideal), 1e-300)))

    def __call__(self, points: ArrayLike, /) -> FloatArray:
        """Return points in units of the front: 0 is ideal, 1 its worst."""
        scaled: FloatArray = (_points(points) - self.ideal) / (self.nadir - self.ideal)
        return scaled

    @cached_property
    def ref(self) -> FloatArray:
        """The reference point of scaled objectives, `(m,)`."""
        return np.full(len(self.ideal), self.REF)


def checkpoints(budget: int, /, *, n: int = 50) -> Int64Array:
    """Return where a trace is taken: about `n` numbers of evaluations, even on a log scale."""
    steps = np.geomspace(1, budget, min(n, budget))
    return np.unique(np.round(steps).astype(np.int64))


def hypervolume_trace(
    objectives: ArrayLike,
    violations: ArrayLike,
    /,
    *,
    ref: ArrayLike,
    at: ArrayLike,
    spent: ArrayLike | None = None,
) -> FloatArray:
    """Return the hypervolume of the feasible points found by then.

    Args:
        objectives: `n x m` in the order of evaluation, on the scale of `ref`.
        violations: `(n,)`, 0 where all limits hold.
        ref: `(m,)`.
        at: `(k,)` ascending numbers of evaluations.
        spent: `(n,)` what was spent up to and with each evaluation; by default 1, 2, 3, ...

    Returns:
        `(k,)`, which never falls.

    Raises:
        ShapeError: If the shapes do not fit.
    """
    points, counts = _points(objectives), _spent(objectives, spent)
    feasible = np.asarray(violations) <= 0.0
    when = np.asarray(at)
    kept = points[:0]
    trace, last = np.zeros(len(when)), 0
    for k, until in enumerate(np.searchsorted(counts, when + 1e-9)):
        fresh = points[last:until][feasible[last:until]]
        last = int(until)
        if len(fresh):
            kept = _front(np.concatenate([kept, fresh]))
            trace[k] = hypervolume(kept, ref=ref)
        elif k:
            trace[k] = trace[k - 1]
    return trace


def regret_trace(
    values: ArrayLike,
    violations: ArrayLike,
    /,
    *,
    optimum: float,
    at: ArrayLike,
    spent: ArrayLike | None = None,
) -> FloatArray:
    """Return how far the best feasible value found by then is from the exact optimum.

    Args:
        values: `(n,)` minimised objective in the order of evaluation.
        violations: `(n,)`.
        optimum: The least feasible value there is, minimised too.
        at: As in `hypervolume_trace`.
        spent: As in `hypervolume_trace`.

    Returns:
        `(k,)` (best - optimum) / |optimum|; infinite until something feasible is found.
    """
    found = np.asarray(values, dtype=np.float64)
    counts = _spent(found[:, None], spent)
    best = np.minimum.accumulate(np.where(np.asarray(violations) <= 0.0, found, np.inf))
    until = np.searchsorted(counts, np.asarray(at) + 1e-9)
    reached = np.concatenate([[np.inf], best])[until]
    regret: FloatArray = (reached - optimum) / abs(optimum)
    return regret


def _moocore() -> ModuleType:
    return require("moocore", "search")


def _front(points: FloatArray) -> FloatArray:
    if points.shape[1] == 1:
        return points[[int(points[:, 0].argmin())]]
    kept: FloatArray = points[_moocore().is_nondominated(points)]
    return kept


def _sorted(points: FloatArray) -> FloatArray:
    ordered: FloatArray = points[np.lexsort(points.T[::-1])]
    return ordered


def _spent(objectives: ArrayLike, spent: ArrayLike | None) -> FloatArray:
    n = len(np.asarray(objectives))
    return np.arange(1.0, n + 1.0) if spent is None else np.asarray(spent, dtype=np.float64)


def _pair(points: ArrayLike, front: ArrayLike) -> tuple[FloatArray, FloatArray]:
    found, best = _points(points), _points(front)
    if found.shape[1] != best.shape[1]:
        raise ShapeError(f"points have {found.shape[1]} objectives, the front {best.shape[1]}")
    if not len(best):
        raise IndicatorError("the front to compare with is empty")
    return found, best


def _points(points: ArrayLike) -> FloatArray:
    found = np.asarray(points, dtype=np.float64)
    if found.ndim != 2:
        raise ShapeError(f"points need shape (n, m), got {found.shape}")
    return found
