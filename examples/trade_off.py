"""Which architectures are best on a device? Ask for a hundred thousand and keep the front.

Random search is the simplest way; the point here is that asking costs next to nothing.
"""

import numpy as np

import hwbench
from hwbench import units

bench = hwbench.load("gpt-s")
codes = bench.space.sample_codes(100_000, np.random.default_rng(0))
perplexity, latency_s = bench.predict_many(codes, [("perplexity", None), ("latency", "h100")]).T

order = np.argsort(latency_s)
best_so_far = np.minimum.accumulate(perplexity[order])
front = order[np.flatnonzero(np.diff(best_so_far, prepend=np.inf) < 0)]

print(f"{len(front)} of {len(codes)} architectures are on the front of the h100")
for row in front[:: max(1, len(front) // 5)]:
    found = bench.query(codes[row], "h100")
    limits = [units.format(found[f"latency_s_{end}"], "s") for end in ("lower", "upper")]
    print(
        f"perplexity {found['perplexity']:6.2f}  latency {units.format(found['latency_s'], 's')} "
        f"({limits[0]} to {limits[1]})  {units.format(found['params'], '1')} parameters"
    )
