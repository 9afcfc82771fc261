"""The certified optimum of a problem with one objective."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

import numpy as np

from hwbench.arrays import BoolArray, Codes, FloatArray
from hwbench.search.evaluator import BenchmarkEvaluator
from hwbench.search.exact.branch import Outcome, Verify, minimise
from hwbench.search.exact.certificate import TOLERANCE, Certificate, ExactResult
from hwbench.search.exact.reach import nearest, reachable
from hwbench.search.exact.tables import Model, dimensions_of, limit_dimension, model_of
from hwbench.search.limits import shared_number, tightening, violation
from hwbench.search.problem import Limit, Problem, ProblemError, column_name

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark

__all__ = ["SOLVER", "solve"]

SOLVER: Final = "Lagrangian bounds and label setting"
_BINDING: Final = 0.01


def solve(bench: Benchmark, problem: Problem, /, *, time_limit: float | None = None) -> ExactResult:
    """Find the best architecture of a problem with one objective, and prove it.

    Args:
        bench: What predicts the metrics; those of the problem must be sums over layers.
        problem: One objective, any limits and fixed choices.
        time_limit: Seconds; then the certificate states the gap that is left.

    Raises:
        NoCertificateError: If a metric is not made of layer-wise tables.
        ProblemError: If the problem has several objectives (see `pareto`) or another space.
        UnknownNameError: If the benchmark lacks a metric or device.
    """
    began = time.perf_counter()
    if len(problem.objectives) != 1:
        raise ProblemError(f"solve takes one objective, got {len(problem.objectives)}; see pareto")
    evaluator = BenchmarkEvaluator(bench, problem)
    constraints = [limit_dimension(bench, limit) for limit in problem.limits]
    model = model_of(bench, problem, dimensions_of(bench, problem.objectives[0]), constraints)
    deadline = math.inf if time_limit is None else began + time_limit
    outcome = minimise(model, verify=verifier(evaluator), deadline=deadline)
    if outcome.best is None:
        return _none_found(evaluator, model, outcome, began)
    code = model.codes(outcome.best.c, outcome.best.choice[None, :])
    bound, gap = _bound(model, outcome, outcome.best.score)
    proof = f"no architecture that keeps the limits is better by more than {gap:.1g} (relative)"
    certificate = Certificate(
        bound, gap, SOLVER, time.perf_counter() - began, proof, gap <= TOLERANCE
    )
    return _result(evaluator, code, certificate, feasible=True)


def verifier(evaluator: BenchmarkEvaluator, /) -> Verify:
    """Return what asks a benchmark itself whether codes keep the limits."""

    def verify(codes: Codes) -> BoolArray:
        return np.equal(evaluator.evaluate(codes).violations, 0.0)

    return verify


def _bound(model: Model, outcome: Outcome, score: float) -> tuple[float, float]:
    """Return the bound on the value of the objective, and the relative gap."""
    dimension = model.dimensions[0]
    step = TOLERANCE * (1.0 if dimension.log else abs(score))
    below = min(outcome.bound, score - step)
    sign = math.copysign(1.0, dimension.parts[0][1])
    if dimension.log:
        return math.exp(sign * below), TOLERANCE if outcome.exact else math.expm1(score - below)
    gap = TOLERANCE if outcome.exact else (score - below) / max(abs(score), 1e-300)
    return sign * below, gap


def _none_found(
    evaluator: BenchmarkEvaluator, model: Model, outcome: Outcome, began: float
) -> ExactResult:
    bench, problem = evaluator.bench, evaluator.problem
    close = nearest(bench, problem)
    assert close.best is not None
    code = model.codes(close.best.c, close.best.choice[None, :])
    proven = outcome.exact
    proof = "no architecture keeps all limits" if proven else "the time ran out"
    gap = 0.0 if proven else math.inf
    certificate = Certificate(math.nan, gap, SOLVER, time.perf_counter() - began, proof, proven)
    return _result(evaluator, code, certificate, feasible=False if proven else None)


def _result(
    evaluator: BenchmarkEvaluator, code: Codes, certificate: Certificate, *, feasible: bool | None
) -> ExactResult:
    bench, problem = evaluator.bench, evaluator.problem
    found = evaluator.evaluate(code)
    values = {name: float(column[0]) for name, column in found.values.items()}
    binding = [limit for limit in problem.limits if _binds(bench, limit, code, values)]
    ranges = (
        {}
        if feasible
        else {
            str(limit): reachable(bench, limit.metric, limit.device, fixed=problem.fixed)
            for limit in problem.limits
        }
    )
    if feasible is False:
        binding = [limit for limit in binding if _excess(bench, limit, code, values) > 0]
    return ExactResult(
        feasible,
        problem.space.decode(code)[0],
        code[0],
        values,
        problem.objectives[0].sign * float(found.objectives[0, 0]),
        certificate,
        tuple(binding),
        ranges,
    )


def _excess(bench: Benchmark, limit: Limit, code: Codes, values: dict[str, float]) -> float:
    """Return the relative violation of one limit."""
    return float(violation(_tightened(bench, limit, code, values), limit)[0])


def _binds(bench: Benchmark, limit: Limit, code: Codes, values: dict[str, float]) -> bool:
    found = float(_tightened(bench, limit, code, values)[0])
    if limit.sense == "max":
        return found >= (1.0 - _BINDING) * limit.bound
    return found <= (1.0 + _BINDING) * limit.bound


def _tightened(bench: Benchmark, limit: Limit, code: Codes, values: dict[str, float]) -> FloatArray:
    factor = tightening(bench, limit)[shared_number(bench.space, code)]
    return np.asarray(values[column_name(limit.metric, limit.device)] * factor)
