"""All methods pass the contract, and search better than chance."""

import numpy as np
import pytest

from hwbench.benchmark import Benchmark
from hwbench.errors import UnknownNameError
from hwbench.search import BenchmarkEvaluator, Problem, ProblemError, run
from hwbench.search.methods import METHODS, create, defaults, get, read_settings
from hwbench.testing.bundles import made_bundle
from hwbench.testing.search import EvaluatorContract, MethodContract

QUICK = {
    "nsga2": {"population": 20},
    "morea": {"population": 20},
    "spos-es": {"population": 20, "mutants": 8, "children": 8},
    "lsbo": {"candidates": 60},
    "rsbo": {"candidates": 60},
    "ehvi": {"candidates": 60},
}


class OneMethod(MethodContract):
    def method(self, space, n_objectives, rng, /):
        settings = QUICK.get(self.name, {})
        return create(self.name, space, n_objectives, rng=rng, settings=settings)


class TestRandomSearch(OneMethod):
    name = "rs"


class TestLocalSearch(OneMethod):
    name = "ls"


class TestNSGA2(OneMethod):
    name = "nsga2"


class TestMOREA(OneMethod):
    name = "morea"


class TestMOASHA(OneMethod):
    name = "moasha"


class TestSPOSRandom(OneMethod):
    name = "spos-rs"


class TestSPOSEvolution(OneMethod):
    name = "spos-es"


class TestLSBO(OneMethod):
    name = "lsbo"


class TestRSBO(OneMethod):
    name = "rsbo"


class TestEHVI(OneMethod):
    name = "ehvi"


class TestBenchmarkEvaluator(EvaluatorContract):
    noise = None

    def evaluator(self):
        bench = Benchmark(made_bundle())
        problem = Problem.parse(
            bench,
            minimize=["latency"],
            maximize=["accuracy"],
            devices=["gpu-one", "cpu-one"],
            max=["params=200k"],
            confidence=0.9,
        )
        return BenchmarkEvaluator(bench, problem, noise=self.noise)


class TestNoisyEvaluator(TestBenchmarkEvaluator):
    noise = "session"


def test_every_method_has_its_contract():
    tested = {cls.name for cls in OneMethod.__subclasses__()}
    assert tested == set(METHODS)


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"rs", "spos-rs", "moasha", "ls"}))
def test_it_beats_random_search(evaluator, name):
    """Best product of the two objectives over five seeds; deterministic, so no false alarms."""
    settings = {"population": 20} if name in ("nsga2", "morea") else {}

    def best(method, settings):
        runs = [run(evaluator, method, budget=200, seed=s, settings=settings) for s in range(5)]
        return np.mean([np.log(found.objectives).sum(axis=1).min() for found in runs])

    assert best(name, settings) < best("rs", {})


@pytest.mark.parametrize("name", sorted(METHODS))
def test_limits_are_kept_where_possible(bench, name):
    """Each method finds feasible architectures where one in fifty is feasible."""
    codes = bench.space.sample_codes(2000, np.random.default_rng(0))
    bound = float(np.quantile(bench.predict(codes, "latency", "gpu-one"), 0.02))
    problem = Problem.parse(bench, minimize=["perplexity"], max=[f"latency@gpu-one={bound!r}s"])
    noise = "repeat" if name == "moasha" else None
    found = run(BenchmarkEvaluator(bench, problem, noise=noise), name, budget=200, seed=1)
    assert len(found.front()) >= 1
    assert (found.violations[found.front()] == 0).all()


def test_asha_promotes_about_a_third_of_each_rung(bench, problem):
    evaluator = BenchmarkEvaluator(bench, problem, noise="session", repeats=9)
    found = run(evaluator, "moasha", budget=60, seed=2)
    counts = [int((found.fidelity == level).sum()) for level in (1, 3, 9)]
    assert sum(counts) == len(found)
    assert counts[0] > counts[1] > counts[2] > 0
    # The best third changes as a rung fills, so that a little more than a third goes up.
    assert counts[0] / 4 < counts[1] < counts[0] / 2
    assert counts[1] / 4 < counts[2] < counts[1] / 2
    cost = counts[0] + 2 * counts[1] + 6 * counts[2]  # going up costs the repeats that are missing
    assert 60 * 9 <= cost < 61 * 9
    assert set(found.full) == set(np.flatnonzero(found.fidelity == 9))


def test_asha_needs_a_fidelity(evaluator):
    with pytest.raises(ProblemError, match="noise"):
        run(evaluator, "moasha", budget=10)


def test_local_search_ends_on_a_local_optimum(bench):
    problem = Problem.parse(bench, minimize=["perplexity"])
    evaluator = BenchmarkEvaluator(bench, problem)
    found = run(evaluator, "ls", budget=600, seed=0, settings={"starts": 1})
    best = found.codes[found.front()[0]]
    near = evaluator.evaluate(bench.space.neighbours(best)).objectives
    assert (near >= found.objectives.min()).all()


def test_a_generation_of_spos_is_composed_as_said():
    from hwbench import spaces

    space = spaces.get("gpt-s")
    method = create("spos-es", space, 1, rng=np.random.default_rng(0))
    first = method.ask(1000)
    assert len(first) == 50
    method.tell(first, space.depths(first)[:, None] * 1.0, np.zeros(50))
    second = method.ask(1000)
    assert len(second) == 50
    # The ten best all have ten layers, so children (rows 25 to 49) do; mutants keep the depth with
    # probability 0.6 + 0.4 / 3.
    assert set(space.depths(second[25:]).tolist()) == {10}
    assert 10 <= (space.depths(second[:25]) == 10).sum() <= 25


@pytest.mark.parametrize("name", sorted(METHODS))
def test_the_readme_names_every_method_and_setting(root, name):
    lines = (root / "search" / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith("|") and f"`{name}`" in line]
    assert [key for key in defaults(name) if f"`{key}`" not in row] == []


def test_settings_are_read_as_people_write_them():
    assert read_settings("nsga2", {"population": "50", "mutation": "none", "crossover": "0.5"}) == {
        "population": 50,
        "mutation": None,
        "crossover": 0.5,
    }
    assert read_settings("rs", {"uniform": "architectures"}) == {"uniform": "architectures"}
    with pytest.raises(UnknownNameError, match="population"):
        read_settings("nsga2", {"size": "50"})
    with pytest.raises(ProblemError, match="number"):
        read_settings("nsga2", {"population": "many"})
    with pytest.raises(UnknownNameError, match="nsga2"):
        get("nsga3")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rs", {"batch": 0}),
        ("rs", {"uniform": "all"}),
        ("ls", {"starts": 0}),
        ("nsga2", {"population": 1}),
        ("nsga2", {"crossover": 2.0}),
        ("nsga2", {"exchange": -0.1}),
        ("morea", {"sample": 0}),
        ("moasha", {"eta": 1}),
        ("moasha", {"least": 10}),
        ("spos-rs", {"batch": 0}),
        ("spos-es", {"mutants": 40}),
        ("spos-es", {"layer_rate": 2.0}),
        ("ehvi", {"initial": 1}),
        ("rsbo", {"beta": -1.0}),
    ],
)
def test_impossible_settings_are_refused(problem, rng, name, settings):
    with pytest.raises(ProblemError):
        create(name, problem.space, 2, rng=rng, settings=settings)
