"""From tables to bundles without the command line: order, what is kept, and what it tells."""

from dataclasses import replace

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark import Benchmark
from hwbench.benchmark.fitting import bundles_of, fit_tables
from hwbench.errors import DataError, SchemaError
from hwbench.testing.surrogates import additive_metric
from tests.surrogates.fitting.made import table

RECIPE = """
folds = 3
[estimators.layers]
kind = "layerwise"
structure = "layers"
[metrics.latency_s]
candidates = ["layers"]
[bundle]
licence = "MIT"
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def tables():
    """Two devices of one space, then a larger table of another; the sum of layers, 2 % noise."""
    return [
        table(spaces.get("gpt-s"), 400, device="v100"),
        table(spaces.get("gpt-s"), 300, device="a100"),
        table(spaces.get("gpt-m"), 500, device="a100"),
    ]


def names_of(fitted):
    return [(one.table.space, one.table.device) for one in fitted]


def test_a_layerwise_truth_is_found_again(tables, recipe, tmp_path):
    """The tables are a sum over layers times noise of 2 %, so predictions come closer than that;
    told are the largest first, in the order of the tables they come back.
    """
    told = []
    fitted = fit_tables(
        tables, recipe, store=tmp_path / "store", progress=lambda *one: told.append(one)
    )
    assert names_of(fitted) == [("gpt-s", "v100"), ("gpt-s", "a100"), ("gpt-m", "a100")]
    assert [(done, total) for done, total, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert names_of(one for _, _, one in told) == [
        ("gpt-m", "a100"),
        ("gpt-s", "v100"),
        ("gpt-s", "a100"),
    ]
    bundles = bundles_of(fitted, recipe)
    assert {space: (made.name, made.licence) for space, made in bundles.items()} == {
        "gpt-s": ("gpt-s", "MIT"),
        "gpt-m": ("gpt-m", "MIT"),
    }
    for space, made in bundles.items():
        codes = made.space.sample_codes(200, np.random.default_rng(7))
        truth = additive_metric(spaces.get(space), codes)
        for device in (one.name for one in made.devices):
            found = Benchmark(made).predict(codes, "latency_s", device)
            assert np.median(np.abs(found / truth - 1.0)) < 0.02


def test_processes_give_what_one_gives(tables, recipe, tmp_path):
    codes = spaces.get("gpt-s").sample_codes(20, np.random.default_rng(0))
    here, there = (
        fit_tables(tables[:2], recipe, store=tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2)
    )
    assert names_of(here) == names_of(there)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.predictor.predict(codes), other.predictor.predict(codes))


def test_what_is_fitted_is_not_fitted_again(tables, recipe, tmp_path):
    """The seconds a fit took are in its figures: they come back, unless the rows have changed."""
    store = tmp_path / "store"
    first = fit_tables(tables[:2], recipe, store=store)
    path = store / "gpt-s.latency_s.a100.made.npz"
    written = path.stat().st_mtime_ns
    other = replace(tables[0], repeats=2.0 * tables[0].repeats)
    second = fit_tables([other, tables[1]], recipe, store=store)
    assert path.stat().st_mtime_ns == written
    assert second[1].figures == first[1].figures
    codes = tables[0].codes[:5]
    twice = second[0].predictor.predict(codes) / first[0].predictor.predict(codes)
    np.testing.assert_allclose(twice, 2.0, rtol=1e-6)


def test_rivals_can_be_left_out(tables, recipe, tmp_path):
    candidates = 'candidates = ["layers"]'
    text = RECIPE.replace(candidates, candidates + '\nrivals = ["counts"]')
    recipe.write_text(text + '[estimators.counts]\nkind = "layerwise"\nstructure = "counts"\n')
    (scored,) = fit_tables(tables[:1], recipe, store=tmp_path / "a")
    (alone,) = fit_tables(tables[:1], recipe, store=tmp_path / "b", rivals=False)
    assert set(scored.figures["architectures"]) == {"layers", "counts"}
    assert set(alone.figures["architectures"]) == {"layers"}


def test_a_name_is_for_one_space(tables, recipe, tmp_path):
    fitted = fit_tables(tables, recipe, store=tmp_path / "store")
    assert bundles_of(fitted[:2], recipe, name="mine")["gpt-s"].name == "mine"
    with pytest.raises(DataError, match="one name needs cells of one space, got gpt-s, gpt-m"):
        bundles_of(fitted, recipe, name="mine")


def test_mistakes_show_before_the_fit(tables, recipe, tmp_path):
    store = tmp_path / "store"
    energy = table(spaces.get("gpt-s"), 30, metric="energy_j")
    with pytest.raises(DataError, match="the recipe has no plan for energy_j in gpt-s"):
        fit_tables([tables[0], energy], recipe, store=store)
    with pytest.raises(SchemaError, match=r"latency_s\.v100 was measured under several protocols"):
        fit_tables([tables[0], tables[0]], recipe, store=store)
    assert not store.exists()


def test_nothing_comes_of_nothing(recipe, tmp_path):
    assert fit_tables([], recipe, store=tmp_path) == []
    assert bundles_of([], recipe) == {}
