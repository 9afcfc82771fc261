"""What all scikit-learn style surrogates share. Inputs are codes of a space, or a float matrix.

Importing this module needs the extra `fit`.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwbench.arrays import FloatArray
from hwbench.errors import DataError, ShapeError, require
from hwbench.spaces import Space
from hwbench.surrogates._types import Float32Array
from hwbench.surrogates.encoding import OneHot, check_codes
from hwbench.surrogates.predictor import Predictor

require("sklearn", "fit")

from sklearn.base import BaseEstimator, RegressorMixin, clone  # noqa: E402
from sklearn.utils import check_random_state  # noqa: E402
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402

__all__ = [
    "Estimator",
    "fit_rows",
    "seeded_copy",
    "seeds",
    "threads",
]

SMALL_BATCH = 1024
"""Rows below which more threads only cost time, much of it on a busy machine."""


class Estimator(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # sklearn is untyped
    """A surrogate that learns. Subclasses are final and take plain, keyword-only settings.

    Every estimator has the settings `space` (None: inputs are a plain float matrix) and
    `random_state` (None: every fit differs; an integer: same data, same model).
    """

    space: Space | None
    random_state: int | np.random.RandomState | None
    n_features_in_: int

    @abstractmethod
    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Learn a metric.

        Args:
            X: `n x n_choices` codes of `space`, or `n x n_features` floats without a space.
            y: `(n,)` values of the metric, finite.
            position: `(n,)` place in the order of measurement; estimators that know no drift ignore
                it.

        Returns:
            The estimator itself.

        Raises:
            ShapeError: If the codes have another shape, or X and y another number of rows.
            SpaceError: If a code is not of this space.
            DataError: If y cannot be learned.
            ValueError: What scikit-learn raises for a plain matrix.
        """

    @abstractmethod
    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric; needs `fit` first."""

    @abstractmethod
    def predictor(self) -> Predictor:
        """Return what ships: the fitted model as plain arrays that need numpy alone."""

    def _check_fit(self, X: ArrayLike, y: ArrayLike) -> tuple[ArrayLike, FloatArray]:
        """Check inputs and target, and remember the number of columns."""
        if self.space is None:
            X, y = validate_data(self, X, y, dtype=np.float32, y_numeric=True)
            return X, np.asarray(y, dtype=np.float64)
        codes, target = check_codes(self.space, X), np.asarray(y, dtype=np.float64)
        if target.shape != (len(codes),):
            raise ShapeError(f"y needs shape ({len(codes)},), got {target.shape}")
        if not len(codes) or not np.isfinite(target).all():
            raise DataError("y needs one row or more, all finite; drop the others first")
        self.n_features_in_ = codes.shape[1]
        return codes, target

    def _check_predict(self, X: ArrayLike) -> ArrayLike:
        """Check that the estimator is fitted, and inputs against those of `fit`."""
        self._check_fitted()
        if self.space is not None:
            return check_codes(self.space, X)
        checked: ArrayLike = validate_data(self, X, reset=False, dtype=np.float32)
        return checked

    def _check_fitted(self) -> None:
        """Raise scikit-learn's `NotFittedError` (a ValueError) before `fit`."""
        check_is_fitted(self)

    def _features(self, checked: ArrayLike) -> Float32Array:
        """Encode checked inputs: `n x n_features` float32."""
        if self.space is not None:
            return OneHot.of(self.space)(checked)
        return np.asarray(checked, dtype=np.float32)


def seeds(random_state: int | np.random.RandomState | None, n: int, /) -> Sequence[int]:
    """Draw `n` independent seeds, 0 to 2^31 - 2, from a scikit-learn `random_state`."""
    drawn = check_random_state(random_state).randint(2**31 - 1, size=n)
    return [int(seed) for seed in drawn]


def threads(n_jobs: int | None, n_rows: int, /) -> int:
    """Return how many threads to use: one for a small batch, -1 asks for all cores.

    Raises:
        DataError: If `n_jobs` is 0 or below -1.
    """
    if n_jobs is not None and (n_jobs == 0 or n_jobs < -1):
        raise DataError(f"n_jobs must be -1, or 1 or more, got {n_jobs}")
    if n_jobs is None or n_rows < SMALL_BATCH:
        return 1
    return (os.cpu_count() or 1) if n_jobs == -1 else n_jobs


AnyEstimator = TypeVar("AnyEstimator", bound=Estimator)


def seeded_copy(estimator: AnyEstimator, seed: int | None = None, /) -> AnyEstimator:
    """Return an unfitted copy, with another seed if one is given."""
    copy: AnyEstimator = clone(estimator)
    if seed is not None:
        copy.set_params(random_state=seed)
    return copy


def fit_rows(
    estimator: AnyEstimator,
    X: ArrayLike,
    y: ArrayLike,
    rows: NDArray[np.int64],
    /,
    *,
    position: ArrayLike | None = None,
) -> AnyEstimator:
    """Fit an estimator on some rows, and return it."""
    place = None if position is None else np.asarray(position)[rows]
    return estimator.fit(np.asarray(X)[rows], np.asarray(y)[rows], position=place)
