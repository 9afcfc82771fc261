"""The mean of several predictors, and their standard deviation (NAS-Bench-301's noise model).

The standard deviation says where members disagree. It is no calibrated error: on latency tables
mean +- 1.645 standard deviations held 27 % of the truth instead of 90 %. Use intervals from
`interval_predictor` instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray
from hwbench.errors import BundleError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Json, Settings
from hwbench.surrogates.nested import nest, unnest
from hwbench.surrogates.predictor import Predictor

__all__ = [
    "EnsemblePredictor",
]


@final
@dataclass(frozen=True, eq=False)
class EnsemblePredictor(Predictor):
    """Mean of its members, each a predictor of the same inputs.

    Attributes:
        space: The space of the codes, or None.
        members: One or more predictors.
    """

    kind: ClassVar[str] = "ensemble"

    space: Space | None
    members: tuple[Predictor, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise BundleError("an ensemble needs one member or more")

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the metric for `n` rows; see `Predictor.predict`."""
        return self.mean_std(inputs)[0]

    def mean_std(self, inputs: ArrayLike, /) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation (divided by the number of members), `(n,)` each."""
        values = np.stack([member.predict(inputs) for member in self.members])  # (m, n)
        return values.mean(axis=0), values.std(axis=0)

    def state(self) -> tuple[Arrays, Settings]:
        """Return the members' states; see `Predictor.state`."""
        arrays, documents = nest(self.members, name="member")
        return arrays, {"members": documents}

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        return cls(space, unnest(space, arrays, settings.get("members"), name="member"))
