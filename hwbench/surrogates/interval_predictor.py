"""Predictors that also answer with conformal intervals; the mathematics is in `calibration`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray
from hwbench.errors import BundleError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Json, Settings
from hwbench.surrogates.calibration import Margins, Residuals, tails
from hwbench.surrogates.nested import nest, unnest
from hwbench.surrogates.predictor import Predictor, require_arrays, require_numbers
from hwbench.surrogates.quantile_predictor import QuantilePredictor

__all__ = [
    "QuantileIntervalPredictor",
    "ResidualIntervalPredictor",
]


@final
@dataclass(frozen=True, eq=False)
class ResidualIntervalPredictor(Predictor):
    """A predictor with the distribution of its held-out residuals.

    Attributes:
        space: The space of the codes, or None.
        center: Predicts the metric.
        spread: Predicts how large residuals are, or None when they are alike everywhere.
        floor: Added to the predicted spread, so that it never vanishes.
        residuals: Held-out residuals, in units of the spread.
    """

    kind: ClassVar[str] = "residual-intervals"

    space: Space | None
    center: Predictor
    spread: Predictor | None
    floor: float
    residuals: Residuals

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the metric for `n` rows; see `Predictor.predict`."""
        return self.center.predict(inputs)

    def interval(self, inputs: ArrayLike, /, *, level: float) -> tuple[FloatArray, FloatArray]:
        """Return limits, `(n,)` each, that hold a measurement with probability `level`.

        Each side is missed with probability (1 - level) / 2 at most.

        Raises:
            DataError: If `level` is not inside (0, 1).
        """
        return self.residuals.interval(self.predict(inputs), self._spread(inputs), level=level)

    def quantiles(self, inputs: ArrayLike, /, *, levels: ArrayLike) -> FloatArray:
        """Return `n x k` quantiles of the predictive distribution at `(k,)` levels."""
        return self.residuals.quantiles(self.predict(inputs), self._spread(inputs), levels=levels)

    def samples(self, inputs: ArrayLike, /, *, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw `n` measurements for each row, independently: `n_rows x n`."""
        return self.residuals.samples(self.predict(inputs), self._spread(inputs), n=n, rng=rng)

    def _spread(self, inputs: ArrayLike) -> FloatArray:
        if self.spread is None:
            return np.ones(len(np.asarray(inputs)))
        return np.maximum(self.spread.predict(inputs), 0.0) + self.floor

    def state(self) -> tuple[Arrays, Settings]:
        """Return the parts' states and the residuals; see `Predictor.state`."""
        arrays, center = nest([self.center], name="center")
        more, spread = nest([] if self.spread is None else [self.spread], name="spread")
        settings: Settings = {"center": center, "spread": spread, "floor": [self.floor]}
        settings["log"] = self.residuals.log
        return arrays | more | {"residuals": self.residuals.values}, settings

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        center = unnest(space, arrays, settings.get("center"), name="center")
        spread = unnest(space, arrays, settings.get("spread"), name="spread")
        floor, log = require_numbers(settings, "floor"), settings.get("log")
        if len(center) != 1 or len(spread) > 1 or len(floor) != 1 or not isinstance(log, bool):
            raise BundleError("residual intervals need a center, at most a spread, a floor, a log")
        (values,) = require_arrays(arrays, "residuals")
        residuals = Residuals(np.asarray(values, dtype=np.float64), log)
        return cls(space, center[0], spread[0] if spread else None, floor[0], residuals)


@final
@dataclass(frozen=True, eq=False)
class QuantileIntervalPredictor(Predictor):
    """Learned quantiles, widened by what they lacked on held-out rows.

    Attributes:
        space: The space of the codes, or None.
        heads: Predicts the quantiles.
        margins: How far the intervals move out.
    """

    kind: ClassVar[str] = "quantile-intervals"

    space: Space | None
    heads: QuantilePredictor
    margins: Margins

    def __post_init__(self) -> None:
        for level in self.margins.levels:
            tails(self.heads.levels, level)

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the median of the metric; see `Predictor.predict`."""
        return self.heads.predict(inputs)

    def interval(self, inputs: ArrayLike, /, *, level: float) -> tuple[FloatArray, FloatArray]:
        """Return limits, `(n,)` each, that hold a measurement with probability `level`.

        Raises:
            DataError: If this level was not fitted; lists those that were.
        """
        quantiles = self.heads.quantiles(inputs)
        return self.margins.interval(quantiles, head_levels=self.heads.levels, level=level)

    def state(self) -> tuple[Arrays, Settings]:
        """Return the heads' states and the margins; see `Predictor.state`."""
        arrays, heads = nest([self.heads], name="heads")
        settings: Settings = {"heads": heads, "levels": list(self.margins.levels)}
        settings["log"] = self.margins.log
        return arrays | {"margins": self.margins.values}, settings

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        heads = unnest(space, arrays, settings.get("heads"), name="heads")
        log = settings.get("log")
        if len(heads) != 1 or not isinstance(heads[0], QuantilePredictor) or type(log) is not bool:
            raise BundleError("quantile intervals need one part of quantiles, and a log")
        (values,) = require_arrays(arrays, "margins")
        levels = require_numbers(settings, "levels")
        margins = Margins(levels, np.asarray(values, dtype=np.float64), log)
        return cls(space, heads[0], margins)
