"""Ridge regression whose penalties are learned: one variance per group of columns.

Type-II maximum likelihood ("evidence", MacKay 1992; automatic relevance determination by groups):
groups that explain nothing are shrunk away, and no validation data are spent on penalties.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import require

__all__ = ["EvidenceFit", "fit_evidence"]

_STRONGEST = 1e9
"""Largest prior precision, relative to one over the target's variance."""

_LEAST_NOISE = 1e-7
"""Smallest noise variance, relative to the target's: keeps the system well conditioned."""

_ROUNDING = 1e-12
"""A target that varies by less than this share of its mean is constant."""


@dataclass(frozen=True, eq=False)
class EvidenceFit:
    """A fitted ridge: `y ~ (x - x_mean) @ coefficients + y_mean`.

    Attributes:
        coefficients: `(k,)`.
        x_mean: `(k,)` weighted means of the columns.
        y_mean: Weighted mean of the target.
        noise: Variance of what the columns do not explain, at weight 1.
        degrees: Effective number of parameters of each group.
        sizes: Number of columns of each group.
    """

    coefficients: FloatArray
    x_mean: FloatArray
    y_mean: float
    noise: float
    degrees: FloatArray
    sizes: tuple[int, ...]

    @property
    def intercept(self) -> float:
        """The prediction where all columns are 0."""
        return float(self.y_mean - self.x_mean @ self.coefficients)


def fit_evidence(
    groups: Sequence[FloatArray], y: FloatArray, weights: FloatArray, /, *, n_iterations: int = 15
) -> EvidenceFit:
    """Fit a ridge with one learned penalty per group of columns.

    Args:
        groups: Feature matrices `n x k_g`, one per group.
        y: `(n,)` target; a constant one gives coefficients of 0.
        weights: `(n,)` precisions of the rows, relative; 0 leaves a row out.
        n_iterations: Rounds of MacKay's fixed point.
    """
    sizes = tuple(group.shape[1] for group in groups)
    x = np.concatenate(groups, axis=1)
    label = np.repeat(np.arange(len(sizes)), sizes)
    share = weights / weights.sum()
    x_mean, y_mean = share @ x, float(share @ y)
    root = np.sqrt(weights)
    centred = (x - x_mean) * root[:, None]
    target = (y - y_mean) * root
    gram, moment = centred.T @ centred, centred.T @ target
    total = float(target @ target)
    if total <= len(y) * (_ROUNDING * y_mean) ** 2:  # nothing to explain
        return EvidenceFit(np.zeros(x.shape[1]), x_mean, y_mean, 0.0, np.zeros(len(sizes)), sizes)
    coefficients, noise, degrees = _fixed_point(
        gram, moment, total, label, len(sizes), int((weights > 0).sum()), n_iterations
    )
    return EvidenceFit(coefficients, x_mean, y_mean, noise, degrees, sizes)


def _fixed_point(
    gram: FloatArray,
    moment: FloatArray,
    total: float,
    label: Int64Array,
    n_groups: int,
    n: int,
    n_iterations: int,
) -> tuple[FloatArray, float, FloatArray]:
    """Iterate penalties and noise; returns coefficients, noise and degrees of freedom.

    A group may have no columns: a choice of one value has no contrasts.
    """
    scale = total / n
    precision, noise = np.full(n_groups, 10.0 / scale), 0.01 * scale
    degrees = np.zeros(n_groups)
    coefficients = np.zeros(len(moment))
    for _ in range(n_iterations):
        coefficients, spread = _posterior(gram, moment, precision[label], noise)
        squares = np.bincount(label, coefficients**2, minlength=n_groups)
        traces = np.bincount(label, spread, minlength=n_groups)
        counts = np.bincount(label, minlength=n_groups)
        degrees = np.clip(counts - precision * traces, 1e-3, None)
        precision = np.minimum(degrees / np.maximum(squares, 1e-300), _STRONGEST / scale)
        misfit = total - 2.0 * coefficients @ moment + coefficients @ gram @ coefficients
        noise = max(float(misfit) / max(n - degrees.sum(), 1.0), _LEAST_NOISE * scale)
    return coefficients, noise, degrees


def _posterior(
    gram: FloatArray, moment: FloatArray, precision: FloatArray, noise: float
) -> tuple[FloatArray, FloatArray]:
    """Return posterior mean and marginal variances of the coefficients."""
    linalg = require("scipy.linalg", "fit")
    system = gram / noise
    jitter = 1e-12 * np.trace(system) / len(system)  # rounding of the Gram matrix
    system[np.diag_indices_from(system)] += precision + jitter
    factor = linalg.cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    mean = linalg.cho_solve((factor, True), moment / noise, check_finite=False)
    inverse, _ = linalg.lapack.dpotri(factor, lower=1)
    return mean, np.diag(inverse).copy()
