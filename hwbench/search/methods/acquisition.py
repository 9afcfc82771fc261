"""How much a candidate promises: expected improvement, and expected hypervolume improvement.

Closed forms for independent normal predictions. Improvements are minimisation: below the best
value, or below a front and the reference point.
"""

from __future__ import annotations

import math

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.search.dominance import non_dominated

__all__ = [
    "expected_hypervolume_improvement",
    "expected_improvement",
    "normal_cdf",
    "reference_point",
]

# Chebyshev coefficients of erfc (Press et al., Numerical Recipes, section 6.2.2): relative error
# below 1.2e-7 everywhere, so that tails are right, too.
_ERFC = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def normal_cdf(z: FloatArray, /) -> FloatArray:
    """Return the standard normal distribution function; relative error below 1.2e-7."""
    x = np.abs(z) / math.sqrt(2.0)
    t = 1.0 / (1.0 + 0.5 * x)
    total = np.zeros_like(t)
    for coefficient in reversed(_ERFC):
        total = total * t + coefficient
    tail = 0.5 * t * np.exp(-x * x + total)
    return np.where(z < 0.0, tail, 1.0 - tail)


def expected_improvement(mean: FloatArray, deviation: FloatArray, /, *, best: float) -> FloatArray:
    """Return E[max(best - y, 0)] for normal y (Jones et al. 1998, eq. 15).

    Args:
        mean: Any shape.
        deviation: Of the same shape, positive.
        best: The value to improve on.
    """
    z = (best - mean) / deviation
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return np.maximum(deviation * (z * normal_cdf(z) + density), 0.0)


def reference_point(front: FloatArray, points: FloatArray, /, *, share: float = 0.1) -> FloatArray:
    """Return a reference point that every point of a front dominates.

    The nadir of the front, the worst value of each objective on it, and a tenth of its extent
    beyond, so that its ends count, too. Where the front has no extent, that of all points is taken
    (else 1). A reference point above the nadir for maximised, or below it for minimised objectives
    makes every improvement zero: so it was in HW-GPT-Bench's EHVI.

    Args:
        front: `k x m`, minimised.
        points: `n x m` all that was observed.
        share: Of the extent.
    """
    worst, extent = front.max(axis=0), np.ptp(front, axis=0)
    extent = np.where(extent > 0.0, extent, np.ptp(points, axis=0))
    extent = np.where(extent > 0.0, extent, 1.0)
    reference: FloatArray = worst + share * extent
    return reference


def expected_hypervolume_improvement(
    mean: FloatArray,
    deviation: FloatArray,
    front: FloatArray,
    /,
    *,
    reference: FloatArray,
    rng: np.random.Generator,
    directions: int = 64,
    draws: int = 8,
) -> FloatArray:
    """Return by how much each candidate is expected to enlarge the dominated hypervolume.

    Exact for one and two objectives (Emmerich et al. 2011, as a sum over the stripes between
    neighbouring points of the front); else a Monte Carlo estimate by hypervolume scalarisation
    (Zhang and Golovin 2020, lemma 5).

    Args:
        mean: `n x m`.
        deviation: `n x m`, positive.
        front: `k x m`; points beyond the reference play no part.
        reference: `(m,)`.
        rng: For three objectives or more.
        directions: For three objectives or more: directions that are drawn.
        draws: For three objectives or more: draws of each candidate's objectives.

    Returns:
        `(n,)`.
    """
    inside = front[(front < reference).all(axis=1)]
    if mean.shape[1] == 1:
        best = float(inside.min()) if len(inside) else float(reference[0])
        return expected_improvement(mean[:, 0], deviation[:, 0], best=best)
    if mean.shape[1] == 2:
        return _two(mean, deviation, inside, reference)
    return _many(mean, deviation, inside, reference, rng, directions, draws)


def _two(
    mean: FloatArray, deviation: FloatArray, front: FloatArray, reference: FloatArray
) -> FloatArray:
    front = front[non_dominated(front)]
    front = front[np.lexsort(front.T[::-1])]
    # Stripe i lies between the first objectives of two neighbours, and is free below `top`.
    right = np.r_[front[:, 0], reference[0]]
    top = np.r_[reference[1], front[:, 1]]
    y, s = mean[:, :1], deviation[:, :1]
    width = np.diff(_psi(y, s, right), axis=1, prepend=0.0)  # E of what of each stripe y opens
    height = _psi(mean[:, 1:], deviation[:, 1:], top)
    gain: FloatArray = (np.maximum(width, 0.0) * height).sum(axis=1)
    return gain


def _psi(mean: FloatArray, deviation: FloatArray, best: FloatArray) -> FloatArray:
    """Return E[max(best - y, 0)] for `n x 1` predictions and `(k,)` values: `n x k`."""
    z = (best - mean) / deviation
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return np.maximum(deviation * (z * normal_cdf(z) + density), 0.0)


def _many(
    mean: FloatArray,
    deviation: FloatArray,
    front: FloatArray,
    reference: FloatArray,
    rng: np.random.Generator,
    directions: int,
    draws: int,
) -> FloatArray:
    m = mean.shape[1]
    rays = np.abs(rng.standard_normal((directions, m)))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    noise = rng.standard_normal((draws, 1, m))
    gaps = reference - (mean + deviation * noise)  # (draws, n, m)
    own = front if len(front) else reference[None]
    reached = np.maximum(((reference - own)[:, None] / rays).min(axis=2), 0.0).max(axis=0)
    total = np.zeros(len(mean))
    for ray, far in zip(rays, reached.tolist(), strict=True):
        length = np.maximum((gaps / ray).min(axis=2), far)  # (draws, n)
        total += (length**m - far**m).mean(axis=0)
    volume = math.pi ** (m / 2) / (2.0**m * math.gamma(m / 2 + 1))
    gain: FloatArray = total * volume / directions
    return gain
