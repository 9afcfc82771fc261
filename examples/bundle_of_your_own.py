"""Turn measurements of your own into a benchmark: fit, calibrate, save, load, ask.

The "measurements" here are a formula with noise, so that the script runs anywhere in a second; put
your numbers in their place. Needs the extra [fit].
"""

import numpy as np

import hwbench
from hwbench import spaces, units
from hwbench.benchmark import Bundle, Cell, Device, closed_form, save
from hwbench.data import Protocol
from hwbench.spaces import gpt_costs
from hwbench.surrogates import XGBoost
from hwbench.surrogates.uncertainty import Uncertainty, quantile_grid

space = spaces.get("gpt-s")
rng = np.random.default_rng(0)
codes = space.sample_codes(1200, rng)
latency_s = gpt_costs.flops(space, codes) / 60e12 * rng.lognormal(0.0, 0.02, len(codes))

# Fit on some architectures; how far others lie from the surrogate is its uncertainty.
fit, held = slice(0, 1000), slice(1000, None)
model = XGBoost(space, random_state=0).fit(codes[fit], latency_s[fit]).predictor()
errors = np.log(latency_s[held] / model.predict(codes[held]))
noise = quantile_grid(rng.normal(0.0, 0.02, 1000))
one_group = np.zeros(np.prod([len(choice) for choice in space.shared]), dtype=np.int64)
uncertainty = Uncertainty(
    group=one_group,
    total=quantile_grid(errors)[None],
    visit=quantile_grid(errors)[None],
    session=np.zeros_like(noise),
    repeat=noise,
    parts={"model": float(errors.std()), "session": 0.0, "repeat": 0.02},
)

protocol = Protocol("wall", 1, 1024, "fp16", "wall time of one forward pass", "s", "this script")
counted = Protocol("closed-form", None, 1024, "fp16", "closed form", "1", "hwbench")
bundle = Bundle(
    name="mine",
    space=space,
    devices=(Device("my-gpu", "The card under my desk", "gpu", "fp16"),),
    cells=(
        Cell("latency_s.my-gpu", "latency_s", ("my-gpu",), model, uncertainty, protocol),
        Cell("params", "params", None, closed_form("gpt.params"), None, counted),
    ),
    fitted="2026-01-31",
    version=hwbench.__version__,
    provenance={"source": "this script"},
    licence="Apache-2.0",
    citation="nobody",
    limits=("Anything: its measurements are made up.",),
)
digest = save(bundle, "my-bundle")

bench = hwbench.load("my-bundle")
assert bench.sha256 == digest
found = bench.query(space.largest(), "my-gpu")
for name in ("latency_s", "latency_s_lower", "latency_s_upper"):
    print(f"{name:<16}{units.format(found[name], 's')}")
print(f"{'parameters':<16}{units.format(found['params'], '1')}")
