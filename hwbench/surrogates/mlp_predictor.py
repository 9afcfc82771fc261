"""A small multilayer perceptron in plain arrays: a few matrix products and numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray
from hwbench.errors import BundleError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Json, Settings
from hwbench.surrogates.encoding import Inputs
from hwbench.surrogates.predictor import Predictor, require_arrays, require_counts
from hwbench.surrogates.target import Target

__all__ = [
    "Dense",
    "MLPPredictor",
    "forward",
]


@dataclass(frozen=True, eq=False)
class Dense:
    """One layer: `x @ weight + bias`. Its numbers are float32 held as float64; see `of`.

    Attributes:
        weight: `n_in x n_out`.
        bias: `(n_out,)`.
    """

    weight: FloatArray
    bias: FloatArray

    @classmethod
    def of(cls, weight: AnyArray, bias: AnyArray, /) -> "Dense":
        """Round to float32, the precision that ships, and hold that as float64."""
        w, b = (np.asarray(a).astype(np.float32).astype(np.float64) for a in (weight, bias))
        return cls(w, b)


def forward(layers: Sequence[Dense], features: AnyArray, /) -> FloatArray:
    """Run the network in float64, ReLU between layers: `n x n_in` to `(n,)`."""
    x = np.asarray(features, dtype=np.float64)
    for layer in layers[:-1]:
        x = np.maximum(x @ layer.weight + layer.bias, 0.0)  # (n, n_out)
    last = layers[-1]
    output: FloatArray = (x @ last.weight + last.bias)[:, 0]
    return output


@final
@dataclass(frozen=True, eq=False)
class MLPPredictor(Predictor):
    """A ReLU network on one-hot features (with a space) or on a plain float matrix.

    Attributes:
        space: The space of the codes, or None.
        layers: The layers, first to last; the last has one output.
        target: Takes the output to the metric.
    """

    kind: ClassVar[str] = "mlp"

    space: Space | None
    layers: tuple[Dense, ...]
    target: Target
    inputs: Inputs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_layers(self.layers)
        inputs = Inputs.of(self.space, n_features=self.layers[0].weight.shape[0])
        object.__setattr__(self, "inputs", inputs)

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the metric for `n` rows; see `Predictor.predict`."""
        return self.target.inverse(forward(self.layers, self.inputs(inputs)))

    def state(self) -> tuple[Arrays, Settings]:
        """Return weights and settings; see `Predictor.state`."""
        arrays: Arrays = {}
        for i, layer in enumerate(self.layers):
            arrays[f"weight{i}"] = layer.weight.astype(np.float32)
            arrays[f"bias{i}"] = layer.bias.astype(np.float32)
        return arrays, {"n_layers": len(self.layers), "target": self.target.to_json()}

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        (n_layers,) = require_counts(settings, "n_layers")
        layers = []
        for i in range(n_layers):
            weight, bias = require_arrays(arrays, f"weight{i}", f"bias{i}")
            layers.append(Dense.of(weight, bias))
        _check_layers(layers)
        return cls(space, tuple(layers), Target.from_json(settings.get("target")))


def _check_layers(layers: Sequence[Dense]) -> None:
    if not layers or any(d.weight.ndim != 2 or d.bias.ndim != 1 for d in layers):
        raise BundleError("an MLP needs layers, each a weight matrix and a bias vector")
    outputs = [layer.weight.shape[1] for layer in layers]
    inputs = [layer.weight.shape[0] for layer in layers[1:]]
    if outputs[:-1] != inputs or outputs[-1] != 1:
        raise BundleError(f"MLP layers do not fit: outputs {outputs}, next inputs {inputs} and 1")
    if outputs != [len(layer.bias) for layer in layers]:
        raise BundleError("an MLP bias has another length than its layer's outputs")
    if not all(np.isfinite(d.weight).all() and np.isfinite(d.bias).all() for d in layers):
        raise BundleError("an MLP weight is not finite")
