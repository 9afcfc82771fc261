"""A surrogate and the drift of the machine, estimated together.

Measured = surrogate(architecture) x exp(drift(time) + noise). Alternates between the surrogate,
fitted to values freed of drift and weighted against outliers, and the drift behind its residuals.
What comes out predicts a visit of average drift.
"""

from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import DataError, ShapeError
from hwbench.spaces import Space
from hwbench.surrogates.estimator import Estimator, seeded_copy
from hwbench.surrogates.layerwise import Layerwise
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor
from hwbench.surrogates.smoothing import estimate_drift

__all__ = ["DriftCorrected"]

_FLOOR = 0.05
"""Predictions are kept above this share of the median: a residual needs a logarithm."""


@final
class DriftCorrected(Estimator):
    """A layer-wise surrogate fitted free of drift and of outliers.

    Args:
        estimator: The surrogate; None: `Layerwise()`, which needs a space.
        n_rounds: Rounds of surrogate, then drift.
        random_state: Unused: the fit is deterministic.

    Attributes:
        estimator_: The fitted surrogate.
        drift_: `(n,)` log drift at each row, from the row's neighbours in time.
        weights_: `(n,)` robust weights.
    """

    def __init__(
        self,
        estimator: Layerwise | None = None,
        *,
        n_rounds: int = 4,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_rounds = n_rounds
        self.random_state = random_state

    @property
    def space(self) -> Space | None:  # type: ignore[override]  # its estimator's, not a setting
        """The space of the estimator."""
        return None if self.estimator is None else self.estimator.space

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        position: ArrayLike | None = None,
        session: ArrayLike | None = None,
    ) -> Self:
        """Fit surrogate and drift; see `Estimator.fit`.

        Args:
            X: Codes.
            y: `(n,)` values of the metric, above 0.
            position: `(n,)` order of measurement: numbers or times; None: the order of the rows.
            session: `(n,)` label of the visit a row belongs to; None: all are one visit.

        Raises:
            DataError: If a value is not above 0, a position is not finite, or there is no round.
            ShapeError: If `position` or `session` has another length than `y`.
        """
        if self.n_rounds < 1:
            raise DataError(f"n_rounds must be 1 or more, got {self.n_rounds}")
        codes, target = self._check_fit(X, y)
        if (target <= 0).any():
            raise DataError("drift is a factor: values must be above 0")
        place = _labels("position", position, np.arange(len(target)), len(target))
        visit = _labels("session", session, np.zeros(len(target), dtype=np.int64), len(target))
        base = Layerwise() if self.estimator is None else self.estimator
        drift, weights = np.zeros(len(target)), np.ones(len(target))
        for _ in range(self.n_rounds):
            self.estimator_ = seeded_copy(base).fit(
                codes, target * np.exp(-drift), sample_weight=weights
            )
            estimate = estimate_drift(self._residuals(codes, target), place, visit)
            drift, weights = estimate.drift, estimate.weights
        self.drift_, self.weights_ = drift, weights
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric in a visit of average drift."""
        checked = self._check_predict(X)
        return self.estimator_.predict(checked)

    def predictor(self) -> LayerwisePredictor:
        """Return the surrogate's tables."""
        self._check_fitted()
        return self.estimator_.predictor()

    def _residuals(self, codes: ArrayLike, target: FloatArray) -> FloatArray:
        floor = _FLOOR * float(np.median(target))
        return np.log(target) - np.log(np.maximum(self.estimator_.predict(codes), floor))


def _labels(name: str, given: ArrayLike | None, default: Int64Array, n: int) -> Int64Array:
    """Number the different values of `given` in ascending order, `(n,)`."""
    labels = default if given is None else np.asarray(given)
    if labels.shape != (n,):
        raise ShapeError(f"{name} needs shape ({n},), got {labels.shape}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DataError(f"{name} must be finite")
    numbers: Int64Array = np.unique(labels, return_inverse=True)[1].reshape(n).astype(np.int64)
    return numbers
