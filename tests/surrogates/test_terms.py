"""Terms: features times coefficients are sums of table entries, for any codes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dct

from hwbench.surrogates.layerwise_predictor import layer_index, n_combinations
from hwbench.surrogates.structures import STRUCTURES, build_terms, splits_by_first
from hwbench.surrogates.tabulate import predictor_of
from hwbench.surrogates.terms import (
    Tables,
    contrasts,
    cosines,
    layer_contrasts,
    shared_contrasts,
    shared_indicator,
)
from tests.surrogates.made import made_space, small_spaces


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_contrasts_are_orthonormal_and_sum_to_zero(n):
    table = contrasts(n)
    assert table.shape == (n, n - 1)
    np.testing.assert_allclose(table.T @ table, np.eye(n - 1), atol=1e-12)
    np.testing.assert_allclose(table.sum(axis=0), 0.0, atol=1e-12)


def test_contrasts_of_three_and_four_by_hand():
    """The tables of orthogonal polynomials in any book on experiments (Fisher & Yates)."""
    linear, quadratic = np.array([-1, 0, 1]) / math.sqrt(2), np.array([1, -2, 1]) / math.sqrt(6)
    np.testing.assert_allclose(contrasts(3), np.stack([linear, quadratic], axis=1), atol=1e-12)
    four = [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]]
    expected = np.array([np.array(row) / np.linalg.norm(row) for row in four]).T
    np.testing.assert_allclose(contrasts(4), expected, atol=1e-12)


@pytest.mark.parametrize(("length", "n"), [(1, 1), (5, 3), (12, 10), (12, 12)])
def test_cosines_are_the_discrete_cosine_transform(length, n):
    expected = dct(np.eye(length), axis=0)[:n].T / 2.0
    np.testing.assert_allclose(cosines(length, n), expected, atol=1e-12)


def test_contrasts_of_a_layer():
    """Ratios (3 values) and heads (2): 2 + 1 main effects, 2 x 1 products, absent: 0."""
    main, products = layer_contrasts(made_space())
    ratio, heads = contrasts(3), contrasts(2)
    assert (main.shape, products.shape) == ((7, 3), (7, 2))
    for kind, (r, h) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]):
        np.testing.assert_allclose(main[kind], [*ratio[r], *heads[h]], atol=1e-12)
        np.testing.assert_allclose(products[kind], ratio[r] * heads[h], atol=1e-12)
    assert not main[-1].any()
    assert not products[-1].any()


@given(small_spaces())
def test_contrasts_of_a_layer_span_all_its_kinds(space):
    """Main effects and products are a basis of everything but the mean, and orthogonal."""
    both = np.concatenate(layer_contrasts(space), axis=1)
    kinds = n_combinations(space)[1]
    assert both.shape == (kinds + 1, kinds - 1)
    gram = both.T @ both
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-10)
    assert (np.diag(gram) > 0).all()
    np.testing.assert_allclose(both.sum(axis=0), 0.0, atol=1e-10)


@given(small_spaces())
def test_shared_tables_say_the_value_of_their_choice(space):
    codes = space.sample_codes(40, np.random.default_rng(0))
    c, _ = layer_index(space, codes)
    for column, choice in enumerate(space.shared):
        index = codes[:, column]
        indicator = shared_indicator(space, choice.name)
        np.testing.assert_array_equal(indicator[c].argmax(axis=1), index)
        np.testing.assert_array_equal(indicator.sum(axis=1), 1.0)
        expected = contrasts(len(choice))[index]
        np.testing.assert_allclose(shared_contrasts(space, choice.name)[c], expected)


def summed(tables, c, p):
    """Sum the entries of tables in plain loops, in float64."""
    scores = []
    for combination, kinds in zip(c, p, strict=True):
        total = tables.base[combination]
        for layer, kind in enumerate(kinds):
            total += tables.unary[combination, layer, kind]
        for (i, j), table in tables.pairs.items():
            total += table[combination, kinds[i], kinds[j]]
        scores.append(total)
    return np.array(scores)


@given(small_spaces(), st.sampled_from(STRUCTURES), st.integers(0, 2**32 - 1))
def test_features_times_coefficients_are_table_sums(space, structure, seed):
    """The identity that makes the fit and the tables one model; so for each term, and for all."""
    rng = np.random.default_rng(seed)
    mask = (rng.random(n_combinations(space)[0]) < 0.7).astype(float)
    mask[0] = 1.0
    codes = space.sample_codes(12, rng)
    c, p = layer_index(space, codes)
    together, expected = Tables.empty(space), np.zeros(len(codes))
    for term in build_terms(space, structure, mask):
        features = term.features(c, p)
        coefficients = rng.normal(size=features.shape[1])
        alone = Tables.empty(space)
        for tables in (alone, together):
            term.expand(coefficients, tables)
        expected += features @ coefficients
        np.testing.assert_allclose(summed(alone, c, p), features @ coefficients, atol=1e-9)
    np.testing.assert_allclose(summed(together, c, p), expected, atol=1e-9)
    predictor = predictor_of(space, together, link="identity")
    np.testing.assert_allclose(predictor.predict(codes), expected, rtol=1e-5, atol=1e-4)


@given(small_spaces())
def test_a_part_leaves_the_other_combinations_alone(space):
    """What is fitted for one width writes nothing into the tables of another."""
    if len(space.shared[0]) == 1:
        return
    mask = shared_indicator(space, space.shared[0].name)[:, 0]
    rng, tables = np.random.default_rng(0), Tables.empty(space)
    codes = space.sample_codes(5, rng)
    for term in build_terms(space, "pairs", mask):
        term.expand(rng.normal(size=term.features(*layer_index(space, codes)).shape[1]), tables)
    others = mask == 0
    assert not tables.base[others].any()
    assert not tables.unary[others].any()
    assert not any(table[others].any() for table in tables.pairs.values())


def test_structures_grow():
    """Each structure has the terms of the one before; only pairs reach beyond neighbours."""
    space = made_space()
    mask = np.ones(n_combinations(space)[0])
    names = {s: [term.name for term in build_terms(space, s, mask)] for s in STRUCTURES}
    for less, more in (("counts", "layers"), ("layers", "chain"), ("chain", "pairs")):
        assert names[less] == names[more][: len(names[less])]
        assert len(names[less]) < len(names[more])
    assert names["pairs"][-2:] == ["distance 2", "distance 3"]
    assert [s for s in STRUCTURES if not splits_by_first(s)] == ["smooth"]


def test_equal_pair_tables_are_held_once():
    """Two widths with tables of their own: two groups for twelve combinations."""
    space, rng = made_space(), np.random.default_rng(0)
    tables = Tables.empty(space)
    for column in shared_indicator(space, "width").T:
        for term in build_terms(space, "pairs", column):
            size = term.features(*layer_index(space, space.encode([space.smallest()]))).shape[1]
            term.expand(rng.normal(size=size), tables)
    predictor = predictor_of(space, tables, link="log")
    assert predictor.chain.shape == (2, 3, 7, 7)
    assert predictor.rest.shape == (2, 3, 7, 7)
    assert predictor.rest_pairs.tolist() == [[0, 2], [0, 3], [1, 3]]
    assert len(set(predictor.chain_group[:6])) == len(set(predictor.chain_group[6:])) == 1
