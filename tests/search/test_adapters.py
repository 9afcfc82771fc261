import numpy as np
import pytest

from hwbench.search import BenchmarkEvaluator, Problem, adapters


@pytest.fixture
def limited(bench):
    """About half of the architectures are feasible."""
    drawn = bench.space.sample_codes(200, np.random.default_rng(0))
    bound = float(np.quantile(bench.predict(drawn, "params"), 0.75))
    fast = float(np.quantile(bench.predict(drawn, "latency", "gpu-one"), 0.25))
    problem = Problem.parse(
        bench,
        minimize=["latency@gpu-one"],
        maximize=["accuracy"],
        max=[f"params={bound!r}"],
        min=[f"latency@gpu-one={fast!r}s"],
        fix=["embed_dim=128"],
    )
    return BenchmarkEvaluator(bench, problem)


def by_hand(problem, values):
    """What `n` architectures break of "params at most" and "latency at least"."""
    most, least = (limit.bound for limit in problem.limits)
    columns = [values["params"] / most - 1, 1 - values["latency_s@gpu-one"] / least]
    return np.maximum(np.stack(columns, axis=1), 0)


def library(name):
    return pytest.importorskip(name, reason=f"{name} is the library this adapter is for")


def test_pymoo_sees_what_the_evaluator_says(limited, rng):
    library("pymoo")
    space = limited.problem.subspace
    codes = space.sample_codes(30, rng)
    found = adapters.to_pymoo(limited).evaluate(
        codes.astype(float) + 0.3, return_as_dictionary=True
    )
    expected = limited.evaluate(limited.problem.lift(codes))
    np.testing.assert_array_equal(found["F"], expected.objectives)
    np.testing.assert_allclose(found["G"], by_hand(limited.problem, expected.values), atol=1e-12)
    np.testing.assert_array_equal(found["G"].sum(axis=1), expected.violations)
    assert (found["G"] > 0).any(axis=0).all()
    problem = adapters.to_pymoo(limited)
    assert problem.constraint_names == tuple(map(str, limited.problem.limits))
    assert problem.objective_names == ("latency@gpu-one", "accuracy")


def test_pymoo_searches(limited):
    library("pymoo")
    nsga2 = library("pymoo.algorithms.moo.nsga2")
    operators = library("pymoo.operators.repair.rounding")
    minimize = library("pymoo.optimize").minimize
    algorithm = nsga2.NSGA2(20, repair=operators.RoundingRepair())
    result = minimize(adapters.to_pymoo(limited), algorithm, ("n_eval", 300), seed=1)
    codes = limited.problem.lift(np.rint(result.X).astype(int))
    found = limited.evaluate(codes)
    np.testing.assert_array_equal(found.objectives, result.F)
    assert (found.violations == 0).all()


def test_pymoo_without_limits_has_no_constraints(evaluator):
    library("pymoo")
    assert adapters.to_pymoo(evaluator).n_ieq_constr == 0


@pytest.mark.parametrize("conditional", [True, False])
def test_optuna_sees_what_the_evaluator_says(limited, conditional):
    optuna = library("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    objective = adapters.to_optuna(limited, conditional=conditional)
    study = objective.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=15)
    space = limited.space
    for trial in study.trials:
        arch = objective.architecture(trial)
        assert trial.user_attrs["architecture"] == str(arch)
        found = limited.evaluate(space.encode([arch]))
        assert trial.values == [found.objectives[0, 0], -found.objectives[0, 1]]
        broken = by_hand(limited.problem, found.values)[0]
        np.testing.assert_allclose(objective.constraints(trial), broken, atol=1e-12)
        assert sum(objective.constraints(trial)) == found.violations[0]
        if hasattr(trial, "constraints"):
            kept = [trial.constraints[name] for name in objective.constraint_names]
            assert tuple(kept) == objective.constraints(trial)
    assert [d.name for d in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    feasible = {t.number for t in study.trials if sum(objective.constraints(t)) <= 0}
    if hasattr(optuna.trial.Trial, "set_constraint"):
        assert {trial.number for trial in study.best_trials} <= feasible


def test_optuna_goes_on_from_its_journal(limited, tmp_path):
    optuna = library("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    objective = adapters.to_optuna(limited)
    for total in (4, 8):
        sampler = optuna.samplers.NSGAIISampler(population_size=4, seed=total)
        study = objective.create_study(tmp_path / "search.log", sampler=sampler)
        study.optimize(objective, n_trials=4)
        assert len(study.trials) == total
    kept = objective.create_study(tmp_path / "search.log").trials
    assert all(len(objective.constraints(trial)) == 2 for trial in kept)


def test_configspace_offers_what_is_searched(limited):
    library("ConfigSpace")
    space = adapters.to_configspace(limited, seed=1)
    drawn = space.sample_configuration(20)
    found = adapters.evaluate_configurations(limited, [dict(each) for each in drawn])
    assert found.objectives.shape == (20, 2)
    assert {each["embed_dim"] for each in drawn} == {128}
