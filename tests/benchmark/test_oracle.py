"""Answers against a calculation by hand, and against plain loops over the tables."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.benchmark import Benchmark, Bundle, Cell, Device
from hwbench.errors import DataError
from hwbench.spaces import Choice, Space
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor
from hwbench.surrogates.uncertainty import LEVELS, Uncertainty
from hwbench.testing.bundles import made_bundle, made_protocol

# Two widths, one or two layers, two ratios a layer: C = 4 combinations, Q = 3 slots.
SPACE = Space(
    "hand",
    (Choice("width", (8, 16)), Choice("depth", (1, 2))),
    (Choice("ratio", (1, 2)),),
    depth="depth",
)


def hand_tables(link):
    """Score = 10 (width index) + depth index + sum of ratios x layer number + ratio product / 2."""
    base = np.array([0.0, 1.0, 10.0, 11.0])
    unary = np.zeros((4, 2, 3))
    unary[:, 0] = [1.0, 2.0, 0.0]
    unary[:, 1] = [2.0, 4.0, 0.0]
    chain = np.zeros((1, 1, 3, 3))
    chain[0, 0, :2, :2] = [[0.5, 1.0], [1.0, 2.0]]
    group = np.zeros(4, dtype=np.int64)
    return LayerwisePredictor(SPACE, link, base, unary, chain, group)


def hand_benchmark(link="identity", metric="latency_s", scale=1.0):
    """One metric of one device whose 90 % interval is from half to twice the value."""
    line = np.interp(LEVELS, [0.0, 0.05, 0.95, 1.0], np.log([0.25, 0.5, 2.0, 4.0]))
    uncertainty = Uncertainty(
        group=np.zeros(4, dtype=np.int64),
        total=line[None],
        visit=line[None],
        session=np.zeros_like(line),
        repeat=np.zeros_like(line),
        parts={"model": 0.1, "session": 0.0, "repeat": 0.0},
    )
    tables = hand_tables(link)
    tables = replace(tables, base=tables.base * scale, unary=tables.unary * scale)
    device = None if metric in ("perplexity", "accuracy") else ("abacus",)
    cell = Cell("one", metric, device, tables, uncertainty, made_protocol(metric))
    devices = (Device("abacus", "Abacus", "cpu", "fp32"),)
    return Benchmark(Bundle("hand", SPACE, devices, (cell,), "2026-01-31", "0", {}, "", ""))


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("hand:width=8:depth=1:ratio=1", 0 + 0 + 1),
        ("hand:width=8:depth=1:ratio=2", 0 + 0 + 2),
        ("hand:width=16:depth=1:ratio=2", 10 + 0 + 2),
        ("hand:width=8:depth=2:ratio=1,1", 0 + 1 + 1 + 2 + 0.5),
        ("hand:width=16:depth=2:ratio=2,1", 10 + 1 + 2 + 2 + 1),
        ("hand:width=16:depth=2:ratio=2,2", 10 + 1 + 2 + 4 + 2),
    ],
)
def test_by_hand(text, score):
    found = hand_benchmark().query(text, "abacus")
    assert found == pytest.approx(
        {"latency_s": score, "latency_s_lower": score / 2, "latency_s_upper": score * 2}
    )
    logarithmic = hand_benchmark("log").query(text, "abacus", interval=None)
    assert logarithmic == pytest.approx({"latency_s": math.exp(score)})
    code = SPACE.encode([SPACE.parse(text)])
    assert hand_benchmark().predict(code, "latency", "abacus") == pytest.approx([score])


def test_what_cannot_be_is_cut_off():
    text = "hand:width=8:depth=2:ratio=1,1"  # 0 + 1 + 1 + 2, scaled, plus 0.5
    share = hand_benchmark(metric="accuracy", scale=0.1).query(text)
    assert share["accuracy"] == pytest.approx(0.9)
    assert (share["accuracy_lower"], share["accuracy_upper"]) == (pytest.approx(0.45), 1.0)
    perplexity = hand_benchmark(metric="perplexity", scale=0.3).query(text)
    assert perplexity["perplexity"] == pytest.approx(1.7)
    assert (perplexity["perplexity_lower"], perplexity["perplexity_upper"]) == (1.0, 3.4)
    below = hand_benchmark(scale=-1.0)
    assert set(below.query(text, "abacus").values()) == {0.0}
    code = SPACE.encode([SPACE.parse(text)])
    assert below.predict(code, "latency_s", "abacus").tolist() == [0.0]


def test_visits_that_were_measured_by_hand():
    """Limits of half and twice the value for a new visit, 1/1.25 and 1.25 in those measured."""
    bench = hand_benchmark()
    cell = bench.bundle.cells[0]
    assert cell.uncertainty is not None
    narrow = np.interp(LEVELS, [0.0, 0.05, 0.95, 1.0], np.log([0.5, 0.8, 1.25, 2.0]))
    parts = replace(cell.uncertainty, total=narrow[None])
    bench = Benchmark(replace(bench.bundle, cells=(replace(cell, uncertainty=parts),)))
    text = "hand:width=8:depth=1:ratio=2"  # 2
    code = SPACE.encode([SPACE.parse(text)])
    for visit, limits in (("measured", [1.6, 2.5]), ("new", [1.0, 4.0]), ("measured", [1.6, 2.5])):
        expected = pytest.approx([2.0, *limits])
        assert list(bench.query(text, "abacus", visit=visit).values()) == expected
        assert list(bench.query_devices(text, visit=visit)["abacus"].values()) == expected
        assert bench.query_many(code, visit=visit).iloc[0, 2:].tolist() == expected
        lower, upper = bench.bounds(code, "latency", "abacus", visit=visit)
        assert [lower[0], upper[0]] == pytest.approx(limits)
    with pytest.raises(DataError, match="visit must be one of new, measured, got 'old'"):
        bench.query(text, "abacus", visit="old")


def test_tables_hold_counts_as_integers(rng):
    bench = Benchmark(made_bundle())
    codes = bench.space.sample_codes(4, rng)
    table = bench.query_many(codes)
    counts = ["params", "params_lower", "params_upper", "flops", "flops_lower", "flops_upper"]
    assert (table[counts].dtypes == np.int64).all()
    whole = np.repeat(bench.predict(codes, "params"), len(bench.devices))
    np.testing.assert_array_equal(table["params"], whole)
    assert table["perplexity"].dtype == np.float64


def test_noise_by_hand():
    """A repeat noise that always doubles: the value doubles, its limits stay."""
    bench = hand_benchmark()
    cell = bench.bundle.cells[0]
    assert cell.uncertainty is not None
    always = replace(cell.uncertainty, repeat=np.full(len(LEVELS), math.log(2.0)))
    bench = Benchmark(replace(bench.bundle, cells=(replace(cell, uncertainty=always),)))
    rng = np.random.default_rng(0)
    found = bench.query("hand:width=8:depth=1:ratio=2", "abacus", noise="repeat", rng=rng)
    assert list(found.values()) == pytest.approx([4.0, 1.0, 4.0])
    codes = SPACE.sample_codes(5, rng)
    table = bench.query_many(codes, noise="session", rng=rng)
    np.testing.assert_allclose(table["latency_s"], 2 * bench.predict(codes, "latency_s", "abacus"))
    np.testing.assert_allclose(
        table["latency_s_upper"], 2 * bench.predict(codes, "latency_s", "abacus")
    )


def loop(tables, arch):
    """Look every term up one by one, from the values of the architecture."""
    space = tables.space

    def mixed(choices, pick):
        number = 0
        for choice in choices:
            number = number * len(choice.values) + choice.values.index(pick(choice))
        return number

    c = mixed(space.shared, lambda choice: arch[choice.name])
    depth = arch[space.depth]
    p = [mixed(space.layered, lambda choice, i=i: arch[choice.name][i]) for i in range(depth)]
    score = tables.base[c] + sum(tables.unary[c, i, p[i]] for i in range(depth))
    if tables.has_chain:
        group = tables.chain_group[c]
        score += sum(tables.chain[group, i, p[i], p[i + 1]] for i in range(depth - 1))
    if tables.has_rest:
        group = tables.rest_group[c]
        for k, (i, j) in enumerate(tables.rest_pairs.tolist()):
            if i < depth and j < depth:
                score += tables.rest[group, k, p[i], p[j]]
    return math.exp(score) if tables.link == "log" else score


@given(seed=st.integers(0, 1000), draw=st.integers(0, 2**32))
def test_against_loops(seed, draw):
    bench = Benchmark(made_bundle(seed=seed))
    arch = bench.space.sample(np.random.default_rng(draw))
    answers = bench.query_devices(arch, interval=None)
    codes = np.repeat(bench.space.encode([arch]), 3, axis=0)
    for cell in bench.bundle.cells:
        if isinstance(cell.model, LayerwisePredictor):
            expected = loop(cell.model, arch)
            for device in cell.devices or bench.devices:
                assert answers[device][cell.metric] == pytest.approx(expected, rel=1e-12)
            device = None if cell.devices is None else cell.devices[0]
            assert bench.predict(codes, cell.metric, device) == pytest.approx(
                [expected] * 3, rel=1e-12
            )


def test_batches_longer_than_a_block(made):
    codes = made.space.sample_codes(10_000, np.random.default_rng(0))
    model = made.cell("perplexity").model
    np.testing.assert_allclose(made.predict(codes, "perplexity"), model.predict(codes), rtol=1e-12)
