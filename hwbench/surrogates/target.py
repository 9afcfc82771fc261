"""The scale a model learns its target on: standardised, perhaps in logs.

Fitting on standardised values makes a model blind to the unit: seconds and milliseconds give one
model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import BundleError, DataError
from hwbench.surrogates._types import Json, Settings

__all__ = [
    "Target",
]


@dataclass(frozen=True)
class Target:
    """An affine map of the target or of its natural logarithm.

    Attributes:
        log: Whether the model learns the logarithm; its prediction is then a median, not a mean.
        mean: What becomes 0.
        scale: What becomes 1, above 0.
    """

    log: bool
    mean: float
    scale: float

    @classmethod
    def of(cls, y: FloatArray, /, *, log: bool) -> "Target":
        """Choose mean and scale so that `y` gets mean 0 and standard deviation 1.

        Raises:
            DataError: If `log` is asked for and a value is not above 0.
        """
        if log and not (y > 0).all():
            raise DataError(
                f"a log target needs values above 0, got {y.min()}; pass log_target=False"
            )
        values = np.log(y) if log else y
        mean, spread = float(values.mean()), float(values.std())
        # Rounding leaves a constant target with a spread of a few ulps.
        constant = spread <= 1e-12 * max(abs(mean), np.finfo(np.float64).tiny)
        return cls(log, mean, 1.0 if constant else spread)

    def forward(self, y: ArrayLike, /) -> FloatArray:
        """Map metric values to the scale the model learns."""
        values = np.asarray(y, dtype=np.float64)
        result: FloatArray = ((np.log(values) if self.log else values) - self.mean) / self.scale
        return result

    def inverse(self, z: ArrayLike, /) -> FloatArray:
        """Map what the model says back to metric values."""
        values = np.asarray(z, dtype=np.float64) * self.scale + self.mean
        result: FloatArray = np.exp(values) if self.log else values
        return result

    def to_json(self) -> Settings:
        """Return the settings as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, settings: Json, /) -> "Target":
        """Read what `to_json` wrote.

        Raises:
            BundleError: If an entry is missing or is no finite number.
        """
        if not isinstance(settings, Mapping):
            raise BundleError(f"target settings must be an object, got {settings!r}")
        log, mean, scale = (settings.get(name) for name in ("log", "mean", "scale"))
        if (
            not isinstance(log, bool)
            or not isinstance(mean, float | int)
            or not isinstance(scale, float | int)
            or not np.isfinite([mean, scale]).all()
        ):
            raise BundleError(f"target needs log (true/false), mean and scale, got {settings}")
        return cls(log, float(mean), float(scale))
