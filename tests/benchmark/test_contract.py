"""Benchmarks of every make pass the contract."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from hwbench import spaces, surrogates
from hwbench.benchmark import Benchmark, load
from hwbench.spaces import Choice, Space
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor
from hwbench.surrogates.predictor import PREDICTORS, pack, unpack
from hwbench.testing.benchmark import BenchmarkContract
from hwbench.testing.bundles import made_bundle
from hwbench.testing.surrogates import additive_metric


class TestMade(BenchmarkContract):
    def benchmark(self):
        return _made()


class TestLayersOfGptS(BenchmarkContract):
    """Choices, depths and codes as long as those of real bundles."""

    def benchmark(self):
        return _made(spaces.get("gpt-s"))


class TestOtherModels(BenchmarkContract):
    """A bundle in which no model is a table: every kind of predictor is a cell."""

    def benchmark(self):
        return _others()


class TestMixed(BenchmarkContract):
    """Tables and other models side by side."""

    def benchmark(self):
        bundle, others = made_bundle(), _others().bundle
        models = {cell.name: cell for cell in others.cells if cell.devices != ("gpu-one",)}
        cells = [models.get(cell.name, cell) for cell in bundle.cells]
        return Benchmark(replace(bundle, cells=tuple(cells)))


class TestShipped(BenchmarkContract):
    @pytest.fixture(params=["gpt-s", "gpt-l"], autouse=True)
    def _name(self, request):
        self.name = request.param

    def benchmark(self):
        return _shipped(self.name)


class TestWithoutLayers(BenchmarkContract):
    """Spaces of other kinds have no layers, and no GPT formulas."""

    def benchmark(self):
        space = Space("flat", (Choice("width", (1, 2, 4)), Choice("kind", ("a", "b"))))
        bundle = made_bundle()
        cells = [
            replace(
                cell,
                model=_table(space, cell.model),
                uncertainty=replace(cell.uncertainty, group=np.arange(6) % 2),
            )
            for cell in bundle.cells
            if isinstance(cell.model, LayerwisePredictor) and cell.uncertainty is not None
        ]
        return Benchmark(replace(bundle, space=space, cells=tuple(cells)))


def _table(space, model):
    return type(model)(space, model.link, model.base[:6], np.zeros((6, 0, 2)))


_shipped = cache(load)


@cache
def _made(space=None):
    return Benchmark(made_bundle(space))


@cache
def _others():
    """Every kind of predictor, in turn, in place of the tables."""
    bundle = made_bundle()
    space = bundle.space
    codes = space.sample_codes(200, np.random.default_rng(1))
    y = additive_metric(space, codes)
    models = {}
    for estimator in (
        surrogates.XGBoost(space, n_trees=8, random_state=0),
        surrogates.MLP(space, steps=200, random_state=0),
        surrogates.Ensemble(surrogates.XGBoost(space, n_trees=4), random_state=0),
        surrogates.ResidualConformal(surrogates.XGBoost(space, n_trees=4), random_state=0),
        surrogates.QuantileConformal(surrogates.XGBoostQuantiles(space), random_state=0),
        surrogates.XGBoostQuantiles(space, random_state=0),
    ):
        predictor = estimator.fit(codes, y).predictor()
        models[predictor.kind] = unpack(*pack(predictor), space=space)
    cells, left = [], list(models.values())
    for cell in bundle.cells:
        if cell.exact:
            cells.append(cell)
            continue
        cells.append(replace(cell, model=left[0]))
        left = [*left[1:], left[0]]
    assert set(models) | {"layerwise"} == set(PREDICTORS)
    return Benchmark(replace(bundle, cells=tuple(cells)))
