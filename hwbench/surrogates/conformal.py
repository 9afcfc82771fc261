"""Conformal intervals around any estimator: they hold what they say on exchangeable rows.

`ResidualConformal` takes the residuals of held-out rows (split conformal, Lei et al. 2018; or out
of fold, which wastes no rows). `QuantileConformal` learns quantiles and then widens them (CQR,
Romano et al. 2019). Exchangeable means: new architectures measured like those fitted. A new session
of a drifting machine is not; the method "blocks" holds whole stretches of time out, and so counts
drift as error.
"""

from collections.abc import Sequence
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray
from hwbench.spaces import Space
from hwbench.surrogates.boosting import XGBoost, XGBoostQuantiles
from hwbench.surrogates.calibration import Margins, Residuals, difference, tail_levels
from hwbench.surrogates.estimator import Estimator, fit_rows, seeded_copy, seeds
from hwbench.surrogates.folds import out_of_fold, random_folds
from hwbench.surrogates.hold_out import Method, Plan, hold_out
from hwbench.surrogates.interval_predictor import (
    QuantileIntervalPredictor,
    ResidualIntervalPredictor,
)
from hwbench.surrogates.quantile_predictor import QuantilePredictor

__all__ = [
    "QuantileConformal",
    "ResidualConformal",
]

_FLOOR = 0.25
"""Share of the mean residual added to a learned spread, so that a lucky row does not weigh most."""


