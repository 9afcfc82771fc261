"""Search on the surrogate and on the measurements: alike? (NAS-Bench-301, section 5).

Both search among the architectures of the tables. Trajectories of each method are compared three
ways: searched and judged on the table; searched and judged on the surrogate; searched on the
surrogate and judged on the table. A surrogate that was fitted on these tables looks better here
than on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.benchmark import Benchmark
from hwbench.errors import require
from hwbench.search.dominance import non_dominated
from hwbench.search.evaluator import BenchmarkEvaluator, Evaluator
from hwbench.search.indicators import Scale, checkpoints, hypervolume, hypervolume_trace
from hwbench.search.problem import Problem
from hwbench.search.runner import run
from hwbench.search.table_evaluator import Among, TableEvaluator

if TYPE_CHECKING:
    from hwbench.arrays import Codes
    from hwbench.data.table import Table

__all__ = ["WAYS", "TableComparison", "compare_table"]

WAYS: Final = ("table", "surrogate", "surrogate, judged on the table")
"""Where the search was made and judged."""


@dataclass(frozen=True, eq=False)
class TableComparison:
    """Trajectories of methods on a table and on the surrogate.

    Attributes:
        n_architectures: How many architectures the tables share.
        at: `(k,)` numbers of evaluations.
        curves: Method -> way -> `seeds x k` hypervolume as a share of that of the best front among
            the architectures of the table, on the scale of whoever judges.
    """

    n_architectures: int
    at: Int64Array
    curves: Mapping[str, Mapping[str, FloatArray]]

    def medians(self, method: str, way: str, /) -> FloatArray:
        """Return the median trajectory over the seeds, `(k,)`."""
        middle: FloatArray = np.median(self.curves[method][way], axis=0)
        return middle

    def gap(self, method: str, way: str = WAYS[1], /) -> float:
        """Return the greatest distance of a median trajectory from that on the table."""
        apart = self.medians(method, way) - self.medians(method, WAYS[0])
        return float(np.abs(apart).max())

    def agreement(self) -> float | None:
        """Return Kendall's tau of the methods' order on the surrogate and on the table.

        None with fewer than 3 methods, or where all tie.
        """
        if len(self.curves) < 3:
            return None
        final = [[self.medians(m, way)[-1] for m in self.curves] for way in WAYS[:2]]
        tau = float(require("scipy.stats", "search").kendalltau(*final).statistic)
        return tau if np.isfinite(tau) else None

    def to_dict(self) -> dict[str, object]:
        """Return medians and gaps as JSON values."""
        return {
            "architectures": self.n_architectures,
            "at": self.at.tolist(),
            "methods": {
                method: {
                    "gap": self.gap(method),
                    **{way: self.medians(method, way).tolist() for way in WAYS},
                }
                for method in self.curves
            },
            "agreement": self.agreement(),
        }


def compare_table(
    tables: Sequence[Table],
    bench: Benchmark,
    problem: Problem,
    /,
    *,
    methods: Sequence[str],
    budget: int,
    seeds: Sequence[int],
) -> TableComparison:
    """Search among the architectures of tables, on the measurements and on the surrogate.

    Args:
        tables: Measurements of the problem's metrics.
        bench: The surrogates of the same metrics.
        problem: Two objectives or more.
        methods: Names of methods that need no fidelity.
        budget: Distinct evaluations a run.
        seeds: One run each.

    Raises:
        DataError: If a metric has no table.
        ProblemError: If a problem cannot be asked of a table.
        MissingExtraError: If moocore is not installed.
    """
    measured = TableEvaluator(tables, problem)
    codes = measured.codes
    judges = {"table": _Judge.of(measured, codes)}
    judges["surrogate"] = _Judge.of(BenchmarkEvaluator(bench, problem), codes)
    among = {name: Among(judge.evaluator, codes) for name, judge in judges.items()}
    at = checkpoints(budget)
    curves: dict[str, Mapping[str, FloatArray]] = {}
    for method in methods:
        rows: dict[str, list[FloatArray]] = {way: [] for way in WAYS}
        for seed in seeds:
            real = run(among["table"], method, budget=budget, seed=seed)
            guess = run(among["surrogate"], method, budget=budget, seed=seed)
            rows[WAYS[0]].append(judges["table"].trace(real.codes, at))
            rows[WAYS[1]].append(judges["surrogate"].trace(guess.codes, at))
            rows[WAYS[2]].append(judges["table"].trace(guess.codes, at))
        curves[method] = {way: np.stack(found) for way, found in rows.items()}
    return TableComparison(len(codes), at, curves)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Measures trajectories on the scale of the best front among some architectures."""

    evaluator: Evaluator
    scale: Scale
    whole: float

    @classmethod
    def of(cls, evaluator: Evaluator, codes: Codes) -> _Judge:
        found = evaluator.evaluate(codes)
        points = found.objectives[found.violations <= 0.0]
        best = points[non_dominated(points)]
        scale = Scale.of(best)
        return cls(evaluator, scale, hypervolume(scale(best), ref=scale.ref))

    def trace(self, codes: Codes, at: Int64Array) -> FloatArray:
        found = self.evaluator.evaluate(codes)
        points = self.scale(found.objectives)
        trace = hypervolume_trace(points, found.violations, ref=self.scale.ref, at=at)
        shares: FloatArray = trace / self.whole
        return shares
