"""A quasi-Newton descent within bounds, for a handful of parameters and a smooth function.

BFGS on the parameters that are free to move (Nocedal and Wright 2006, eq. 6.19 and section 16.7).
It is for the hyperparameters of a Gaussian process, where each look at the function costs a matrix
inverse, and keeps scipy out of the base install.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from hwbench.arrays import FloatArray

__all__ = ["descend"]

_ENOUGH: Final = 1e-4  # share of the promised decrease that is enough (Armijo)
_LONGEST: Final = 2.0  # step of a parameter
_HALVINGS: Final = 10
_FLAT: Final = 1e-10


def descend(
    loss: Callable[[FloatArray], tuple[float, FloatArray]],
    start: FloatArray,
    /,
    *,
    low: FloatArray,
    high: FloatArray,
    steps: int,
) -> FloatArray:
    """Return parameters of smaller loss within bounds, `(p,)`.

    Args:
        loss: Gives the loss and its gradient, `(p,)`.
        start: `(p,)`; moved into the bounds.
        low: `(p,)`.
        high: `(p,)`.
        steps: At most.

    >>> bowl = lambda x: (float(((x - 3.0) ** 2).sum()), 2.0 * (x - 3.0))
    >>> descend(bowl, np.zeros(2), low=np.array([-9.0, -9.0]), high=np.array([9.0, 1.0]), steps=20)
    array([3., 1.])
    """
    x = np.clip(start, low, high)
    value, slope = loss(x)
    bend = np.eye(len(x)) * max(float(np.abs(slope).max()), _FLAT)  # a first step of length 1
    for _ in range(steps):
        way = _direction(x, slope, bend, low, high)
        share = 1.0
        for _ in range(_HALVINGS):
            trial = np.clip(x + share * way, low, high)
            found, next_slope = loss(trial)
            if found <= value + _ENOUGH * float(slope @ (trial - x)):
                break
            share *= 0.5
        else:
            return x
        moved, turned = trial - x, next_slope - slope
        gain = value - found
        x, value, slope = trial, found, next_slope
        if gain <= _FLAT * max(abs(value), 1.0):
            break
        bend = _update(bend, moved, turned)
    return x


def _direction(
    x: FloatArray, slope: FloatArray, bend: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return a step for the parameters that no bound holds."""
    free = ~(((x <= low) & (slope > 0.0)) | ((x >= high) & (slope < 0.0)))
    way = np.zeros_like(x)
    way[free] = -np.linalg.solve(bend[np.ix_(free, free)], slope[free])
    return np.asarray(way / max(float(np.abs(way).max()) / _LONGEST, 1.0), dtype=np.float64)


def _update(bend: FloatArray, moved: FloatArray, turned: FloatArray) -> FloatArray:
    """Return the BFGS estimate of the second derivatives, still positive definite."""
    curved = float(moved @ turned)
    if curved <= _FLAT * float(np.linalg.norm(moved) * np.linalg.norm(turned)):
        return bend
    seen = bend @ moved
    new: FloatArray = (
        bend - np.outer(seen, seen) / float(moved @ seen) + np.outer(turned, turned) / curved
    )
    return new
