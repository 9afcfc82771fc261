"""The numpy network: gradients against finite differences, the forward pass by hand."""

import numpy as np
import pytest

from hwbench.errors import DataError
from hwbench.surrogates.mlp import MLP
from hwbench.surrogates.mlp_predictor import Dense, forward
from hwbench.surrogates.mlp_training import Schedule, gradients, train


def test_forward_by_hand():
    layers = [
        Dense.of(np.array([[1.0, -1.0], [2.0, 0.5]]), np.array([0.0, 1.0])),
        Dense.of(np.array([[3.0], [10.0]]), np.array([-1.0])),
    ]
    # Row (1, 1): hidden (3, 0.5), output 9 + 5 - 1. Row (1, -1): hidden (0 from -1, 0 from -0.5).
    np.testing.assert_allclose(forward(layers, np.array([[1.0, 1.0], [1.0, -1.0]])), [13.0, -1.0])


def _loss(layers, x, y):
    for i, (weight, bias) in enumerate(layers):
        x = x @ weight + bias
        x = np.maximum(x, 0) if i < len(layers) - 1 else x
    return 0.5 * np.mean((x[:, 0] - y) ** 2)


def test_gradients_agree_with_finite_differences(rng):
    x, y = rng.normal(size=(7, 4)), rng.normal(size=7)
    layers = [
        (rng.normal(size=(4, 5)), rng.normal(size=5)),
        (rng.normal(size=(5, 3)), rng.normal(size=3)),
        (rng.normal(size=(3, 1)), rng.normal(size=1)),
    ]
    step = 1e-6
    for layer, found in zip(layers, gradients(layers, x, y), strict=True):
        for array, gradient in zip(layer, found, strict=True):
            assert gradient.shape == array.shape
            for index in np.ndindex(array.shape):
                kept = array[index]
                array[index] = kept + step
                above = _loss(layers, x, y)
                array[index] = kept - step
                below = _loss(layers, x, y)
                array[index] = kept
                slope = (above - below) / (2 * step)
                assert gradient[index] == pytest.approx(slope, abs=1e-7)


def test_linear_network_finds_the_line(rng):
    x = rng.normal(3.0, 5.0, size=(200, 2)).astype(np.float32)
    z = (x @ [0.2, -0.1] + 0.3).astype(np.float64)
    schedule = Schedule(steps=1400, batch_size=32, learning_rate=0.01, weight_decay=0.0)
    (layer,) = train(x, z, hidden=(), schedule=schedule, rng=rng)
    np.testing.assert_allclose(layer.weight[:, 0], [0.2, -0.1], atol=1e-4)
    np.testing.assert_allclose(layer.bias, [0.3], atol=1e-3)


def test_decay_shrinks_the_weights(rng):
    x = rng.normal(size=(100, 3)).astype(np.float32)
    sizes = []
    for decay in (0.0, 30.0):
        schedule = Schedule(steps=100, batch_size=20, learning_rate=0.01, weight_decay=decay)
        layers = train(x, x[:, 0], hidden=(8,), schedule=schedule, rng=np.random.default_rng(0))
        sizes.append(sum(float(np.abs(layer.weight).sum()) for layer in layers))
    assert sizes[1] < 0.5 * sizes[0]


def test_a_constant_feature_does_no_harm(rng):
    x = np.c_[rng.normal(size=50), np.ones(50)]
    model = MLP(steps=5, random_state=0).fit(x, x[:, 0])
    assert np.isfinite(model.predict(x)).all()


@pytest.mark.parametrize("settings", [{"steps": 0}, {"batch_size": 0}, {"hidden": (0,)}])
def test_settings_out_of_range(settings):
    with pytest.raises(DataError, match="1 or more"):
        MLP(**settings).fit([[0.0], [1.0]], [0.0, 1.0])
