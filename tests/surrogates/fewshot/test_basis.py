"""Few-shot effects: what they predict is what their tables say, and counts of layers are enough."""

import numpy as np
import pytest
from hypothesis import given, settings

from hwbench import spaces
from hwbench.errors import DataError
from hwbench.spaces import Choice, Space
from hwbench.surrogates.fewshot.basis import Basis
from tests.surrogates.made import made_space, small_spaces


@settings(max_examples=25, deadline=None)
@given(small_spaces())
def test_tables_predict_features_times_effects(space):
    rng = np.random.default_rng(0)
    basis, codes = Basis.of(space), space.sample_codes(30, rng)
    features = basis.features(codes)
    effects = rng.normal(size=features.shape[1])
    expected = features @ effects
    assert np.allclose(basis.predictor(effects).predict(codes), expected, atol=1e-4)
    assert len(basis.block) == features.shape[1]


def test_the_order_of_layers_plays_no_part():
    space = made_space()
    codes = space.sample_codes(50, np.random.default_rng(1))
    layout = space.layout
    turned = codes.copy()
    for row, depth in zip(turned, np.asarray([2, 3, 4])[codes[:, 1]], strict=True):
        for number in range(len(space.layered)):
            start = layout.block(number).start
            row[start : start + depth] = row[start : start + depth][::-1]
    basis = Basis.of(space)
    assert np.allclose(basis.features(codes), basis.features(turned))


def test_parameters_of_a_gpt_are_a_sum_of_effects():
    from hwbench.spaces import gpt_costs

    space = spaces.get("gpt-s")
    codes = space.sample_codes(300, np.random.default_rng(2))
    features, counts = Basis.of(space).features(codes), gpt_costs.params(space, codes)
    effects = np.linalg.lstsq(features, counts.astype(float), rcond=None)[0]
    assert np.allclose(features @ effects, counts, rtol=1e-9)


def test_a_space_without_layers_is_refused():
    with pytest.raises(DataError, match="layered"):
        Basis.of(Space("flat", (Choice("width", (1, 2)),), ()))
