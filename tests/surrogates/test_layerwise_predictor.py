"""Layer-wise tables: the contract, and every term looked up by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import BundleError
from hwbench.surrogates import pack, unpack
from hwbench.surrogates.layerwise_predictor import (
    LayerwisePredictor,
    layer_index,
    n_combinations,
)
from hwbench.testing.surrogates import PredictorContract
from tests.surrogates.made import made_space, small_spaces, tables_of


class TablesContract(PredictorContract):
    link, chain, rest = "log", False, False

    def predictor(self):
        rng = np.random.default_rng(1)
        return tables_of(self.space(), rng, link=self.link, chain=self.chain, rest=self.rest)


class TestTables(TablesContract):
    pass


class TestChain(TablesContract):
    link, chain = "identity", True


class TestChainAndRest(TablesContract):
    chain, rest = True, True


class TestRestAlone(TablesContract):
    link, rest = "identity", True


def by_hand(tables, architecture, space):
    """Sum up one architecture: which combination, which slot, term by term."""
    shared = list(product(*(choice.values for choice in space.shared)))
    kinds = list(product(*(choice.values for choice in space.layered)))
    c = shared.index(tuple(architecture[choice.name] for choice in space.shared))
    layers = zip(*(architecture[choice.name] for choice in space.layered), strict=True)
    p = [kinds.index(kind) for kind in layers]
    total = tables.base[c] + sum(tables.unary[c, i, kind] for i, kind in enumerate(p))
    if tables.has_chain:
        table = tables.chain[tables.chain_group[c]]
        total += sum(table[i, p[i], p[i + 1]] for i in range(len(p) - 1))
    if tables.has_rest:
        table = tables.rest[tables.rest_group[c]]
        for k, (i, j) in enumerate(tables.rest_pairs):
            if i < len(p) and j < len(p):
                total += table[k, p[i], p[j]]
    return np.exp(total) if tables.link == "log" else total


@given(small_spaces(), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_sums_by_hand(space, seed, chain, rest):
    rng = np.random.default_rng(seed)
    link = ("log", "identity")[seed % 2]
    tables = tables_of(space, rng, link=link, chain=chain, rest=rest)
    architectures = [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(6))]
    expected = [by_hand(tables, architecture, space) for architecture in architectures]
    predicted = tables.predict(space.encode(architectures))
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)


def test_index_by_hand():
    """Widths x depths x bias: (128, 3, True) is 1 * 6 + 1 * 2 + 1; (4, 2) is kind 2 * 2 + 0."""
    space = made_space()
    arch = space.parse("made:width=128:depth=3:bias=true:ratio=4,1,2:heads=2,4,4")
    c, p = layer_index(space, space.encode([arch]))
    assert n_combinations(space) == (12, 6)
    assert c.tolist() == [9]
    assert p.tolist() == [[4, 1, 3, 6]]  # the fourth layer is absent: slot P


@given(small_spaces())
def test_combinations_are_numbered_without_gaps(space):
    combinations, choices = n_combinations(space)
    codes = space.sample_codes(300, np.random.default_rng(0))
    c, p = layer_index(space, codes)
    assert 0 <= c.min() <= c.max() < combinations
    np.testing.assert_array_equal((p < choices).sum(axis=1), space.depths(codes))


def test_an_absent_layer_counts_nothing():
    """Adding layers of table 0 changes nothing, whatever the absent slot's neighbours hold."""
    space = made_space()
    tables = tables_of(space, np.random.default_rng(0), link="identity", chain=True, rest=True)
    base, unary = np.ones(12), tables.unary.copy()
    unary[:, 2:] = 0.0
    chain, rest = tables.chain.copy(), np.zeros_like(tables.rest)
    chain[:, 1:] = 0.0
    flat = replace(
        tables, base=base, unary=unary[[0] * 12], chain=chain[[0]], rest=rest,
        chain_group=np.zeros(12, dtype=np.int64),
    )  # fmt: skip
    texts = [
        "made:width=64:depth=2:bias=false:ratio=4,1:heads=2,4",
        "made:width=64:depth=4:bias=false:ratio=4,1,2,2:heads=2,4,4,2",
    ]
    short, long = flat.predict(space.encode([space.parse(text) for text in texts]))
    assert short == long


def whole():
    return tables_of(made_space(), np.random.default_rng(3), chain=True, rest=True)


def changed(name, index, value):
    tables = whole()
    array = getattr(tables, name).copy()
    array[index] = value
    return replace(tables, **{name: array})


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("unary", (0, 0, -1), 1.0, "an absent layer must count 0"),
        ("chain", (0, 0, -1, 0), 1.0, "chain must be 0 for an absent layer"),
        ("chain", (0, 0, 0, -1), 1.0, "chain must be 0 for an absent layer"),
        ("rest", (0, 0, 0, -1), 1.0, "rest must be 0 for an absent layer"),
        ("unary", (0, 0, 0), np.nan, "finite"),
        ("base", 0, np.inf, "finite"),
        ("chain", (0, 0, 0, 0), np.nan, "finite"),
        ("chain_group", 0, 2, "chain_group needs 12 numbers below 2"),
        ("rest_group", 0, -1, "rest_group needs 12 numbers below 2"),
        ("rest_pairs", (0, 0), 4, "layers 0 to 3"),
        ("rest_pairs", (0, 0), -1, "layers 0 to 3"),
    ],
)
def test_wrong_entries_are_refused(name, index, value, message):
    with pytest.raises(BundleError, match=message):
        changed(name, index, value)


@pytest.mark.parametrize(
    "name", ["base", "unary", "chain", "rest", "chain_group", "rest_group", "rest_pairs"]
)
def test_wrong_shapes_are_refused(name):
    tables = whole()
    short = getattr(tables, name)[..., :-1]
    with pytest.raises(BundleError, match="layer-wise tables"):
        replace(tables, **{name: short})


def test_states_of_another_space_or_link_are_refused():
    arrays, document = pack(whole())
    with pytest.raises(BundleError, match="base needs shape"):
        LayerwisePredictor.from_state(made_space(widths=(64,)), arrays, {"link": "log"})
    with pytest.raises(BundleError, match="need a space"):
        LayerwisePredictor.from_state(None, arrays, {"link": "log"})
    with pytest.raises(BundleError, match="'identity' or 'log', got 'sqrt'"):
        unpack(arrays, {**document, "settings": {"link": "sqrt"}}, space=made_space())


def test_a_chain_without_its_tables_is_refused():
    """Half a chain must not load as tables without one."""
    arrays, document = pack(whole())
    del arrays["chain"]
    with pytest.raises(BundleError, match="chain"):
        unpack(arrays, document, space=made_space())
