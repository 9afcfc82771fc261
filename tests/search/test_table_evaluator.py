from dataclasses import replace

import numpy as np
import pytest

from hwbench.data.table import Table
from hwbench.errors import DataError, SpaceError
from hwbench.search import Among, BenchmarkEvaluator, Problem, ProblemError, TableEvaluator, run
from hwbench.testing.bundles import made_protocol
from hwbench.testing.search import EvaluatorContract

N = 400


def made_table(bench, metric, device=None, *, seed=0):
    """Three repeats around the benchmark's own predictions."""
    codes = np.unique(bench.space.sample_codes(N, np.random.default_rng(0)), axis=0)
    noise = np.random.default_rng(seed).lognormal(0.0, 0.01, size=(len(codes), 3))
    values = bench.predict(codes, metric, device)[:, None] * noise
    order = np.arange(len(codes))
    return Table(
        bench.space.name, device, metric, made_protocol(metric), codes, order, order, values, "made"
    )


@pytest.fixture(scope="module")
def tables(bench):
    return [
        made_table(bench, "perplexity", seed=1),
        made_table(bench, "latency_s", "gpu-one", seed=2),
        made_table(bench, "latency_s", "gpu-two", seed=3),
    ]


@pytest.fixture(scope="module")
def on_table(tables, problem):
    return TableEvaluator(tables, problem)


class TestTableEvaluator(EvaluatorContract):
    @pytest.fixture(autouse=True)
    def _keep(self, on_table):
        self.made = on_table

    def evaluator(self):
        return self.made

    def codes(self):
        return self.made.codes[:30]


class TestAmong(TestTableEvaluator):
    @pytest.fixture(autouse=True)
    def _keep(self, on_table):
        self.made = Among(on_table, on_table.codes)


def test_values_are_medians_of_the_repeats(on_table, tables):
    codes = tables[0].codes[[5, 3, 5]]
    found = on_table.evaluate(codes).values
    np.testing.assert_array_equal(
        found["perplexity"], np.median(tables[0].repeats, axis=1)[[5, 3, 5]]
    )
    np.testing.assert_array_equal(
        found["latency_s@gpu-one"], np.median(tables[1].repeats, axis=1)[[5, 3, 5]]
    )


def test_limits_hold_with_a_margin(bench, tables):
    measured = tables[1].center()
    bound = float(np.median(measured))
    problem = Problem.parse(
        bench, minimize=["perplexity"], max=[f"latency@gpu-one={bound!r}s"], margin=0.01
    )
    found = TableEvaluator(tables, problem).evaluate(tables[1].codes).violations
    np.testing.assert_allclose(found, np.maximum(1.01 * measured / bound - 1, 0), atol=1e-12)
    sure = Problem.parse(bench, minimize=["perplexity"], max=["params=1M"], confidence=0.9)
    with pytest.raises(ProblemError, match="margin"):
        TableEvaluator(tables, sure)


def test_what_was_not_measured_is_refused(bench, on_table, tables, problem):
    known = {row.tobytes() for row in on_table.codes}
    all_codes = bench.space.encode(list(bench.space.enumerate())[:3000])
    other = next(row for row in all_codes if row.tobytes() not in known)
    with pytest.raises(SpaceError, match="row 1"):
        on_table.evaluate(np.stack([on_table.codes[0], other]))
    with pytest.raises(DataError, match=r"needs one table of latency_s@gpu-one"):
        TableEvaluator(tables[:1], problem)
    few = [tables[0].select(np.arange(9)), tables[1].select(np.arange(9, 20))]
    with pytest.raises(DataError, match="in all tables"):
        TableEvaluator(few, problem)
    with pytest.raises(ProblemError, match="another"):
        TableEvaluator([replace(t, space="another") for t in tables], problem)


@pytest.mark.parametrize("method", ["rs", "ls", "nsga2", "morea", "spos-es"])
def test_methods_search_a_table(on_table, problem, method):
    among = Among(on_table, on_table.codes)
    found = run(among, method, budget=150, seed=1)
    known = {row.tobytes() for row in on_table.codes}
    assert {row.tobytes() for row in found.codes} <= known
    assert len(found) >= 100


def test_the_whole_table_ends_the_run(on_table):
    few = on_table.codes[:20]
    found = run(Among(on_table, few), "rs", budget=1000)
    assert (len(found), found.stopped) == (20, "space")


def test_a_surrogate_can_be_searched_on_the_same_architectures(bench, problem, on_table):
    among = Among(BenchmarkEvaluator(bench, problem), on_table.codes)
    found = run(among, "nsga2", budget=200, settings={"population": 20})
    assert len(found.front())


def test_the_nearest_is_the_nearest(bench, on_table, rng):
    codes = bench.space.sample_codes(70, rng)
    found = Among(on_table, on_table.codes[:50]).nearest(codes)

    def far(a, b):
        return int((_spelled(bench, a) != _spelled(bench, b)).sum())

    for code, near in zip(codes[:10], found, strict=False):
        assert far(code, near) == min(far(code, other) for other in on_table.codes[:50])


def test_fixed_choices_leave_fewer(bench, tables):
    problem = Problem.parse(bench, minimize=["perplexity"], fix=["embed_dim=64", "mlp_ratio=1,2"])
    inner = TableEvaluator(tables, problem)
    among = Among(inner, inner.codes)
    assert 0 < among.size < len(inner.codes)
    found = run(among, "nsga2", budget=10)
    assert set(bench.space.values(found.codes, "embed_dim").tolist()) == {64}
    none = Problem.parse(bench, minimize=["perplexity"], fix=["embed_dim=64"])
    inner = TableEvaluator(tables, none)
    wide = inner.codes[bench.space.values(inner.codes, "embed_dim") == 128]
    with pytest.raises(ProblemError, match="fits"):
        Among(inner, wide)


def _spelled(bench, code):
    """Index of each choice, "absent" where the network has none."""
    return np.where(bench.space.active(code), code.astype(object), "absent")
