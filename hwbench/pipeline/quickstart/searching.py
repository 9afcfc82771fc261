"""The second half of a quickstart: search, and the whole front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from hwbench import metrics, units
from hwbench.benchmark import Benchmark
from hwbench.pipeline.quickstart.work import Work
from hwbench.search import BenchmarkEvaluator, Problem, ProblemError, exact, run

if TYPE_CHECKING:
    from hwbench.report import Chapter
    from hwbench.search.exact import ExactResult

__all__ = ["find_front", "solve", "usual_limit"]

_SHARE: Final = 0.4  # of random architectures keep the limit that nobody chose
_DRAWN: Final = 2000
_METHOD, _EVALUATIONS = "nsga2", 1000
_PATIENCE_S: Final = 60.0


def solve(work: Work, bench: Benchmark, limits: Sequence[str]) -> tuple[Problem, ExactResult]:
    """Find the best architecture within the limits, and prove it."""
    problem = Problem.parse(bench, minimize=["perplexity"], devices=[work.device], max=limits)
    usual = (
        "" if work.wanted.limits else f", which {100 * _SHARE:.0f} % of random architectures keep"
    )
    with work.step("search", f"{problem}{usual}"):
        best = exact.solve(bench, problem, time_limit=_PATIENCE_S)
    if not best.feasible:
        raise ProblemError(_beyond(problem, best))
    return problem, best


def usual_limit(work: Work, bench: Benchmark) -> str:
    """Return a limit of latency that suits the device, as people write it."""
    rng = np.random.default_rng(work.wanted.seed)
    codes = bench.space.sample_codes(_DRAWN, rng)
    latency_s = bench.predict_many(codes, [("latency", work.device)])[:, 0]
    bound_s = float(f"{np.quantile(latency_s, _SHARE):.2g}")
    return f"latency={units.format(bound_s, 's').replace(' ', '')}"


def _beyond(problem: Problem, best: ExactResult) -> str:
    """Say that limits cannot be kept, and what can be reached."""
    parts = []
    for limit in best.binding or problem.limits:
        unit, span = metrics.get(limit.metric).unit, best.reachable[str(limit)]
        low, high = (units.format(value, unit) for value in span)
        parts.append(f"{limit} (it goes from {low} to {high})")
    return f"no architecture keeps {' and '.join(parts)}; nothing measured is lost"


def find_front(work: Work, bench: Benchmark) -> tuple[Chapter, str]:
    """Work out the exact front, and how near a common method comes to it."""
    from hwbench.report import Chapter
    from hwbench.search.study.proof import Proof

    problem = Problem.parse(bench, minimize=["perplexity,latency"], devices=[work.device])
    path = work.folder.search / "front.npz"
    with work.step("front", f"{problem}; and {_EVALUATIONS} evaluations of {_METHOD} beside it"):
        found = run(
            BenchmarkEvaluator(bench, problem),
            _METHOD,
            budget=_EVALUATIONS,
            seed=work.wanted.seed,
            out=work.folder.search,
        )
        proof = Proof.load(path, problem) if path.is_file() else Proof.of(bench, problem)
        proof.save(path, problem)
    return Chapter(work.device, bench, problem, (found,), proof.codes), proof.words
