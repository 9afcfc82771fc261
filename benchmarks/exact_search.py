"""How long certified optima and fronts take, and what 10 million random architectures find.

    python benchmarks/exact_search.py [BUNDLE ...] [--device h100] [--random 10000000]

Prints the median time over several limits for one optimum, the time and size of whole fronts of
two objectives and of fronts of three within a tolerance. Then it draws random architectures, and
takes all neighbours of the front's, and checks that none beats an optimum or the front. Times in
seconds of processor time are those of this process alone, wall-clock times those of a busy machine.
"""

import argparse
import time

import numpy as np

from hwbench.benchmark import Benchmark, load
from hwbench.search import BenchmarkEvaluator, Problem
from hwbench.search.exact import ExactFront, pareto, reachable, solve

SHARES = np.linspace(0.05, 0.95, 19)
BLOCK = 500_000


def limit(bench: Benchmark, metric: str, device: str, share: float) -> str:
    low, high = reachable(bench, metric, device)
    return f"{metric}={float(low + share * (high - low))!r}"


def optimum_problems(bench: Benchmark, device: str, metrics: list[str]) -> list[Problem]:
    return [
        Problem.parse(
            bench,
            minimize=["perplexity"],
            devices=[device],
            max=[limit(bench, metric, device, share) for metric in metrics],
        )
        for share in SHARES
    ]


def time_optima(bench: Benchmark, problems: list[Problem]) -> str:
    walls, cpus = [], []
    for problem in problems:
        wall, cpu = time.perf_counter(), time.process_time()
        found = solve(bench, problem)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        assert found.certificate.proven
    return (
        f"median {np.median(walls):.3f} s wall, {np.median(cpus):.3f} s processor; "
        f"greatest {max(walls):.3f} s wall, {max(cpus):.3f} s processor"
    )


def time_front(
    bench: Benchmark, device: str, objectives: str, tolerance: float | None
) -> ExactFront:
    problem = Problem.parse(bench, minimize=[objectives], devices=[device])
    wall, cpu = time.perf_counter(), time.process_time()
    front = pareto(bench, problem, tolerance=tolerance)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"  front {objectives:28s} {len(front.codes):6d} points, tolerance "
        f"{front.certificate.gap:g}, proven {front.certificate.proven}: "
        f"{wall:.2f} s wall, {cpu:.2f} s processor"
    )
    return front


def check_random(bench: Benchmark, device: str, n: int) -> None:
    """Hold optima and a front against random architectures and the neighbours of the front."""
    rng = np.random.default_rng(0)
    problem = Problem.parse(bench, minimize=["perplexity,latency"], devices=[device])
    front = pareto(bench, problem)
    evaluator = BenchmarkEvaluator(bench, problem)
    bounds = np.concatenate([[np.inf], front.objectives[:, 1]])
    near = np.concatenate([bench.space.neighbours(code) for code in front.codes])
    for start in range(-len(near), n, BLOCK):
        codes = near if start < 0 else bench.space.sample_codes(min(BLOCK, n - start), rng)
        points = evaluator.evaluate(codes).objectives
        place = np.searchsorted(front.objectives[:, 0], points[:, 0] * (1 + 1e-10), side="right")
        assert (points[:, 1] >= bounds[place] * (1 - 1e-10)).all(), "the front is beaten"
        if start < 0:
            print(f"  {len(near)} neighbours of the front: none lies below it")
    print(f"  {n} random architectures: none lies below it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="*", default=["gpt-s", "gpt-m", "gpt-l"])
    parser.add_argument("--device", default="h100")
    parser.add_argument("--random", type=int, default=10_000_000)
    arguments = parser.parse_args()
    device = arguments.device
    for name in arguments.bundles:
        bench = load(name)
        print(f"{bench.name} on {device}: {bench.space.size():.3g} architectures")
        for metrics in (["latency"], ["energy"], ["latency", "memory"]):
            found = time_optima(bench, optimum_problems(bench, device, metrics))
            print(f"  optimum under limits on {' and '.join(metrics):19s} {found}")
        for other in ("latency", "energy", "memory"):
            time_front(bench, device, f"perplexity,{other}", None)
        time_front(bench, device, "perplexity,latency,energy", 0.05)
        if bench.name == "gpt-s":
            check_random(bench, device, arguments.random)


if __name__ == "__main__":
    main()
