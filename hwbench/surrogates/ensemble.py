"""Ensembles of any estimator: NAS-Bench-301's mean and standard deviation (Zela et al. 2022).

Members differ by seed, and by the data they see: each of ten leaves one tenth out, so that the
ensemble also brings a prediction for every row by a member that has not seen it. The standard
deviation is no calibrated error; see `hwbench.surrogates.conformal`.
"""

from typing import Literal, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError
from hwbench.spaces import Space
from hwbench.surrogates.boosting import XGBoost
from hwbench.surrogates.ensemble_predictor import EnsemblePredictor
from hwbench.surrogates.estimator import Estimator, fit_rows, seeded_copy, seeds
from hwbench.surrogates.folds import Rows, random_folds, splits

__all__ = [
    "Ensemble",
]

Bagging = Literal["folds", "bootstrap", "none"]


@final
class Ensemble(Estimator):
    """Several copies of one estimator; the mean is the prediction.

    Args:
        estimator: What to copy; its seed is replaced. None: `XGBoost()`.
        n_members: Number of copies, 2 or more with folds.
        bagging: "folds": each member leaves one of `n_members` folds out; "bootstrap": each sees a
            sample with replacement; "none": all see all rows, and differ by seed (deep ensembles,
            Lakshminarayanan et al. 2017).
        random_state: Seed of the members and of the folds.

    Attributes:
        members_: The fitted copies.
        out_of_fold_: With folds, `(n,)` predictions of each row by the member that has not seen it;
            the honest material for residuals.
    """

    def __init__(
        self,
        estimator: Estimator | None = None,
        *,
        n_members: int = 10,
        bagging: Bagging = "folds",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_members = n_members
        self.bagging = bagging
        self.random_state = random_state

    @property
    def space(self) -> Space | None:  # type: ignore[override]  # its estimator's, not a setting
        """The space of the estimator."""
        return None if self.estimator is None else self.estimator.space

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Fit the members; see `Estimator.fit`. `position` goes to them.

        Raises:
            DataError: If there are fewer members than bagging needs, or fewer rows than folds.
        """
        if self.n_members < 1 or self.bagging not in ("folds", "bootstrap", "none"):
            raise DataError("an ensemble needs n_members >= 1, bagging folds, bootstrap or none")
        inputs, target = self._check_fit(X, y)
        matrix = np.asarray(inputs)
        *own, last = seeds(self.random_state, self.n_members + 1)
        rows = self._rows(len(target), np.random.default_rng(last))
        base = XGBoost() if self.estimator is None else self.estimator
        self.members_ = [
            fit_rows(seeded_copy(base, seed), matrix, target, seen, position=position)
            for seed, (seen, _) in zip(own, rows, strict=True)
        ]
        if self.bagging == "folds":
            self.out_of_fold_ = np.empty(len(target))
            for member, (_, held) in zip(self.members_, rows, strict=True):
                self.out_of_fold_[held] = member.predict(matrix[held])
        return self

    def predict_mean_std(self, X: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation over the members (divided by their number)."""
        inputs = self._check_predict(X)
        values = np.stack([member.predict(inputs) for member in self.members_])  # (m, n)
        return values.mean(axis=0), values.std(axis=0)

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict the mean of the members, `(n,)`."""
        return self.predict_mean_std(X)[0]

    def predictor(self) -> EnsemblePredictor:
        """Return the members' predictors as one."""
        self._check_fitted()
        return EnsemblePredictor(self.space, tuple(m.predictor() for m in self.members_))

    def _rows(self, n: int, rng: np.random.Generator) -> list[tuple[Rows, Rows]]:
        """Return the rows each member learns from, and those left out for it."""
        everything, nothing = np.arange(n), np.arange(0)
        if self.bagging == "folds":
            return list(splits(random_folds(n, self.n_members, rng)))
        if self.bagging == "bootstrap":
            return [(rng.integers(n, size=n), nothing) for _ in range(self.n_members)]
        return [(everything, nothing)] * self.n_members
