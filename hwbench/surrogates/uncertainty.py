"""How far a measurement may lie from a prediction, in named parts; numpy only.

All errors are relative: a measurement is the prediction times exp(error). `Uncertainty` holds the
distribution of the whole error of a new architecture measured in a new visit to the device (from
rows that the surrogate had not seen, so that intervals hold what they say: cross-conformal, Vovk
2015), and what it consists of:

- `model`: the surrogate's own error about the architecture;
- `session`: one visit to the machine against another (clocks, heat, neighbours), drift included;
- `repeat`: one repeat against the median of its visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray, Int64Array
from hwbench.errors import BundleError, DataError
from hwbench.surrogates._types import Arrays, Json, Settings
from hwbench.surrogates.predictor import require_arrays

__all__ = ["LEVELS", "PARTS", "Noise", "Uncertainty", "Visit", "quantile_grid"]

Noise = Literal["repeat", "session"]
Visit = Literal["new", "measured"]
PARTS = ("model", "session", "repeat")

_TAIL = (0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04)
LEVELS: FloatArray = np.array(
    [*_TAIL, *np.round(np.arange(0.05, 0.955, 0.025), 3), *(1.0 - t for t in reversed(_TAIL))]
)
"""Probability levels at which distributions are stored, dense in the tails."""


def quantile_grid(errors: ArrayLike, /) -> FloatArray:
    """Return the quantiles of errors at `LEVELS`, finite-sample corrected.

    The correction widens: with `n` errors, level q is read at rank (n + 1) q, so that an interval
    covers a new exchangeable error with its stated probability; beyond the ranks, the extremes.

    Raises:
        DataError: If there are no errors, or one is not finite.
    """
    values = np.sort(np.asarray(errors, dtype=np.float64).ravel())
    if not len(values) or not np.isfinite(values).all():
        raise DataError("a distribution needs one finite error or more")
    rank = np.clip((len(values) + 1) * LEVELS - 1.0, 0.0, len(values) - 1.0)
    return np.interp(rank, np.arange(len(values)), values)


@final
@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The predictive distribution around a prediction: relative errors, by group of networks.

    Attributes:
        group: `(C,)` the row of `total` that a combination of shared choices uses.
        total: `G x len(LEVELS)` ascending quantiles of log(measured / predicted), for a new
            architecture in the visits that were measured.
        visit: The same in a visit that was not measured: wider where visits differ.
        session: `(len(LEVELS),)` quantiles of the part that differs from visit to visit.
        repeat: `(len(LEVELS),)` quantiles of log(repeat / median of its visit).
        parts: Standard deviation of each of `PARTS`, relative; robust, hence without outliers.
    """

    group: Int64Array
    total: FloatArray
    visit: FloatArray
    session: FloatArray
    repeat: FloatArray
    parts: Mapping[str, float]

    def __post_init__(self) -> None:
        k = len(LEVELS)
        rows = self.total.ndim == 2 and self.total.shape[1] == k and len(self.total) > 0
        rows = rows and self.visit.shape == self.total.shape
        if not rows or self.session.shape != (k,) or self.repeat.shape != (k,):
            raise BundleError(f"distributions need {k} quantiles each")
        inside = self.group.ndim == 1 and bool(
            ((self.group >= 0) & (self.group < len(self.total))).all()
        )
        if not inside:
            raise BundleError(f"groups must lie in 0 to {len(self.total) - 1}")
        for grid in (self.total, self.visit, self.session, self.repeat):
            if not np.isfinite(grid).all() or (np.diff(grid) < 0).any():
                raise BundleError("quantiles must be finite and ascend")
        if set(self.parts) != set(PARTS):
            raise BundleError(f"the parts are {', '.join(PARTS)}; got {', '.join(self.parts)}")

    def quantile(self, level: float, /, *, visit: Visit = "new") -> FloatArray:
        """Return the `(G,)` factors on the prediction at one probability level.

        Args:
            level: Probability, inside (0, 1).
            visit: "new": in a visit that was not measured; "measured": in one of those that were.

        Raises:
            DataError: If the level lies outside (0, 1), or `visit` is another word.
        """
        if not 0.0 < level < 1.0:
            raise DataError(f"a level must lie inside (0, 1), got {level}")
        if visit not in ("new", "measured"):
            raise DataError(f"visit must be 'new' or 'measured', got {visit!r}")
        grid = self.visit if visit == "new" else self.total
        return np.array([np.exp(np.interp(level, LEVELS, row)) for row in grid])

    def bounds(self, level: float, /, *, visit: Visit = "new") -> tuple[FloatArray, FloatArray]:
        """Return the `(G,)` factors of the lower and upper end of the central interval.

        A measurement of a new architecture falls inside with probability `level`.

        Raises:
            DataError: As `quantile`.
        """
        if not 0.0 < level < 1.0:
            raise DataError(f"an interval level must lie inside (0, 1), got {level}")
        low, high = (1.0 - level) / 2.0, (1.0 + level) / 2.0
        return self.quantile(low, visit=visit), self.quantile(high, visit=visit)

    def draw(self, part: Noise, n: int, rng: np.random.Generator, /) -> FloatArray:
        """Draw `(n,)` factors of one noise part: "repeat" alone, or "session" with a repeat in it.

        Raises:
            DataError: If the part is another word.
        """
        if part not in ("repeat", "session"):
            raise DataError(f"noise must be 'repeat' or 'session', got {part!r}")
        error = np.interp(rng.random(n), LEVELS, self.repeat)
        if part == "session":
            error = error + np.interp(rng.random(n), LEVELS, self.session)
        return np.exp(error)

    def state(self) -> tuple[Arrays, Settings]:
        """Return all that `from_state` needs, as `Predictor.state` does."""
        arrays: Arrays = {
            "group": self.group.astype(np.int32),
            "total": self.total.astype(np.float32),
            "visit": self.visit.astype(np.float32),
            "session": self.session.astype(np.float32),
            "repeat": self.repeat.astype(np.float32),
        }
        return arrays, {"parts": {name: float(value) for name, value in self.parts.items()}}

    @classmethod
    def from_state(cls, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /) -> Self:
        """Rebuild from a state.

        Raises:
            BundleError: If something is missing or contradicts another.
        """
        group, *grids = require_arrays(arrays, "group", "total", "visit", "session", "repeat")
        parts = settings.get("parts")
        if not isinstance(parts, dict):
            raise BundleError(f"uncertainty needs an object 'parts', got {parts!r}")
        numbers = {name: float(v) for name, v in parts.items() if isinstance(v, int | float)}
        total, visit, session, repeat = (np.asarray(g, dtype=np.float64) for g in grids)
        return cls(group.astype(np.int64), total, visit, session, repeat, numbers)
