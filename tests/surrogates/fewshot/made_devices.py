"""Made-up devices whose times are sums of effects, alike up to some per cent."""

import numpy as np

from hwbench.surrogates.fewshot.basis import Basis


def devices(space, n, rng, *, apart=0.05, directions=None):
    """Predictors by name; with `directions`, devices differ in that many ways only."""
    basis = Basis.of(space)
    codes = space.sample_codes(300, rng)
    features = basis.features(codes)
    scale = np.sqrt(np.mean(features**2, axis=0))
    # A constant and a cost a layer, so that all times are above 0 whatever comes on top.
    centre = np.where(basis.block <= 1, 1.0, 0.0) / scale
    ways = rng.normal(size=(directions or len(scale), len(scale))) / scale
    ways *= apart / np.sqrt(len(scale))
    found = {}
    for number in range(n):
        effects = centre + rng.normal(size=len(ways)) @ ways
        found[f"d{number}"] = basis.predictor(10.0 ** rng.uniform(-3, 0) * effects)
    return found
