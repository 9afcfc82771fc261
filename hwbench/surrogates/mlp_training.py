"""Train a small ReLU network with numpy: AdamW (Loshchilov & Hutter 2019) and a cosine schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import AnyArray, FloatArray
from hwbench.surrogates._types import Float32Array
from hwbench.surrogates.mlp_predictor import Dense

__all__ = [
    "Schedule",
    "gradients",
    "train",
]

_WARM_UP = 0.05  # share of the steps in which the learning rate rises
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8

Layer = tuple[NDArray[np.floating], NDArray[np.floating]]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        steps: Number of updates, however many rows there are.
        batch_size: Rows a step.
        learning_rate: Highest step size; falls to 0 along a cosine.
        weight_decay: Decoupled decay of the weights, biases excepted.
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float


def train(
    features: Float32Array,
    z: FloatArray,
    /,
    *,
    hidden: Sequence[int],
    schedule: Schedule,
    rng: np.random.Generator,
) -> tuple[Dense, ...]:
    """Fit a network to a standardised target by mean squared error.

    Args:
        features: `n x n_features`; standardised inside.
        z: `(n,)` target.
        hidden: Width of each hidden layer.
        schedule: How long and how fast.
        rng: Source of the first weights and of the order of rows.

    Returns:
        The layers, first to last, for the features as they came.
    """
    mean, scale = _moments(features)
    x = ((features - mean) / scale).astype(np.float32)
    y = z.astype(np.float32)
    flat, layers = _initial([features.shape[1], *hidden, 1], rng)
    decays = _decayed(layers)
    first, second = np.zeros_like(flat), np.zeros_like(flat)
    for step, rate, rows in _steps(len(y), schedule, rng):
        arrays = _flatten(gradients(layers, x[rows], y[rows]))
        gradient = np.concatenate([array.ravel() for array in arrays])
        first += (1 - _BETA1) * (gradient - first)
        second += (1 - _BETA2) * (gradient * gradient - second)
        update = first / (1 - _BETA1**step)
        update /= np.sqrt(second / (1 - _BETA2**step)) + _EPSILON
        flat -= np.float32(rate) * (update + np.float32(schedule.weight_decay) * decays * flat)
    return _unscaled(layers, mean, scale)


def gradients(layers: Sequence[Layer], x: AnyArray, y: AnyArray, /) -> list[Layer]:
    """Return the gradient of mean((network(x) - y)^2) / 2 for each weight matrix and bias.

    Args:
        layers: Weight matrices `n_in x n_out` and biases `(n_out,)`.
        x: `n x n_in` inputs.
        y: `(n,)` targets.
    """
    inputs = [x]
    for weight, bias in layers[:-1]:
        inputs.append(np.maximum(inputs[-1] @ weight + bias, 0))  # (n, n_out)
    weight, bias = layers[-1]
    delta = (inputs[-1] @ weight + bias - y[:, None]) / len(y)  # (n, 1)
    found: list[Layer] = []
    for (weight, _), given in zip(reversed(layers), reversed(inputs), strict=True):
        found.append((given.T @ delta, delta.sum(axis=0)))
        delta = (delta @ weight.T) * (given > 0)
    return found[::-1]


def _steps(
    n: int, schedule: Schedule, rng: np.random.Generator
) -> Iterator[tuple[int, float, NDArray[np.int64]]]:
    """Yield step number (from 1), learning rate and rows of each step."""
    batches: list[NDArray[np.int64]] = []
    for step in range(1, schedule.steps + 1):
        if not batches:  # every row once, then again in another order
            batches = np.array_split(rng.permutation(n), -(-n // schedule.batch_size))
        rise = min(1.0, step / (_WARM_UP * schedule.steps))
        fall = 0.5 * (1.0 + np.cos(np.pi * (step - 1) / schedule.steps))
        yield step, schedule.learning_rate * rise * fall, batches.pop()


def _initial(widths: Sequence[int], rng: np.random.Generator) -> tuple[Float32Array, list[Layer]]:
    """He initialisation (2015): one flat vector, and layers that are views into it."""
    shapes = list(pairwise(widths))
    flat = np.zeros(sum(i * o + o for i, o in shapes), dtype=np.float32)
    layers: list[Layer] = []
    start = 0
    for i, o in shapes:
        weight = flat[start : start + i * o].reshape(i, o)
        weight[:] = rng.normal(size=(i, o)) * np.sqrt(2.0 / i)
        layers.append((weight, flat[start + i * o : start + i * o + o]))
        start += i * o + o
    return flat, layers


def _decayed(layers: Sequence[Layer]) -> Float32Array:
    """Mark weights with 1 and biases with 0, in the order of the flat vector."""
    marks = [(np.ones_like(weight), np.zeros_like(bias)) for weight, bias in layers]
    return np.concatenate([m.ravel() for m in _flatten(marks)]).astype(np.float32)


def _flatten(layers: Sequence[Layer]) -> list[NDArray[np.floating]]:
    return [array for layer in layers for array in layer]


def _moments(features: Float32Array) -> tuple[FloatArray, FloatArray]:
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    return mean, np.where(scale > 0, scale, 1.0)


def _unscaled(layers: Sequence[Layer], mean: FloatArray, scale: FloatArray) -> tuple[Dense, ...]:
    """Move the standardisation of the features into the first layer."""
    weight, bias = (array.astype(np.float64) for array in layers[0])
    weight = weight / scale[:, None]
    return (Dense.of(weight, bias - mean @ weight), *(Dense.of(w, b) for w, b in layers[1:]))