@final
class ResidualConformal(Estimator):
    """Intervals from the residuals of rows that the model had not seen.

    Args:
        estimator: What predicts; its seed is replaced. None: `XGBoost()`.
        spread: Learns how large residuals are, from their absolute values, so that intervals widen
            where the model errs more; None: one width everywhere.
        method: "out-of-fold": residuals by cross-validation, the model refitted on all rows;
            "blocks": the same with blocks of the order of measurement as folds (`fit` needs
            `position`); "split": a share of the rows is held out for residuals only, which is what
            coverage is proved for.
        n_folds: Number of folds, also for the spread.
        calibration_share: Share of the rows held out by "split".
        log_residuals: Residuals of logarithms: limits are a factor away, not a distance.
        random_state: Seed of models and folds.

    Attributes:
        center_: The fitted estimator.
        spread_: The fitted spread, or None.
        residuals_: Held-out residuals (`Residuals`), in units of the spread.
    """

    def __init__(
        self,
        estimator: Estimator | None = None,
        *,
        spread: Estimator | None = None,
        method: Method = "out-of-fold",
        n_folds: int = 10,
        calibration_share: float = 0.2,
        log_residuals: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.spread = spread
        self.method = method
        self.n_folds = n_folds
        self.calibration_share = calibration_share
        self.log_residuals = log_residuals
        self.random_state = random_state

    @property
    def space(self) -> Space | None:  # type: ignore[override]  # its estimator's, not a setting
        """The space of the estimator."""
        return None if self.estimator is None else self.estimator.space

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Fit the model, and calibrate it on held-out rows; see `Estimator.fit`.

        Raises:
            DataError: If there are too few rows to hold some out, or "blocks" lacks positions.
        """
        inputs, target = self._check_fit(X, y)
        model_seed, spread_seed, fold_seed = seeds(self.random_state, 3)
        rng = np.random.default_rng(fold_seed)
        base: Estimator = XGBoost() if self.estimator is None else self.estimator
        held = hold_out(
            seeded_copy(base, model_seed),
            np.asarray(inputs),
            target,
            lambda model, rows: model.predict(rows),
            plan=Plan(self.method, self.n_folds, self.calibration_share),
            position=position,
            rng=rng,
        )
        self.center_ = held.model
        residuals = difference(held.measured, held.answers, log=self.log_residuals)
        self.spread_ = None if self.spread is None else seeded_copy(self.spread, spread_seed)
        self.floor_ = _FLOOR * float(np.abs(residuals).mean()) or 1.0
        spread = self._unseen_spread(held.inputs, np.abs(residuals), rng)
        self.residuals_ = Residuals(np.sort(residuals / spread), self.log_residuals)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric by the fitted estimator."""
        inputs = self._check_predict(X)
        return self.center_.predict(inputs)

    def predict_interval(
        self, X: ArrayLike, *, level: float = 0.9
    ) -> tuple[FloatArray, FloatArray]:
        """Return limits, `(n,)` each, that hold a measurement with probability `level`.

        Each side is missed with probability (1 - level) / 2 at most. Infinite if too few rows were
        held out.

        Raises:
            DataError: If `level` is not inside (0, 1).
        """
        center = self.predict(X)
        return self.residuals_.interval(center, self._spread(X), level=level)

    def predict_quantiles(self, X: ArrayLike, *, levels: ArrayLike) -> FloatArray:
        """Return `n x k` quantiles of the predictive distribution at `(k,)` levels."""
        center = self.predict(X)
        return self.residuals_.quantiles(center, self._spread(X), levels=levels)

    def predictor(self) -> ResidualIntervalPredictor:
        """Return the model and its residuals as plain arrays."""
        self._check_fitted()
        spread = None if self.spread_ is None else self.spread_.predictor()
        return ResidualIntervalPredictor(
            self.space, self.center_.predictor(), spread, self.floor_, self.residuals_
        )

    def _spread(self, X: ArrayLike) -> FloatArray:
        if self.spread_ is None:
            return np.ones(len(np.asarray(X)))
        return np.maximum(self.spread_.predict(X), 0.0) + self.floor_

    def _unseen_spread(
        self, X: AnyArray, sizes: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Fit the spread to the residuals' sizes; return what copies say of rows not seen."""
        model = self.spread_
        if model is None:
            return np.ones(len(sizes))
        unseen = out_of_fold(
            lambda rows: fit_rows(seeded_copy(model), X, sizes, rows),
            lambda fitted, rows: fitted.predict(X[rows]),
            random_folds(len(sizes), min(self.n_folds, len(sizes)), rng),
        )
        model.fit(X, sizes)
        return np.maximum(unseen, 0.0) + self.floor_


@final
class QuantileConformal(Estimator):
    """Conformalised quantile regression: learned quantiles, moved until they hold what they say.

    Args:
        estimator: What learns the quantiles; its levels and its seed are replaced. None:
            `XGBoostQuantiles()`.
        levels: Levels of the intervals that will be asked for.
        method: How rows are held out; see `ResidualConformal`.
        n_folds: Number of folds.
        calibration_share: Share of the rows held out by "split".
        log_residuals: Move the quantiles by a factor, not a distance.
        random_state: Seed of models and folds.

    Attributes:
        heads_: The fitted quantiles.
        margins_: How far each interval moves (`Margins`).
    """

    def __init__(
        self,
        estimator: XGBoostQuantiles | None = None,
        *,
        levels: Sequence[float] = (0.5, 0.8, 0.9, 0.95),
        method: Method = "out-of-fold",
        n_folds: int = 5,
        calibration_share: float = 0.2,
        log_residuals: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.levels = levels
        self.method = method
        self.n_folds = n_folds
        self.calibration_share = calibration_share
        self.log_residuals = log_residuals
        self.random_state = random_state

    @property
    def space(self) -> Space | None:  # type: ignore[override]  # its estimator's, not a setting
        """The space of the estimator."""
        return None if self.estimator is None else self.estimator.space

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Fit the quantiles, and calibrate them on held-out rows; see `ResidualConformal.fit`."""
        heads = tail_levels(self.levels)
        inputs, target = self._check_fit(X, y)
        model_seed, fold_seed = seeds(self.random_state, 2)
        base = XGBoostQuantiles() if self.estimator is None else self.estimator
        model = seeded_copy(base, model_seed)
        model.set_params(levels=heads)
        held = hold_out(
            model,
            np.asarray(inputs),
            target,
            lambda fitted, rows: fitted.predict_quantiles(rows),
            plan=Plan(self.method, self.n_folds, self.calibration_share),
            position=position,
            rng=np.random.default_rng(fold_seed),
        )
        self.heads_ = held.model
        self.margins_ = Margins.of(
            held.measured,
            held.answers,
            head_levels=heads,
            levels=self.levels,
            log=self.log_residuals,
        )
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict the median of the metric, `(n,)`."""
        inputs = self._check_predict(X)
        return self.heads_.predict(inputs)

    def predict_interval(
        self, X: ArrayLike, *, level: float = 0.9
    ) -> tuple[FloatArray, FloatArray]:
        """Return limits, `(n,)` each, that hold a measurement with probability `level`.

        Raises:
            DataError: If `level` is not among `levels`.
        """
        inputs = self._check_predict(X)
        heads = tail_levels(self.levels)
        quantiles = self.heads_.predict_quantiles(inputs)
        return self.margins_.interval(quantiles, head_levels=heads, level=level)

    def predictor(self) -> QuantileIntervalPredictor:
        """Return the quantiles and their margins as plain arrays."""
        self._check_fitted()
        heads: QuantilePredictor = self.heads_.predictor()
        return QuantileIntervalPredictor(self.space, heads, self.margins_)
