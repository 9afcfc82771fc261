"""Several quantiles of a metric, one predictor a level."""

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
from hwbench.surrogates.predictor import Predictor, require_numbers

__all__ = [
    "QuantilePredictor",
]


@final
@dataclass(frozen=True, eq=False)
class QuantilePredictor(Predictor):
    """Quantiles at fixed levels; `predict` answers the level next to the median.

    Attributes:
        space: The space of the codes, or None.
        heads: One predictor a level.
        levels: Ascending levels inside (0, 1).
    """

    kind: ClassVar[str] = "quantiles"

    space: Space | None
    heads: tuple[Predictor, ...]
    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        ascending = (np.diff([0.0, *self.levels, 1.0]) > 0).all()
        if not self.heads or len(self.heads) != len(self.levels) or not ascending:
            raise BundleError(
                f"quantiles need one head a level, levels ascending inside (0, 1); got"
                f" {len(self.heads)} heads and levels {self.levels}"
            )

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the quantile next to the median, `(n,)`; see `Predictor.predict`."""
        nearest = int(np.argmin(np.abs(np.asarray(self.levels) - 0.5)))
        return self.quantiles(inputs)[:, nearest]

    def quantiles(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict `n x len(levels)` quantiles, each row sorted, so that quantiles never cross."""
        raw = np.stack([head.predict(inputs) for head in self.heads], axis=1)
        return np.sort(raw, axis=1)

    def state(self) -> tuple[Arrays, Settings]:
        """Return the heads' states; see `Predictor.state`."""
        arrays, documents = nest(self.heads, name="head")
        return arrays, {"heads": documents, "levels": list(self.levels)}

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        heads = unnest(space, arrays, settings.get("heads"), name="head")
        return cls(space, heads, require_numbers(settings, "levels"))
