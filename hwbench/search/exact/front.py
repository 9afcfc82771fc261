"""Certified fronts: whole ones for two objectives, within a tolerance for more.

The whole front of two objectives is swept (see `sweep`). Within a tolerance the first objective is
minimised under limits on the others, each time smaller by the tolerance than the values found last;
so every architecture has a point of the front that is worse in no objective by more than that.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.search.dominance import non_dominated
from hwbench.search.evaluator import BenchmarkEvaluator
from hwbench.search.exact.branch import Candidate, better, minimise
from hwbench.search.exact.certificate import TOLERANCE, Certificate, ExactFront
from hwbench.search.exact.solve import SOLVER, verifier
from hwbench.search.exact.sweep import Point, Sweep
from hwbench.search.exact.tables import Model, dimensions_of, limit_dimension, model_of
from hwbench.search.problem import Problem, ProblemError
from hwbench.surrogates.layerwise_predictor import n_combinations

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.search.exact.branch import Verify

__all__ = ["pareto"]

_TOLERANCE: Final = 0.02
_SHARE: Final = 0.1  # of the tolerance, for the objective that is minimised


def pareto(
    bench: Benchmark,
    problem: Problem,
    /,
    *,
    tolerance: float | None = None,
    time_limit: float | None = None,
) -> ExactFront:
    """Find the architectures that no other one dominates, and prove it.

    Args:
        bench: What predicts the metrics; those of the problem must be sums over layers.
        problem: Two objectives or more, any limits and fixed choices.
        tolerance: Relative: every architecture that keeps the limits is matched by a point of the
            front that is worse in no objective by more than this share. By default 0 for two
            objectives, the whole front, and 0.02 for more, for which it must be above 0.
        time_limit: Seconds; then the certificate's gap says what is left, infinite if nothing is.

    Returns:
        The front; empty if no architecture keeps the limits. Of architectures with equal
        objectives there is one.

    Raises:
        NoCertificateError: If a metric is not made of layer-wise tables.
        ProblemError: If there is one objective only (see `solve`), or the tolerance is unfit.
        UnknownNameError: If the benchmark lacks a metric or device.
    """
    began = time.perf_counter()
    n = len(problem.objectives)
    if n < 2:
        raise ProblemError("pareto takes two objectives or more; see solve for one")
    allowed = (0.0 if n == 2 else _TOLERANCE) if tolerance is None else tolerance
    if not 0.0 <= allowed < 1.0 or (n > 2 and allowed == 0.0):
        least = "at least 0" if n == 2 else "above 0 for more than two objectives"
        raise ProblemError(f"tolerance must be below 1 and {least}, got {tolerance}")
    evaluator = BenchmarkEvaluator(bench, problem)
    deadline = math.inf if time_limit is None else began + time_limit
    cover = _Cover.of(evaluator, allowed, deadline)
    codes = [cover.model.codes(point.c, point.choice[None, :]) for point in cover.points()]
    stacked = np.concatenate([np.zeros((0, bench.space.n_choices), dtype=np.uint8), *codes])
    found = evaluator.evaluate(stacked)
    _, distinct = np.unique(found.objectives, axis=0, return_index=True)  # sorted, too
    kept = distinct[non_dominated(found.objectives[distinct])] if len(distinct) else distinct
    seconds = time.perf_counter() - began
    return ExactFront(
        stacked[kept],
        found.objectives[kept],
        {name: values[kept] for name, values in found.values.items()},
        _certificate(allowed, cover.gap, seconds, n),
    )


def _certificate(tolerance: float, gap: float, seconds: float, n: int) -> Certificate:
    if gap > 0:
        proof = "the search stopped early; " + (
            f"some architecture may be better than this front by {gap:.2g} (relative)"
            if math.isfinite(gap)
            else "parts of the front may be missing"
        )
        return Certificate(math.nan, max(tolerance, gap), SOLVER, seconds, proof, False)
    if tolerance <= TOLERANCE:
        proof = "every architecture that no other one dominates has its point in this front"
    else:
        proof = (
            f"no architecture is better than every point of this front by more than "
            f"{tolerance:g} (relative) in one of the {n} objectives"
        )
    return Certificate(math.nan, tolerance, SOLVER, seconds, proof, True)


@dataclass(eq=False)
class _Cover:
    """The sweeps that cover all objectives.

    Attributes:
        model: Scores of the objective that is swept over last, then those of the other
            objectives, then limits.
        places: For each objective after the first, its scores among those after the first's.
        tolerance: Relative.
        deadline: When to stop.
        verify: See `minimise`.
        gap: What sweeps left open.
    """

    model: Model
    places: tuple[slice, ...]
    tolerance: float
    deadline: float
    verify: Verify
    gap: float = 0.0
    _solved: list[tuple[FloatArray, Point | None]] = field(default_factory=list)

    @classmethod
    def of(cls, evaluator: BenchmarkEvaluator, tolerance: float, deadline: float) -> _Cover:
        """Put the objectives in order, those with most terms of pairs first."""
        bench, problem = evaluator.bench, evaluator.problem
        goals = [dimensions_of(bench, goal) for goal in problem.objectives]
        goals.sort(key=lambda found: -max(len(dimension.pairs()) for dimension in found))
        first, *others = goals
        free = np.full(n_combinations(bench.space)[0], np.inf)
        limits = [limit_dimension(bench, limit) for limit in problem.limits]
        held = [(dimension, free) for found in others for dimension in found]
        model = model_of(bench, problem, first, [*held, *limits])
        ends = np.cumsum([0, *(len(found) for found in others)])
        places = tuple(slice(a, b) for a, b in itertools.pairwise(ends.tolist()))
        return cls(model, places, tolerance, deadline, verifier(evaluator))

    def points(self) -> list[Point]:
        """Return points that cover everything; some may be dominated."""
        if self.tolerance <= TOLERANCE:
            return self._sweep()
        return self._cover(self.model.bounds.copy(), len(self.places))

    def _cover(self, bounds: FloatArray, left: int) -> list[Point]:
        """Cover what keeps some bounds, by smaller and smaller bounds on `left` objectives."""
        if left == 0:
            return self._best(bounds)
        place = self.places[left - 1]
        k = self.model.n_objectives
        log = self.model.dimensions[k + place.start].log
        points: list[Point] = []
        while found := self._cover(bounds, left - 1):
            points += found
            largest = max(float(self._scores(point)[k:][place].max()) for point in found)
            bounds = bounds.copy()
            bounds[:, place] = better(largest, self.tolerance, log=log)
            if time.perf_counter() > self.deadline:
                self.gap = math.inf
                break
        return points

    def _best(self, bounds: FloatArray) -> list[Point]:
        """Return the best architecture under some bounds as a list, which is empty without one."""
        n_held = self.places[-1].stop
        held = bounds[0, :n_held]
        for known, point in self._solved:
            # The best under wider bounds is also the best here, if it keeps these.
            wider = bool((known >= held).all())
            if wider and point is None:
                return []
            if wider and point is not None and (self._held(point) <= held).all():
                return [point]
        share = _SHARE * self.tolerance
        outcome = minimise(
            self.model.with_bounds(bounds),
            verify=self.verify,
            deadline=self.deadline,
            tolerance=share,
        )
        if not outcome.exact:  # what is missing below these bounds is not known
            self.gap = math.inf
        found, point = outcome.best, None
        if found is not None:
            second = float(self._held(found)[self.places[0]].max())
            point = Point(found.c, found.choice, found.score, second)
        self._solved.append((held, point))
        return [] if point is None else [point]

    def _sweep(self) -> list[Point]:
        place = self.places[0]
        swept = Sweep(
            self.model,
            place.stop - place.start,
            verify=self.verify,
            deadline=self.deadline,
        ).run()
        self.gap = max(self.gap, swept.gap)
        return list(swept.points)

    def _held(self, point: Point | Candidate) -> FloatArray:
        """Return the scores of the objectives after the first."""
        k = self.model.n_objectives
        return self._scores(point)[k : k + self.places[-1].stop]

    def _scores(self, point: Point | Candidate) -> FloatArray:
        scores: FloatArray = self.model.instance(point.c).scores(point.choice[None, :])[0]
        return scores
