"""How large are the networks of a space? Exact counts for a hundred thousand of them at once.

The counts are closed forms over codes; no network is built.
"""

import numpy as np

from hwbench import spaces, units
from hwbench.spaces import gpt_costs

space = spaces.get("gpt-s")
codes = space.sample_codes(100_000, np.random.default_rng(0))
params = gpt_costs.params(space, codes)
flops = gpt_costs.flops(space, codes)

for name, values, unit in [("parameters", params, "1"), ("FLOPs", flops, "FLOP")]:
    low, middle, high = (units.format(value, unit) for value in np.percentile(values, [0, 50, 100]))
    print(f"{name:<12}smallest {low}, median {middle}, largest {high}")

smallest = space.decode(codes[[np.argmin(params)]])[0]
print(f"smallest drawn: {smallest}")
