"""How a machine drifted: a robust smoother over the order of measurement.

The architectures of a campaign come in random order, so what neighbours in time have in common is
the machine. The estimate at a row never uses that row itself: it is a learned mixture of means over
windows of many widths around it, and so adapts to fast clock changes as to slow warming.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import FloatArray, Int64Array

__all__ = ["DriftEstimate", "estimate_drift", "student_weights"]

_HALF_WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CLIP = (0.002, 0.998)
_ROUNDS = 6
_FREEDOM = 4.0


@dataclass(frozen=True, eq=False)
class DriftEstimate:
    """Drift at every row, and how much each row can be trusted.

    Attributes:
        drift: `(n,)` estimate from the row's neighbours in time, itself left out; its mean over
            sessions is 0.
        weights: `(n,)` robust weights of the rows, about 1 for ordinary ones.
    """

    drift: FloatArray
    weights: FloatArray


def estimate_drift(
    residuals: FloatArray, position: Int64Array, session: Int64Array, /
) -> DriftEstimate:
    """Estimate the drift behind residuals.

    Args:
        residuals: `(n,)` log of measured over predicted.
        position: `(n,)` order of measurement; rows may come in any order, with gaps.
        session: `(n,)` label of the visit; nothing is shared across visits.
    """
    clipped = np.clip(residuals, *np.quantile(residuals, _CLIP))
    features = np.zeros((len(residuals), len(_HALF_WIDTHS) + 1))
    for rows in _in_order(position, session):
        features[rows] = _window_means(clipped[rows])
    weights = np.ones(len(residuals))
    for _ in range(_ROUNDS):
        mixture = _least_squares(features, clipped, weights)
        weights = student_weights(clipped - features @ mixture)
    drift = features @ mixture
    level = np.mean([drift[rows].mean() for rows in _in_order(position, session)])
    return DriftEstimate(drift - level, student_weights(residuals - drift))


def student_weights(errors: FloatArray, /) -> FloatArray:
    """Return the weights of a Student-t model of errors (4 degrees of freedom; Lange et al. 1989).

    Args:
        errors: `(n,)`, centred or nearly so.
    """
    spread = 1.4826 * float(np.median(np.abs(errors - np.median(errors)))) + 1e-12
    for _ in range(10):
        weights = (_FREEDOM + 1.0) / (_FREEDOM + (errors / spread) ** 2)
        spread = float(np.sqrt(np.mean(weights * errors**2))) + 1e-12
    return np.asarray((_FREEDOM + 1.0) / (_FREEDOM + (errors / spread) ** 2), dtype=np.float64)


def _in_order(position: Int64Array, session: Int64Array) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each session in the order of measurement."""
    for label in np.unique(session):
        rows = np.flatnonzero(session == label)
        yield rows[np.argsort(position[rows], kind="stable")]


def _window_means(values: FloatArray) -> FloatArray:
    """Return `n x k` means over windows around each value, itself left out; wider ones last.

    A window that holds nothing else takes the next wider one's mean.
    """
    n = len(values)
    place = np.arange(n)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = np.full((n, len(_HALF_WIDTHS) + 1), np.nan)
    for column, half in enumerate((*_HALF_WIDTHS, n)):
        low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, n)
        count = high - low - 1
        total = sums[high] - sums[low] - values
        np.divide(total, count, out=means[:, column], where=count > 0)
    for column in range(means.shape[1] - 2, -1, -1):
        empty = np.isnan(means[:, column])
        means[empty, column] = means[empty, column + 1]
    means[np.isnan(means)] = 0.0  # a session of one row has no neighbours: no drift known
    return means


def _least_squares(features: FloatArray, target: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted least squares with a faint ridge, since wide windows are almost alike."""
    gram = features.T @ (features * weights[:, None])
    ridge = 1e-3 * np.trace(gram) / len(gram) + 1e-300
    gram[np.diag_indices_from(gram)] += ridge
    solution = np.linalg.solve(gram, features.T @ (weights * target))
    return np.asarray(solution, dtype=np.float64)
