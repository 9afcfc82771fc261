"""Splits of a cell: by architecture, and by time (a whole visit left out)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.estimator import Estimator, seeded_copy
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.folds import random_folds

__all__ = ["Held", "draw_folds", "fit_on", "out_of_fold", "positive"]


def fit_on(estimator: Estimator, data: Measured, /) -> Estimator:
    """Fit a copy of an estimator on measured rows, with what it wants to know of time."""
    copy = seeded_copy(estimator)
    if isinstance(copy, DriftCorrected):
        return copy.fit(data.codes, data.y, position=data.position, session=data.session)
    return copy.fit(data.codes, data.y, position=data.position)


@dataclass(frozen=True, eq=False)
class Held:
    """Predictions of every row by a surrogate that has not seen it.

    Attributes:
        fold: `(n,)` fold of each row.
        predicted: `(n,)` out-of-fold predictions.
        spread: `(n,)` relative standard error of the surrogate fitted on all rows: the jackknife
            over folds (Efron & Stein 1981), sqrt((K - 1) / K sum_k (f_k - mean)^2).
    """

    fold: Int64Array
    predicted: FloatArray
    spread: FloatArray

    def errors(self, y: FloatArray, /) -> FloatArray:
        """Return log(measured / predicted), `(n,)`."""
        return np.log(y) - np.log(positive(self.predicted, y))


def draw_folds(data: Measured, folds: int, rng: np.random.Generator, /) -> Int64Array:
    """Draw `(n,)` folds by architecture: all rows of one architecture are held out together.

    Raises:
        DataError: If there are fewer architectures than folds.
    """
    _, architecture = np.unique(data.codes, axis=0, return_inverse=True)
    architecture = architecture.reshape(-1)
    return random_folds(int(architecture.max()) + 1, folds, rng)[architecture]


def out_of_fold(estimator: Estimator, data: Measured, /, *, fold: Int64Array) -> Held:
    """Predict every row by a surrogate fitted on the other folds (numbered 0 to K - 1)."""
    folds = int(fold.max()) + 1
    every = np.empty((folds, len(data)))
    for k in range(folds):
        every[k] = fit_on(estimator, data.select(fold != k)).predict(data.codes)
    logs = np.log(np.stack([positive(values, data.y) for values in every]))
    spread = np.sqrt((folds - 1) * logs.var(axis=0))
    return Held(fold, every[fold, np.arange(len(data))], spread)


def positive(predicted: FloatArray, y: FloatArray, /) -> FloatArray:
    """Keep predictions above a hundredth of the smallest measurement, so that logs exist."""
    return np.maximum(predicted, 0.01 * float(y.min()))
