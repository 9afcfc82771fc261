"""Optima of the bundles that ship, against random architectures and integer programming."""

import numpy as np
import pytest

from hwbench.benchmark import load, names
from hwbench.search import BenchmarkEvaluator, Problem
from hwbench.search.exact import pareto, reachable, solve
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor
from tests.search.exact import brute

DEVICE = "h100"


def shipped(name):
    if name not in names():
        pytest.skip(f"{name} does not ship with this version")
    return load(name)


def limited(bench, share, **fixed):
    low, high = reachable(bench, "latency", DEVICE)
    bound = low + share * (high - low)
    fix = [f"{name}={value}" for name, value in fixed.items()]
    limit = [f"latency={bound!r}s"]
    return Problem.parse(bench, minimize=["perplexity"], devices=[DEVICE], max=limit, fix=fix)


@pytest.mark.parametrize("name", ["gpt-s", "gpt-m", "gpt-l"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_no_random_architecture_is_better(name, share, rng):
    bench = shipped(name)
    problem = limited(bench, share)
    found = solve(bench, problem)
    evaluator = BenchmarkEvaluator(bench, problem)
    codes = np.concatenate(
        [bench.space.sample_codes(20_000, rng), bench.space.neighbours(found.code)]
    )
    truth = evaluator.evaluate(codes)
    assert found.feasible
    assert found.certificate.proven
    assert evaluator.evaluate(found.code[None]).violations[0] == 0
    best = truth.objectives[truth.violations == 0, 0].min()
    assert found.optimum <= best * (1 + 1e-10)


def test_no_random_architecture_lies_below_the_front(rng):
    bench = shipped("gpt-s")
    problem = Problem.parse(bench, minimize=["perplexity,energy"], devices=[DEVICE])
    front = pareto(bench, problem)
    assert front.certificate.gap == 0
    evaluator = BenchmarkEvaluator(bench, problem)
    near = [bench.space.neighbours(code) for code in front.codes[:: len(front.codes) // 50]]
    codes = np.concatenate([bench.space.sample_codes(50_000, rng), *near])
    points = evaluator.evaluate(codes).objectives
    # Perplexities ascend along the front and energies descend.
    place = np.searchsorted(front.objectives[:, 0], points[:, 0] * (1 + 1e-10), side="right")
    least = np.concatenate([[np.inf], front.objectives[:, 1]])[place]
    assert (points[:, 1] >= least * (1 - 1e-10)).all()


def test_equals_every_architecture_with_some_choices_fixed():
    bench = shipped("gpt-s")
    fix = ["embed_dim=768", "n_layer=10", "mlp_ratio=2"]
    problem = Problem.parse(
        bench, minimize=["perplexity,latency"], devices=[DEVICE], fix=fix, max=["energy=1.9J"]
    )
    heads = np.indices((3,) * 10, dtype=np.uint8).reshape(10, -1).T
    codes = np.zeros((2, len(heads), bench.space.n_choices), dtype=np.uint8)
    codes[..., 0] = 2  # embed_dim 768; depth and ratio keep their first value
    codes[1, :, 2] = 1
    codes[..., 15:25] = heads
    codes = codes.reshape(-1, bench.space.n_choices)
    assert len(codes) == problem.subspace.size()
    truth = BenchmarkEvaluator(bench, problem).evaluate(codes)
    points = truth.objectives[truth.violations == 0]
    assert 0 < len(points) < len(codes)
    found = pareto(bench, problem)
    assert found.objectives == pytest.approx(brute.pairwise_front(points), rel=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_equals_integer_programming(share):
    optimize = pytest.importorskip("scipy.optimize")
    bench = shipped("gpt-l")
    model = bench.cell("perplexity").model
    latency = bench.cell("latency", DEVICE).model
    assert isinstance(model, LayerwisePredictor)
    assert isinstance(latency, LayerwisePredictor)
    if model.has_chain or model.has_rest or latency.has_chain:
        pytest.skip("needs metrics without terms of pairs")
    c = len(model.base) - 1  # the last values of all shared choices
    cost, taken = model.unary[c, :, :-1], latency.unary[c, :, :-1]
    depth, n = cost.shape
    low, high = taken.min(axis=1).sum(), taken.max(axis=1).sum()
    bound = low + share * (high - low)
    unit = 1 / np.ptp(taken)
    one_each = np.kron(np.eye(depth), np.ones(n))
    truth = optimize.milp(
        cost.ravel(),
        integrality=np.ones(cost.size),
        bounds=optimize.Bounds(0, 1),
        constraints=[
            optimize.LinearConstraint(one_each, 1, 1),
            optimize.LinearConstraint(unit * taken.reshape(1, -1), -np.inf, unit * bound),
        ],
        options={"mip_rel_gap": 1e-9},
    )
    value = bound + latency.base[c]
    fix = ["embed_dim=1280", "n_layer=36", "bias=true"]
    problem = Problem.parse(
        bench,
        minimize=["perplexity"],
        devices=[DEVICE],
        max=[f"latency={float(value)!r}s"],
        fix=fix,
    )
    found = solve(bench, problem)
    assert found.optimum == pytest.approx(float(np.exp(truth.fun + model.base[c])), rel=1e-6)
