"""Pick a model for a device and a budget: the best one, how sure that is, and what it would take.

For an engineer: "the best perplexity under 1.6 s and 100 J a batch on this Xeon". Needs the base
install; the plot needs the extra [report], the network of the pick needs torch.
"""

# %% The question. Several limits hold at once; the answer comes with a proof that none is better.

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import hwbench
from hwbench import units
from hwbench.search import Problem, exact

bench = hwbench.load("gpt-s")
DEVICE, LIMITS = "cpu-xeon-gold", ["latency=1.6s", "energy=100J", "memory=350MB"]


def solve(limits: list[str], confidence: float | None = None) -> exact.ExactResult:
    """Find the best perplexity within limits, with proof."""
    problem = Problem.parse(
        bench, minimize=["perplexity"], devices=[DEVICE], max=limits, confidence=confidence
    )
    return exact.solve(bench, problem)


def show(title: str, found: exact.ExactResult) -> None:
    """Print an answer with the metrics that have limits."""
    values = bench.query(found.architecture, DEVICE)
    print(f"{title}\n  {found.architecture}\n  perplexity {values['perplexity']:.2f}")
    for name, unit in [("latency_s", "s"), ("energy_j", "J"), ("memory_bytes", "bytes")]:
        ends = [units.format(values[f"{name}_{end}"], unit) for end in ("lower", "upper")]
        print(f"  {units.format(values[name], unit):>9}  (90 %: {ends[0]} to {ends[1]})")
    print(f"  binding: {', '.join(map(str, found.binding)) or 'no limit'}")
    print(f"  proof: {found.certificate.proof}\n")


pick = solve(LIMITS)
show("the prediction keeps every limit", pick)

# %% Be sure. A prediction that just keeps a limit breaks it in half of the measurements. With a
# confidence, a new measurement in a new visit to the device keeps each limit that often.

sure = solve(LIMITS, confidence=0.95)
show("a measurement keeps every limit in 95 of 100 cases", sure)
loss = sure.optimum / pick.optimum - 1
print(f"being sure costs {100 * loss:.2f} % of perplexity\n")

# %% What would it take? Move the limit of latency, and see what each tenth of a second buys. Each
# of these points is an optimum with its own proof.

print("latency limit   perplexity   what binds")
sweep = []
for limit_s in np.arange(0.8, 2.5, 0.2):
    found = solve([f"latency={limit_s:.1f}s", *LIMITS[1:]])
    if not found.feasible:
        print(f"{limit_s:>11.1f} s   nothing keeps it")
        continue
    values = bench.query(found.architecture, DEVICE)
    sweep.append(
        (limit_s, values["perplexity"], values["latency_s_lower"], values["latency_s_upper"])
    )
    names = ", ".join(limit.metric.partition("_")[0] for limit in found.binding) or "nothing"
    print(f"{limit_s:>11.1f} s   {values['perplexity']:>10.2f}   {names}")

# %% Ask for the impossible, and the answer says what is possible.

hopeless = solve(["latency=200ms"])
low, high = (
    units.format(value, "s") for value in hopeless.reachable["latency@cpu-xeon-gold <= 200 ms"]
)
print(f"\nlatency=200ms: feasible: {hopeless.feasible}; it goes from {low} to {high}")

# %% Take it home: the architecture as JSON, which any training code can read, and the plain network
# in torch, without weights worth anything yet. Both have as many parameters.

Path("pick.json").write_text(json.dumps(sure.architecture.to_dict(), indent=1) + "\n")
counted = int(bench.query(sure.architecture)["params"])
print(f"\npick.json: {counted:,} parameters")
if find_spec("torch") is not None:
    from hwbench import models

    network = models.build(sure.architecture, bench.space, device="meta")
    built = sum(weight.numel() for weight in network.parameters())
    print(f"{type(network).__name__}: {built:,} parameters")

# %% The trade-off as a picture; the bars are 90 % intervals of the latency.

if find_spec("matplotlib") is not None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    limit_s, perplexity, low_s, high_s = np.array(sweep).T
    axes.hlines(perplexity, low_s, high_s, color="#0072b2", lw=2, label="90 % interval")
    axes.scatter(limit_s, perplexity, marker="|", s=80, color="black", label="latency limit")
    axes.set(xlabel=f"latency on {DEVICE} in s", ylabel="best possible perplexity")
    axes.set_title(", ".join(LIMITS[1:]) + " in all of them", loc="left", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig("pick_a_model.png", dpi=150)
    print("plot: pick_a_model.png")
