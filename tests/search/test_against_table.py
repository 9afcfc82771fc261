"""Searches on a table and on its surrogate."""

import numpy as np
import pytest

from hwbench.data.table import Table
from hwbench.search.study.against_table import WAYS, compare_table
from hwbench.testing.bundles import made_protocol


def made_table(bench, metric, device, *, noise):
    codes = np.unique(bench.space.sample_codes(300, np.random.default_rng(0)), axis=0)
    factors = np.random.default_rng(len(metric)).lognormal(0.0, noise, size=(len(codes), 1))
    order = np.arange(len(codes))
    values = bench.predict(codes, metric, device)[:, None] * factors
    return Table(
        bench.space.name, device, metric, made_protocol(metric), codes, order, order, values, "made"
    )


def compared(bench, problem, noise):
    places = [("perplexity", None), ("latency_s", "gpu-one")]
    tables = [made_table(bench, *place, noise=noise) for place in places]
    methods = ["rs", "nsga2", "morea"]
    return compare_table(tables, bench, problem, methods=methods, budget=60, seeds=[0, 1])


def test_a_perfect_surrogate_has_no_gap(bench, problem):
    found = compared(bench, problem, 0.0)
    assert [found.gap(method) for method in found.curves] == pytest.approx([0.0] * 3)
    assert found.agreement() == pytest.approx(1.0)


def test_a_poor_surrogate_shows(bench, problem):
    found = compared(bench, problem, 0.3)
    assert max(found.gap(method) for method in found.curves) > 0.01
    record = found.to_dict()
    assert set(record["methods"]["rs"]) == {"gap", *WAYS}
    for ways in found.curves.values():
        for curves in ways.values():
            assert curves.shape == (2, len(found.at))
            assert ((curves >= 0) & (curves <= 1 + 1e-12)).all()
            assert (np.diff(curves, axis=1) >= 0).all()


def test_random_search_sees_the_same_architectures_either_way(bench, problem):
    curves = compared(bench, problem, 0.3).curves["rs"]
    np.testing.assert_allclose(curves[WAYS[0]], curves[WAYS[2]])
