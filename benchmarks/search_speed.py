"""Time of a search with NSGA-II, beside pymoo and optuna, and what each of our methods costs.

    OMP_NUM_THREADS=1 python benchmarks/search_speed.py [BUNDLE] [--quick]

All sides ask the same benchmark for perplexity and latency with a population of 100. It is checked
first that they get the same values, and the hypervolume of each is printed, so that nobody wins by
searching badly. Runs of ours and of pymoo's take turns, and the median of the ratios of neighbours
is what counts: other work on the machine slows both. Optuna runs all 10,000 evaluations once, after
them, since its time for each grows with the number of trials. --quick runs a tenth of everything,
which flatters optuna. Needs the extra [adapters].
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import optuna
from pymoo.algorithms.moo.nsga2 import NSGA2 as PymooNSGA2
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

import hwbench
from hwbench.arrays import FloatArray
from hwbench.search import BenchmarkEvaluator, Problem, run
from hwbench.search.adapters import to_optuna, to_pymoo
from hwbench.search.dominance import non_dominated
from hwbench.search.methods import METHODS

EVALUATIONS, POPULATION = 10_000, 100
GOAL_S, GOAL_PYMOO, GOAL_OPTUNA = 0.5, 3.0, 100.0


class Watched:
    """An evaluator that knows how long it took, and what it answered."""

    def __init__(self, evaluator: BenchmarkEvaluator) -> None:
        self._inner, self.seconds = evaluator, 0.0
        self.answers: list[FloatArray] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def evaluate(self, codes, **options):  # type: ignore[no-untyped-def]
        """Ask, and remember."""
        began = time.perf_counter()
        found = self._inner.evaluate(codes, **options)
        self.seconds += time.perf_counter() - began
        self.answers.append(found.objectives)
        return found


def hypervolume(points: FloatArray, reference: FloatArray) -> float:
    """Return the dominated area of two minimised objectives."""
    front = points[(points < reference).all(axis=1)]
    front = front[non_dominated(front)]
    front = front[np.lexsort(front.T[::-1])]
    tops = np.r_[reference[1], front[:-1, 1]]
    return float(((reference[0] - front[:, 0]) * (tops - front[:, 1])).sum())


def ours(evaluator: BenchmarkEvaluator, n: int, seed: int) -> FloatArray:
    found = run(evaluator, "nsga2", budget=n, seed=seed, settings={"population": POPULATION})
    return found.objectives


def pymoo(evaluator: BenchmarkEvaluator, n: int, seed: int) -> FloatArray:
    """Run pymoo as its guide to discrete variables says; collects every point that is evaluated."""
    watched = Watched(evaluator)
    problem = to_pymoo(watched)  # type: ignore[arg-type]
    algorithm = PymooNSGA2(
        POPULATION,
        sampling=IntegerRandomSampling(),
        crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(problem, algorithm, ("n_eval", n), seed=seed)
    return np.concatenate(watched.answers)


def by_optuna(evaluator: BenchmarkEvaluator, n: int, seed: int) -> FloatArray:
    objective = to_optuna(evaluator, conditional=False)
    sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
    study = objective.create_study(sampler=sampler)
    study.optimize(objective, n_trials=n)
    return np.array([trial.values for trial in study.trials])


def check(evaluator: BenchmarkEvaluator) -> None:
    """All sides see the same values."""
    codes = evaluator.space.sample_codes(50, np.random.default_rng(0))
    expected = evaluator.evaluate(codes).objectives
    found = to_pymoo(evaluator).evaluate(codes.astype(float), return_as_dictionary=True)["F"]
    np.testing.assert_array_equal(found, expected)
    objective = to_optuna(evaluator)
    study = objective.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=10)
    archs = [objective.architecture(trial) for trial in study.trials]
    values = evaluator.evaluate(evaluator.space.encode(archs)).objectives
    np.testing.assert_array_equal([trial.values for trial in study.trials], values)


@dataclass(frozen=True)
class Side:
    """A library's search, and the runs of it so far."""

    name: str
    search: Callable[[BenchmarkEvaluator, int, int], FloatArray]
    seconds: list[float] = field(default_factory=list)
    found: list[FloatArray] = field(default_factory=list)

    def run(self, evaluator: BenchmarkEvaluator, n: int, seed: int) -> None:
        """Search once, and take the time."""
        began = time.perf_counter()
        points = self.search(evaluator, n, seed)
        self.seconds.append(time.perf_counter() - began)
        self.found.append(points)


def compare(evaluator: BenchmarkEvaluator, n: int, repeats: int) -> None:
    first = Side("hwbench NSGA-II", ours)
    second, third = Side("pymoo NSGA-II", pymoo), Side("optuna NSGA-II", by_optuna)
    for side in (first, second, third):
        side.search(evaluator, 300, 99)  # warm up
    for seed in range(repeats):
        first.run(evaluator, n, seed)
        second.run(evaluator, n, seed)
    third.run(evaluator, n, 0)
    random = run(evaluator, "rs", budget=2000, seed=0).objectives
    reference = random.max(axis=0)
    box = float(np.prod(reference - random.min(axis=0)))
    print(f"{n:,} evaluations, population {POPULATION}, medians of {repeats} runs (optuna: 1)")
    for side in (first, second, third):
        if side is third:
            ratios = [side.seconds[0] / statistics.median(first.seconds)]
        else:
            ratios = [b / a for a, b in zip(first.seconds, side.seconds, strict=True)]
        area = statistics.mean(hypervolume(points, reference) / box for points in side.found)
        seconds = statistics.median(side.seconds)
        print(
            f"  {side.name:<18}{seconds:>9.3f} s  {seconds / n * 1e6:>9.1f} us an evaluation  "
            f"x {statistics.median(ratios):<8.1f} hypervolume {area:.3f}"
        )
    goals = f"under {GOAL_S} s, {GOAL_PYMOO:g} times pymoo, {GOAL_OPTUNA:g} times optuna"
    print(f"  goals, at 10,000: {goals}\n")


def overheads(bench: hwbench.Benchmark, problem: Problem, n: int) -> None:
    print(f"{n:,} evaluations by each method, microseconds an evaluation")
    print(f"  {'method':<10}{'in all':>10}{'benchmark':>12}{'overhead':>12}")
    for name in METHODS:
        noise = "session" if name == "moasha" else None
        evaluator = Watched(BenchmarkEvaluator(bench, problem, noise=noise))
        began = time.perf_counter()
        found = run(evaluator, name, budget=n, seed=1)  # type: ignore[arg-type]
        total = time.perf_counter() - began
        scale = 1e6 / len(found)
        rest = total - evaluator.seconds
        row = (total * scale, evaluator.seconds * scale, rest * scale)
        print(f"  {name:<10}{row[0]:>10.1f}{row[1]:>12.1f}{row[2]:>12.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="gpt-s")
    parser.add_argument("--quick", action="store_true", help="a tenth of the evaluations")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    bench = hwbench.load(options.bundle)
    problem = Problem.parse(bench, minimize=["perplexity,latency"], devices=["h100"])
    evaluator = BenchmarkEvaluator(bench, problem)
    share = 10 if options.quick else 1
    print(f"{bench.name}: {problem}\n")
    check(evaluator)
    compare(evaluator, EVALUATIONS // share, 3 if options.quick else 7)
    overheads(bench, problem, 1000 // share)


if __name__ == "__main__":
    main()
