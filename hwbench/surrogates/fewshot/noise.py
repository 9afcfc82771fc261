"""How measurements scatter on the known devices: what to expect of a new one.

Some cards scatter by a tenth of a per cent, others boost their clock for every fifth row. Each
known device's error distribution is summed up as a Student's t, so that a new device's measurements
are judged by what such machines do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from hwbench.errors import require
from hwbench.surrogates.uncertainty import LEVELS, Uncertainty

__all__ = ["ANY_NOISE", "Noise", "noise_like", "noises_of"]

_SCALES = tuple(float(s) for s in np.geomspace(0.0005, 0.2, 14))
_FREEDOMS = (1.0, 2.0, 4.0)
_KIN = 0.1


@dataclass(frozen=True)
class Noise:
    """One belief about the scatter of measurements.

    Attributes:
        scale: Scale of a Student's t, relative.
        freedom: Its degrees of freedom.
        weight: Prior weight against other beliefs.
        own: Standard deviation of what an architecture differs by from a sum of effects, relative:
            the same each time it is measured.
    """

    scale: float
    freedom: float
    weight: float = 1.0
    own: float = 0.0


ANY_NOISE: tuple[Noise, ...] = tuple(Noise(s, 4.0) for s in (0.001, 0.003, 0.01, 0.03, 0.1))
"""Beliefs where nothing is known."""

_ODD = 0.05
"""Weight of each of `ANY_NOISE` beside known devices: a new one may be unlike them."""


def noise_like(uncertainty: Uncertainty, /, *, weight: float = 1.0) -> Noise:
    """Sum up the errors of a known device: the Student's t nearest to their distribution.

    Nearest is the one with the highest mean likelihood of the stored quantiles, each weighted by
    the probability around it, all groups together.
    """
    stats = require("scipy.stats", "fit")
    share = np.gradient(LEVELS)
    errors = uncertainty.total - np.median(uncertainty.total, axis=1, keepdims=True)
    tried = list(product(_SCALES, _FREEDOMS))
    scores = [
        float(np.sum(share * stats.t.logpdf(errors / s, f) - share * np.log(s))) for s, f in tried
    ]
    scale, freedom = tried[int(np.argmax(scores))]
    return Noise(scale, freedom, weight)


def noises_of(
    known: Mapping[str, Uncertainty], /, *, same: Sequence[str] | set[str] | None = None
) -> tuple[Noise, ...]:
    """Return beliefs from known devices, those of the same kind ten times as likely, and others.

    Args:
        known: Uncertainties of one metric, by device.
        same: Devices of the same kind; None: all.
    """
    weights: dict[tuple[float, float], float] = {}
    for name, uncertainty in known.items():
        one = noise_like(uncertainty, weight=1.0 if same is None or name in same else _KIN)
        key = (one.scale, one.freedom)
        weights[key] = weights.get(key, 0.0) + one.weight
    odd = [Noise(one.scale, one.freedom, _ODD) for one in ANY_NOISE]
    return (*(Noise(s, f, w) for (s, f), w in weights.items()), *odd)
