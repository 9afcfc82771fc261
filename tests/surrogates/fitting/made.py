"""Made-up campaigns and recipes for the tests of fitting."""

import numpy as np

from hwbench.data import Protocol, Table
from hwbench.spaces import Space
from hwbench.surrogates.fitting import Measured, Plan, Recipe
from hwbench.testing.surrogates import additive_metric
from tests.surrogates.made import made_space

QUICK = {"kind": "layerwise", "structure": "layers"}


def recipe(estimators=None, *, plan=None, folds=3, **options) -> Recipe:
    """A recipe with one plan, for latency; quick estimators."""
    estimators = {"quick": QUICK} if estimators is None else estimators
    settings = {"seed": 0, "visit_stretch": 1.0, "bundle": {}, **options}
    plans = {"latency_s": Plan(tuple(estimators)) if plan is None else plan}
    return Recipe(folds=folds, estimators=estimators, metrics=plans, **settings)


def measured(
    n=600,
    *,
    noise=0.02,
    sessions=3,
    drift=0.0,
    repeats=5,
    timed=True,
    seed=0,
    space: Space | None = None,
) -> Measured:
    """A campaign: an additive metric with normal log errors, and a walk of the machine."""
    space = made_space() if space is None else space
    rng = np.random.default_rng(seed)
    codes = space.sample_codes(n, rng)
    walk = np.cumsum(rng.normal(0.0, drift, n)) if drift else np.zeros(n)
    y = additive_metric(space, codes) * np.exp(rng.normal(0.0, noise, n) + walk - walk.mean())
    scatter = np.exp(rng.normal(0.0, 0.001, (n, repeats)))
    scatter /= np.median(scatter, axis=1, keepdims=True)
    session = np.arange(n, dtype=np.int64) * sessions // n
    position = np.arange(n, dtype=np.int64)
    return Measured(space, codes, y, position, session, y[:, None] * scatter, timed)


def table(space: Space, n=120, *, device: str | None = "a100", metric="latency_s", seed=0) -> Table:
    """The same as a table of a registered space."""
    data = measured(n, space=space, seed=seed)
    unit = {"latency_s": "s", "energy_j": "J", "memory_bytes": "bytes"}.get(metric, "1")
    protocol = Protocol("made", 8, 1024, "bf16", "a made-up repeat", unit, "nobody")
    return Table(
        space=space.name,
        device=device,
        metric=metric,
        protocol=protocol,
        codes=data.codes,
        chunk=data.session,
        position=data.position,
        repeats=data.repeats,
        source="made up",
    )
