"""All non-dominated points of two objectives: a sweep over the second one.

From its smallest value on, the second objective is allowed a little more at a time. Whatever is
non-dominated in such a slab must be better in the first objective than everything before, so bounds
drop almost all partial architectures; the labels that are left hold all points of the slab. Slabs
are made wider or narrower so that each holds a similar number of labels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.search.exact.branch import Node, Outcome, Verify, better, labels, minimise, sharpen
from hwbench.search.exact.certificate import TOLERANCE
from hwbench.search.exact.dual import maximise
from hwbench.search.exact.instance import reduced
from hwbench.search.exact.relax import relax
from hwbench.search.exact.tables import Model

__all__ = ["Point", "Sweep", "Swept"]

_WIDTH: Final = 200_000
_WIDEST: Final = 1_000_000
_MANY: Final = 120_000
_FIRST_SHARE: Final = 1 / 64
_NARROWEST: Final = 1e-7


@dataclass(frozen=True, eq=False)
class Point:
    """One point of a front, as scores.

    Attributes:
        c: Combination of shared choices.
        choice: `(D,)` choices of the layers.
        first: Score of the first objective.
        second: Score of the second objective.
    """

    c: int
    choice: Int64Array
    first: float
    second: float


@dataclass(frozen=True, eq=False)
class Swept:
    """What a sweep found.

    Attributes:
        points: Non-dominated points, by ascending second score and descending first.
        gap: By what share of its value an architecture may be better in the first objective than
            the points that are no worse in the second; 0 unless room or time ran out; infinite if
            the ends themselves are not certain.
    """

    points: tuple[Point, ...]
    gap: float


class Sweep:
    """A sweep over one model.

    Args:
        model: The first objective's scores are its objectives; the next `n_second` scores are the
            second objective's, the others limits.
        n_second: How many scores the second objective has.
        tolerance: Points that are better by a smaller share in the first objective may be left out.
        verify: As in `minimise`.
        deadline: As in `minimise`.
    """

    def __init__(
        self,
        model: Model,
        n_second: int,
        /,
        *,
        tolerance: float = 0.0,
        verify: Verify | None = None,
        deadline: float = np.inf,
    ) -> None:
        self._model, self._n_second = model, n_second
        self._tolerance = max(tolerance, TOLERANCE)
        self._verify, self._deadline = verify, deadline
        self._seconds = slice(model.n_objectives, model.n_objectives + n_second)
        self._nodes: list[Node] = []

    def run(self) -> Swept:
        """Sweep; no points if no architecture keeps the limits."""
        ends, exact = self._ends()
        gap = 0.0 if exact else np.inf
        if ends is None:
            return Swept((), gap)
        start, end = ends
        if not exact:
            return Swept((start, end), gap)
        self._nodes = self._make_nodes(end.second)
        points = [start]
        low, step = start.second, _FIRST_SHARE * (end.second - start.second)
        smallest = _NARROWEST * (end.second - start.second)
        target = self._better(start.first)
        while low < end.second and target > end.first:
            if time.perf_counter() > self._deadline:
                gap = max(gap, self._share(target, end.first))
                points.append(end)
                break
            width = _WIDTH if step > smallest else _WIDEST
            high = min(low + step, end.second)
            found, n_labels, missing = self._slab(high, target, width)
            if missing > 0 and step > smallest:
                step *= 0.3
                continue
            gap = max(gap, missing)
            points += found
            if found:
                target = self._better(points[-1].first)
            low = high
            step *= 1.6 if n_labels < 0.5 * _MANY else 0.6 if n_labels > 2 * _MANY else 1.0
        return Swept(tuple(points), gap)

    def _better(self, score: float) -> float:
        return better(score, self._tolerance, log=self._model.dimensions[0].log)

    def _share(self, score: float, lower: float) -> float:
        """Return by what share of its value a score may be undercut."""
        if self._model.dimensions[0].log:
            return float(np.expm1(score - lower))
        return (score - lower) / max(abs(score), 1e-300)

    def _ends(self) -> tuple[tuple[Point, Point] | None, bool]:
        """Return the point that is best in the second objective, and that best in the first.

        Returns:
            The points, None if no architecture was found, and whether that is certain: it is not if
            the time ran out.
        """
        model, k = self._model, self._model.n_objectives
        outcome = self._minimise(_swap(model, self._n_second))
        first, exact = outcome.best, outcome.exact
        if first is None:
            return None, exact
        least = model.bounds.copy()
        least[:, : self._n_second] = first.score
        ends = []
        for bounds in (least, model.bounds):
            outcome = self._minimise(model.with_bounds(bounds))
            exact = exact and outcome.exact
            best = first if outcome.best is None else outcome.best
            scores = model.instance(best.c).scores(best.choice[None, :])[0]
            second = float(scores[self._seconds].max())
            ends.append(Point(best.c, best.choice, float(scores[:k].max()), second))
        return (ends[0], ends[1]), exact

    def _minimise(self, model: Model) -> Outcome:
        return minimise(model, verify=self._verify, deadline=self._deadline)

    def _make_nodes(self, most: float) -> list[Node]:
        """Return a node for each combination; their bounds are set for each slab."""
        nodes = []
        for c in self._model.shared.tolist():
            whole = self._model.instance(c)
            bounds = whole.bounds.copy()
            bounds[: self._n_second] = most
            instance = reduced(replace(whole, bounds=bounds, n_held=self._n_second))
            if instance is not None:
                relaxation = relax(instance)
                dual = maximise(instance, relaxation)
                nodes.append(Node(instance, relaxation, dual, -np.inf))
        return nodes

    def _slab(self, high: float, target: float, width: int) -> tuple[list[Point], int, float]:
        """Find the points up to a second score that are better than a target in the first.

        Returns:
            The points in order, the number of labels, and by what share points that were not found
            may be better than `target`.
        """
        found: list[Point] = []
        n_labels, missing = 0, 0.0
        for node in self._nodes:
            bounds = node.instance.bounds.copy()
            bounds[: node.instance.n_held] = high
            node.instance = replace(node.instance, bounds=bounds)
            node.dual = maximise(node.instance, node.relaxation, start=node.dual.weights)
            node.bound = node.dual.bound
            if node.bound < target:
                sharpen(node, target, rounds=2)
            if node.bound >= target:
                continue
            result = labels(node, target, width)
            n_labels += result.n_labels
            limit = node.dual.weights[node.instance.n_objectives :] @ bounds
            missing = max(missing, self._share(target, float(result.dropped - limit)))
            found += self._points(node, result.choices, result.scores, target)
        return _staircase(found), n_labels, missing

    def _points(
        self, node: Node, choices: Int64Array, scores: FloatArray, target: float
    ) -> list[Point]:
        """Return the non-dominated ones among the architectures of a node."""
        instance = node.instance
        k, held = instance.n_objectives, instance.n_held
        first, second = scores[:, :k].max(axis=1), scores[:, k : k + held].max(axis=1)
        limits = scores[:, k:]
        kept = np.flatnonzero(np.all(limits <= instance.loose_bounds, axis=1) & (first < target))
        sure = np.all(limits[:, held:] <= instance.tight_bounds[held:], axis=1)
        if self._verify is not None:
            doubtful = kept[~sure[kept]]
            codes = self._model.codes(instance.c, choices[doubtful])
            kept = np.setdiff1d(kept, doubtful[~self._verify(codes)])
        order = kept[np.lexsort((first[kept], second[kept]))]
        before = np.minimum.accumulate(np.concatenate([[np.inf], first[order]]))
        order = order[first[order] < before[:-1]]
        return [
            Point(instance.c, choices[place], float(first[place]), float(second[place]))
            for place in order
        ]


def _staircase(points: list[Point]) -> list[Point]:
    lowest, kept = np.inf, []
    for point in sorted(points, key=lambda point: (point.second, point.first)):
        if point.first < lowest:
            kept.append(point)
            lowest = point.first
    return kept


def _swap(model: Model, n_second: int) -> Model:
    """Return the problem of the second objective alone."""
    k = model.n_objectives
    dimensions = (*model.dimensions[k : k + n_second], *model.dimensions[k + n_second :])
    return replace(
        model,
        dimensions=dimensions,
        n_objectives=n_second,
        bounds=model.bounds[:, n_second:],
        _instances={},
    )
