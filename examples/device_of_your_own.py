"""From measurements of your own device to a benchmark that can be searched, and how good it is.

For somebody whose device nobody has measured. Needs the extra [fit] and a checkout, as the
measurements are those of `data/cpu-x86-2core-vm`: 15 networks on two cores of a virtual machine,
nine minutes. To measure your own (extra [profile]):

    hwbench profile plan gpt-s --device auto --metrics latency,memory --batch 1 --budget 10min
    hwbench profile run plan.toml --out journals/mybox

and put `journals/mybox` in the place of MEASURED below. `hwbench quickstart` does it all in one go.
"""

# %% Read what was measured. A table holds every raw sample; `center` takes the median of each row.

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import hwbench
from hwbench import units
from hwbench.benchmark.calibration import calibrate
from hwbench.benchmark.own_device import device_tables, measured_device
from hwbench.search import Problem, exact

MEASURED = Path(__file__).resolve().parents[1] / "data" / "cpu-x86-2core-vm" / "torch-eager"
NAME = "mybox"

(latency,) = [table for table in device_tables(MEASURED, "gpt-s") if table.metric == "latency_s"]
archs = len(np.unique(latency.codes, axis=0))
print(f"{len(latency)} measurements of {archs} architectures; {latency.protocol.statistic}")

# %% The campaign visited every architecture twice, in two passes. Learn from the first, and keep
# the second to see how good that is. (`hwbench calibrate` takes all of it.)

parts = []
for number in (0, 1):
    rows = latency.chunk == number
    fields = ("codes", "chunk", "position", "repeats")
    part = {name: getattr(latency, name)[rows] for name in fields}
    parts.append(
        replace(latency, **part, flags=None if latency.flags is None else latency.flags[rows])
    )
first, second = parts

# %% Calibrate: the devices of gpt-s say how architectures differ on devices at large, the
# measurements say how they differ on this one.

known = hwbench.load("gpt-s").bundle
device = measured_device(NAME, [first], label="two cores of a virtual machine")
made = calibrate(known, [first], device)
hwbench.benchmark.save(made.bundle, "mybox-bundle")
bench = hwbench.load("mybox-bundle")
(learnt,) = made.learnt
print(f"learnt from {learnt.rows} rows")
if learnt.held_out is not None:  # three architectures or more
    print(f"architectures left out: mean error {learnt.held_out.mape:.1%}")

# %% How good is it? The second pass was measured minutes later, on a machine with neighbours: part
# of the error is theirs. Nine of ten rows should lie in the interval.

measured_s = second.center()
predicted_s = bench.predict_many(second.codes, [("latency", NAME)])[:, 0]
lower_s, upper_s = bench.bounds(second.codes, "latency", NAME, interval=0.9)
error = np.abs(predicted_s / measured_s - 1)
inside = (lower_s <= measured_s) & (measured_s <= upper_s)
print(f"second pass: median error {np.median(error):.1%}, mean {error.mean():.1%}")
print(f"second pass: {inside.sum()} of {len(inside)} rows in the 90 % interval")

# %% Search it. The bundle answers like those that ship, with proofs, in every command, too:
# `hwbench search mybox-bundle/ --device mybox --minimize perplexity --max latency=900ms`.

print("\nlatency limit   perplexity   predicted   90 % interval")
for limit in ("600ms", "900ms", "1.2s"):
    problem = Problem.parse(
        bench, minimize=["perplexity"], devices=[NAME], max=[f"latency={limit}"]
    )
    best = exact.solve(bench, problem)
    found = bench.query(best.architecture, NAME)
    shown = [units.format(found[f"latency_s{end}"], "s") for end in ("", "_lower", "_upper")]
    print(f"{limit:>13}   {best.optimum:>10.2f}   {shown[0]:>9}   {shown[1]} to {shown[2]}")

# %% Predicted against measured, as a picture.

if find_spec("matplotlib") is not None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    ends = np.array([predicted_s - lower_s, upper_s - predicted_s])
    axes.errorbar(measured_s, predicted_s, yerr=ends, fmt="o", ms=4, color="#0072b2", lw=0.8)
    span = [0.9 * measured_s.min(), 1.1 * measured_s.max()]
    axes.plot(span, span, color="black", lw=0.8)
    axes.set(xlabel="measured in the second pass, s", ylabel="predicted from the first, s")
    axes.set_title("latency, 90 % intervals", loc="left", fontsize=9)
    axes.grid(alpha=0.3)
    figure.savefig("device_of_your_own.png", dpi=150)
    print("\nplot: device_of_your_own.png")
