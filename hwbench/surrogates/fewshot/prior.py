"""What the known devices say of one that was not measured yet: a Gaussian over its effects.

Each device's predictions are divided by their mean (devices differ in speed by factors, and by far
less in what costs how much) and by a reference, the devices' weighted mean; what is left are
relative effects. Mean and covariance of these over devices are the prior. A dozen devices span
only some directions, so their covariance is mixed with a diagonal one: each block of effects with
its mean square over devices (Ledoit & Wolf 2004 shrink in the same way). How far to trust kinship,
span and scatter is not fixed: see `Setting`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import DataError
from hwbench.spaces import Space
from hwbench.surrogates.fewshot.basis import Basis
from hwbench.surrogates.predictor import Predictor

__all__ = ["Prior", "Setting"]

_SAMPLE = 1000
"""Architectures that stand for the space, drawn uniformly per choice."""

_FLAT = 25.0
"""Prior variance of the logarithm of a device's speed, nearly: anything goes."""

_KIN = 0.1
"""Weight of a device of another kind in the reference."""

_SEED = 20240518


@dataclass(frozen=True)
class Setting:
    """One belief about how a new device relates to the known ones.

    Attributes:
        other: Weight of a device of another kind, where one of the same kind weighs 1.
        rest: Share of the prior variance outside the span of the known devices.
        spread: How much more the new device may differ than the known ones do, as a variance.
        like: The known device it resembles; None: none in particular.
    """

    other: float
    rest: float
    spread: float
    like: str | None = None


_MIDDLE = 0.3
_BROAD = tuple(
    Setting(*values) for values in product((0.03, _MIDDLE, 1.0), (0.2, 0.4, 0.7), (1.0, 3.0))
)
"""Beliefs in which a new device is one of its kind."""

_ALIKE = tuple(product((_MIDDLE,), (0.1, 0.3), (0.02, 0.1)))
"""The same of beliefs in which it is nearly a known device."""


@final
@dataclass(frozen=True, eq=False)
class Prior:
    """The known devices' relative effects, k each.

    Attributes:
        basis: What the effects are.
        names: The known devices.
        same: `(D,)` whether a device is of the same kind as the new one.
        effects: `D x k` relative effects of the devices; see `relative`.
        reference: `(k,)` absolute effects of the reference, whose mean over the space is 1.
        unit: `(k,)` root mean square of each relative feature: effects are of comparable size.
        sample: `N x k` relative features of architectures that stand for the space.
        leading: `(N,)` index of the first shared choice of each of them.
    """

    basis: Basis
    names: tuple[str, ...]
    same: FloatArray
    effects: FloatArray
    reference: FloatArray
    unit: FloatArray
    sample: FloatArray
    leading: Int64Array

    @classmethod
    def of(
        cls, space: Space, known: Mapping[str, Predictor], /, *, same: Collection[str] | None = None
    ) -> Self:
        """Learn a prior.

        Args:
            space: The space.
            known: Surrogates of one metric, by device; none of them the new device's.
            same: Devices of the same kind as the new one; None: all.

        Raises:
            DataError: If no device is known, or one predicts what is not above 0.
        """
        if not known:
            raise DataError("few-shot calibration needs known devices to learn from; got none")
        names = tuple(known)
        kin = np.array([float(same is None or name in same) for name in names])
        basis = Basis.of(space)
        codes = space.sample_codes(_SAMPLE, np.random.default_rng(_SEED))
        values = np.stack([known[name].predict(codes) for name in names])
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise DataError("a known device predicts values that are not above 0")
        values /= values.mean(axis=1, keepdims=True)
        weight = _weights(kin, _KIN)
        features = basis.features(codes)
        mean = weight @ values
        reference = _least_squares(features / mean[:, None], np.ones(len(mean)))
        mean = features @ reference
        relative = features / mean[:, None]
        unit = np.sqrt(np.mean(relative**2, axis=0))
        unit[unit == 0] = 1.0
        sample = relative / unit
        effects = _least_squares(sample, (values / mean).T).T
        leading = codes[:, 0].astype(np.int64)
        return cls(basis, names, kin, effects, reference, unit, sample, leading)

    def relative(self, codes: ArrayLike, /) -> tuple[FloatArray, FloatArray]:
        """Return `n x k` relative features of codes, and their `(n,)` reference values.

        A device of speed s and relative effects w takes s * reference * (features @ w).
        """
        features = self.basis.features(codes)
        reference = features @ self.reference
        return features / reference[:, None] / self.unit, reference

    def absolute(self, effects: FloatArray, /) -> FloatArray:
        """Turn `(k,)` relative effects into effects of the basis, in units of the speed."""
        return effects / self.unit

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What is believed before measuring, each as likely; measurements shift the weights."""
        kin = [name for name, same in zip(self.names, self.same, strict=True) if same]
        alike = (Setting(*values, like=name) for name in kin for values in _ALIKE)
        return (*_BROAD, *alike)

    @property
    def few_settings(self) -> tuple[Setting, ...]:
        """Those of `settings` that do when there are many measurements: kinship matters less."""
        return tuple(one for one in _BROAD if one.other == _MIDDLE)

    def mean(self, setting: Setting, /) -> FloatArray:
        """Return the `(k,)` effects that a setting expects."""
        if setting.like is not None:
            return np.asarray(self.effects[self.names.index(setting.like)], dtype=np.float64)
        average: FloatArray = _weights(self.same, setting.other) @ self.effects
        return average

    def covariance(self, setting: Setting, /) -> FloatArray:
        """Return the `k x k` covariance, the unknown speed included."""
        weight, mean = _weights(self.same, setting.other), self.mean(setting)
        off = self.effects - weight @ self.effects
        spanned = (off.T * weight) @ off
        block = self.basis.block
        # A single device, such as a closed form, says nothing of how devices differ: then each
        # effect may be off by its own size.
        differ = weight @ off**2 if len(self.names) > 1 else mean**2
        square = np.bincount(block, differ) / np.bincount(block)
        mixed = (1.0 - setting.rest) * spanned + setting.rest * np.diag(square[block])
        unbiased = 1.0 / max(1.0 - float(weight @ weight), 0.25)
        found: FloatArray = setting.spread * unbiased * mixed + _FLAT * np.outer(mean, mean)
        return found


def _weights(same: FloatArray, other: float) -> FloatArray:
    weight = np.where(same > 0, 1.0, other)
    return np.asarray(weight / weight.sum(), dtype=np.float64)


def _least_squares(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(a, b, rcond=None)[0], dtype=np.float64)
