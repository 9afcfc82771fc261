import numpy as np
import pytest

from hwbench.errors import UnknownNameError
from hwbench.search import BenchmarkEvaluator, Objective, Problem, ProblemError, limits
from hwbench.testing.bundles import made_space


@pytest.fixture
def codes(bench, rng):
    return bench.space.sample_codes(40, rng)


def test_objectives_are_predictions_minimised(bench, codes):
    problem = Problem.parse(bench, minimize=["latency@gpu-one"], maximize=["accuracy"])
    found = BenchmarkEvaluator(bench, problem).evaluate(codes)
    np.testing.assert_array_equal(
        found.objectives,
        np.stack(
            [bench.predict(codes, "latency", "gpu-one"), -bench.predict(codes, "accuracy")], axis=1
        ),
    )
    assert set(found.values) == {"latency_s@gpu-one", "accuracy"}
    assert (found.violations == 0).all()


@pytest.mark.parametrize(("aggregate", "of"), [("max", np.max), ("mean", np.mean)])
def test_several_devices_become_one_objective(bench, codes, aggregate, of):
    problem = Problem.parse(
        bench, minimize=["latency"], devices=["gpu-one", "cpu-one"], aggregate=aggregate
    )
    found = BenchmarkEvaluator(bench, problem).evaluate(codes)
    each = [bench.predict(codes, "latency", device) for device in ("gpu-one", "cpu-one")]
    np.testing.assert_allclose(found.objectives[:, 0], of(each, axis=0))


def test_violations_are_relative_and_add_up(bench, codes):
    latency = bench.predict(codes, "latency", "gpu-one")
    accuracy = bench.predict(codes, "accuracy")
    most, least = float(np.median(latency)), float(np.median(accuracy))
    problem = Problem.parse(
        bench,
        minimize=["params"],
        max=[f"latency@gpu-one={most!r}s"],
        min=[f"accuracy={least!r}"],
    )
    found = BenchmarkEvaluator(bench, problem).evaluate(codes).violations
    expected = np.maximum(latency / most - 1, 0) + np.maximum(1 - accuracy / least, 0)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    assert (found > 0).any()


def test_a_confidence_holds_the_upper_quantile_to_the_bound(bench, codes):
    # The 95 % quantile is the upper end of the central 90 % interval.
    upper = bench.bounds(codes, "latency", "gpu-one", interval=0.9)[1]
    bound = float(np.median(upper))
    words = {"minimize": ["params"], "max": [f"latency@gpu-one={bound!r}s"]}
    sure = Problem.parse(bench, **words, confidence=0.95)
    found = BenchmarkEvaluator(bench, sure).evaluate(codes).violations
    np.testing.assert_allclose(found, np.maximum(upper / bound - 1, 0), atol=1e-12)
    close = Problem.parse(bench, **words, margin=0.05)
    predicted = bench.predict(codes, "latency", "gpu-one")
    found = BenchmarkEvaluator(bench, close).evaluate(codes).violations
    np.testing.assert_allclose(found, np.maximum(1.05 * predicted / bound - 1, 0), atol=1e-12)


def test_a_lower_limit_holds_the_lower_quantile(bench, codes):
    lower = bench.bounds(codes, "accuracy", interval=0.9)[0]
    bound = float(np.median(lower))
    problem = Problem.parse(
        bench, minimize=["params"], min=[f"accuracy={bound!r}"], confidence=0.95
    )
    found = BenchmarkEvaluator(bench, problem).evaluate(codes).violations
    np.testing.assert_allclose(found, np.maximum(1 - lower / bound, 0), atol=1e-12)


def test_allowed_bounds_say_the_same(bench, codes):
    problem = Problem.parse(
        bench, minimize=["params"], max=["latency@gpu-one=2ms"], confidence=0.9, margin=0.01
    )
    limit = problem.limits[0]
    bounds = limits.allowed(bench, limit)[limits.shared_number(bench.space, codes)]
    ok = bench.predict(codes, "latency", "gpu-one") <= bounds
    found = BenchmarkEvaluator(bench, problem).evaluate(codes).violations
    np.testing.assert_array_equal(ok, found == 0)


def test_noise_is_a_function_of_seed_architecture_and_fidelity(bench, problem, codes):
    noisy = BenchmarkEvaluator(bench, problem, noise="session", repeats=9)
    whole = noisy.evaluate(codes, fidelity=3, seed=5)
    part = noisy.evaluate(codes[7:9], fidelity=3, seed=5)
    np.testing.assert_array_equal(whole.objectives[7:9], part.objectives)
    assert (whole.objectives != noisy.evaluate(codes, fidelity=3, seed=6).objectives).any()
    exact = BenchmarkEvaluator(bench, problem).evaluate(codes).objectives
    off = [
        np.abs(np.log(noisy.evaluate(codes, fidelity=k).objectives / exact)).mean() for k in (1, 9)
    ]
    assert off[1] < off[0]


def test_fidelities_that_do_not_exist_are_refused(bench, problem, evaluator, codes):
    with pytest.raises(ProblemError, match="no noise"):
        evaluator.evaluate(codes, fidelity=2)
    noisy = BenchmarkEvaluator(bench, problem, noise="repeat", repeats=3)
    with pytest.raises(ProblemError, match="1 to 3"):
        noisy.evaluate(codes, fidelity=4)
    with pytest.raises(ProblemError):
        BenchmarkEvaluator(bench, problem, noise="loud")


def test_what_the_benchmark_lacks_is_refused(bench):
    with pytest.raises(UnknownNameError):
        BenchmarkEvaluator(bench, Problem(bench.space, (Objective("latency", ("h100",)),)))
    other = made_space().restrict(bias=(True,))
    with pytest.raises(ProblemError, match="not"):
        BenchmarkEvaluator(bench, Problem(other, (Objective("params"),)))


def test_no_codes_are_fine(evaluator, codes):
    found = evaluator.evaluate(codes[:0])
    assert found.objectives.shape == (0, 2)
    assert len(found) == 0
