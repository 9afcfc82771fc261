"""What results say: infeasible problems, reachable ranges, missing proofs, time limits."""

import dataclasses
import math

import numpy as np
import pytest

from hwbench.benchmark import Benchmark
from hwbench.search import Limit, Objective, Problem, ProblemError
from hwbench.search.exact import NoCertificateError, pareto, reachable, solve
from hwbench.surrogates.predictor import Predictor
from hwbench.testing.bundles import made_bundle, made_space
from tests.search.exact import brute

PERPLEXITY = Objective("perplexity")
LATENCY = Objective("latency", ("gpu-one",))


def problem(*limits, objectives=(PERPLEXITY,), **fixed):
    return Problem(made_space(), objectives, limits, fixed)


@pytest.mark.parametrize(
    ("metric", "device"),
    [("perplexity", None), ("accuracy", None), ("energy_j", "gpu-one"), ("params", None)],
)
@pytest.mark.parametrize("fixed", [{}, {"embed_dim": (64,), "n_head": (2,)}])
def test_reachable_is_the_range_over_all_architectures(metric, device, fixed):
    values = brute.columns(0)[metric, device][brute.allowed(problem(**fixed))]
    found = reachable(brute.bench(), metric, device, fixed=fixed)
    assert found == pytest.approx((values.min(), values.max()), rel=1e-12)


def test_one_unreachable_limit_is_named_with_the_closest_architecture():
    lowest = float(brute.columns(0)["latency_s", "gpu-one"].min())
    limit = Limit("latency", "gpu-one", 0.9 * lowest)
    loose = Limit("params", None, 1e12)
    found = solve(brute.bench(), problem(limit, loose))
    assert found.feasible is False
    assert found.binding == (limit,)
    assert found.values["latency_s@gpu-one"] == pytest.approx(lowest)
    assert found.reachable[str(limit)][0] == pytest.approx(lowest)
    assert found.certificate.proven
    assert "no architecture" in found.certificate.proof


def test_limits_that_exclude_each_other_bind_both():
    latency = brute.columns(0)["latency_s", "gpu-one"]
    params = brute.columns(0)["params", None]
    fast = Limit("latency", "gpu-one", float(np.quantile(latency, 0.001)))
    least = float(params[latency <= fast.bound].max())
    large = Limit("params", None, 1.5 * least, "min")
    found = solve(brute.bench(), problem(fast, large))
    assert found.feasible is False
    assert large in found.binding


def test_perplexity_is_never_below_one_nor_accuracy_above():
    for limit in (Limit("perplexity", None, 0.5), Limit("accuracy", None, 1.5, "min")):
        found = solve(brute.bench(), problem(limit))
        assert found.feasible is False
        assert found.binding == (limit,)
    assert solve(brute.bench(), problem(Limit("accuracy", None, 1.5))).feasible


def test_a_bound_that_is_just_reached_is_kept():
    for quantile in (0.0, 0.3, 0.7):
        latency = brute.columns(0)["latency_s", "gpu-one"]
        bound = float(np.quantile(latency, quantile, method="lower"))
        case = problem(Limit("latency", "gpu-one", bound))
        found = solve(brute.bench(), case)
        truth = brute.evaluate(case, 0)
        best = truth.objectives[truth.violations == 0].min()
        assert found.optimum == pytest.approx(best, rel=1e-9)


class Curve(Predictor):
    kind = "curve"

    def __init__(self, space):
        self.space = space

    def predict(self, codes):
        return np.ones(len(codes))

    def state(self):
        return {}, {}

    @classmethod
    def from_state(cls, space, arrays, settings):
        return cls(space)


def curved() -> Benchmark:
    """A benchmark whose latency on gpu-one is no sum over layers."""
    bundle = made_bundle()
    cells = [
        dataclasses.replace(cell, model=Curve(bundle.space))
        if cell.name == "latency_s.gpu-one"
        else cell
        for cell in bundle.cells
    ]
    return Benchmark(dataclasses.replace(bundle, cells=tuple(cells)))


def test_a_surrogate_that_is_no_sum_has_no_certificate():
    bench = curved()
    assert solve(bench, problem()).feasible
    with pytest.raises(NoCertificateError, match=r"latency_s@gpu-one.*curve.*search method"):
        solve(bench, problem(objectives=(LATENCY,)))
    with pytest.raises(NoCertificateError):
        solve(bench, problem(Limit("latency", "gpu-one", 1.0)))
    with pytest.raises(NoCertificateError):
        pareto(bench, problem(objectives=(PERPLEXITY, LATENCY)))
    with pytest.raises(NoCertificateError):
        reachable(bench, "latency", "gpu-one")


def test_means_of_logarithms_have_no_certificate():
    mean = Objective("latency", brute.GPUS, "mean")
    with pytest.raises(NoCertificateError, match="logarithms"):
        solve(brute.bench(), problem(objectives=(mean,)))


def test_the_mean_of_sums_is_solved():
    mean = Objective("memory", ("gpu-one", "cpu-one"), "mean")
    case = problem(Limit("perplexity", None, 20.0), objectives=(mean,))
    truth = brute.evaluate(case, 0)
    found = solve(brute.bench(), case)
    assert found.optimum == pytest.approx(truth.objectives[truth.violations == 0].min())


def test_without_time_nothing_false_is_claimed():
    case = problem(Limit("latency", "gpu-one", 1.0))
    found = solve(brute.bench(), case, time_limit=0.0)
    assert not found.certificate.proven
    assert found.certificate.gap > 0
    assert found.feasible is None
    front = pareto(brute.bench(), problem(objectives=(PERPLEXITY, LATENCY)), time_limit=0.0)
    assert not front.certificate.proven
    assert front.certificate.gap > 0
    three = problem(objectives=(PERPLEXITY, LATENCY, Objective("params")))
    empty = pareto(brute.bench(), three, time_limit=0.0)  # not even the first step has time
    assert not empty.certificate.proven
    assert math.isinf(empty.certificate.gap)
    assert "missing" in empty.certificate.proof


def test_wrong_numbers_of_objectives_and_tolerances_are_refused():
    two = problem(objectives=(PERPLEXITY, LATENCY))
    three = problem(objectives=(PERPLEXITY, LATENCY, Objective("params")))
    with pytest.raises(ProblemError, match="pareto"):
        solve(brute.bench(), two)
    with pytest.raises(ProblemError, match="solve"):
        pareto(brute.bench(), problem())
    with pytest.raises(ProblemError, match="above 0"):
        pareto(brute.bench(), three, tolerance=0.0)
    with pytest.raises(ProblemError, match="below 1"):
        pareto(brute.bench(), two, tolerance=1.0)


def test_an_infeasible_front_is_empty():
    front = pareto(
        brute.bench(), problem(Limit("perplexity", None, 0.5), objectives=(PERPLEXITY, LATENCY))
    )
    assert front.codes.shape == (0, made_space().n_choices)
    assert front.objectives.shape == (0, 2)
    assert math.isnan(front.certificate.bound)


def test_two_objectives_within_a_tolerance_are_covered():
    case = problem(objectives=(PERPLEXITY, LATENCY))
    front = pareto(brute.bench(), case, tolerance=0.05)
    points = brute.evaluate(case, 0).objectives
    covered = np.zeros(len(points), dtype=bool)
    for point in front.objectives:
        covered |= (point <= 1.05 * points * (1 + 1e-9)).all(axis=1)
    assert covered.all()
    assert len(front.codes) < len(pareto(brute.bench(), case).codes)
