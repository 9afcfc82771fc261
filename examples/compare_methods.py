"""Compare search methods in seconds, with the certified optimum as the reference.

For a researcher who has a new method, or wants to know which one to take. Training every network
that these searches ask for would take years of GPU time; here the benchmark answers. Needs the base
install; the plot needs the extra [report].
"""

# %% The problem: a benchmark, a device, an objective, and limits that a product might have.

import time
from importlib.util import find_spec

import numpy as np

import hwbench
from hwbench import search
from hwbench.arrays import FloatArray

bench = hwbench.load("gpt-s")
problem = search.Problem.parse(
    bench,
    minimize=["perplexity"],
    devices=["h100"],
    max=["latency=8ms", "memory=600MB"],
)
print(f"{bench.space.size():,} architectures; {problem}")

# %% The optimum. The surrogates are sums over layers, so the problem can be solved to a proof. No
# method can be better, and how far each one stays behind is its regret.

from hwbench.search import exact  # noqa: E402

best = exact.solve(bench, problem)
print(f"optimum: perplexity {best.optimum:.3f}, found in {best.certificate.seconds:.2f} s")
print(f"proof: {best.certificate.proof}\n")

# %% The methods. A run is a function of the bundle, the problem, the method and the seed: anybody
# who runs this gets the same curves. Failed limits count as no answer.

BUDGET, SEEDS = 400, range(10)
METHODS = ["rs", "ls", "nsga2", "spos-es"]
evaluator = search.BenchmarkEvaluator(bench, problem)
regrets: dict[str, FloatArray] = {}
for method in METHODS:
    began = time.perf_counter()
    rows = []
    for seed in SEEDS:
        run = search.run(evaluator, method, budget=BUDGET, seed=seed)
        found = np.where(run.violations <= 0, run.objectives[:, 0], np.inf)
        curve = np.minimum.accumulate(found) / best.optimum - 1
        rows.append(np.pad(curve, (0, BUDGET - len(curve)), mode="edge"))
    regrets[method] = np.array(rows)  # (seeds, evaluations)
    print(f"{method:<8} {len(rows)} runs of {BUDGET} in {time.perf_counter() - began:.1f} s")

# %% How far behind the optimum is each method, and how often does it find the optimum itself? The
# median over the seeds, with the quartiles; 0 is perfect.

print(
    f"\n{'regret in %':<12}{'after 50':>14}{'after 400':>14}{'quartiles':>18}{'optimum found':>16}"
)
for method, curves in regrets.items():
    early = np.median(curves[:, 49])
    low, late, high = np.percentile(curves[:, -1], [25, 50, 75], method="nearest")
    exactly = int((curves[:, -1] < 1e-9).sum())
    print(
        f"{method:<12}{100 * early:>14.3f}{100 * late:>14.3f}"
        f"{f'{100 * low:.3f} to {100 * high:.3f}':>18}{f'{exactly} of {len(curves)}':>16}"
    )

# %% The same as a picture: the median, and half of the runs as a band.

if find_spec("matplotlib") is not None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(1, BUDGET + 1)
    for method, curves in regrets.items():
        low, middle, high = np.percentile(100 * curves, [25, 50, 75], axis=0, method="nearest")
        line = axes.plot(at, middle, label=method)[0]
        axes.fill_between(at, low, high, color=line.get_color(), alpha=0.15, lw=0)
    axes.set(xscale="log", yscale="log", xlim=(5, BUDGET))
    axes.set(xlabel="evaluations", ylabel="regret in %")
    axes.set_title("behind the certified optimum", loc="left", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig("compare_methods.png", dpi=150)
    print("\nplot: compare_methods.png")

# %% A method of your own has two functions, `ask` and `tell` (docs/search.md), and takes its place
# beside these by its name in the registry. `hwbench study run search/everyday.toml` runs such a
# comparison over several problems and devices, keeps every evaluation, and tests the differences.
