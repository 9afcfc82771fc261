"""XGBoost surrogates: gradient-boosted trees for the mean (or median) and for quantiles.

Chen & Guestrin 2016. The strong rival for tables of a few thousand architectures: no feature
engineering, hard to beat without knowing the structure. Needs the extra `fit`; `predictor()` needs
numpy alone.
"""

from collections.abc import Sequence
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError
from hwbench.spaces import Space
from hwbench.surrogates.estimator import Estimator
from hwbench.surrogates.quantile_predictor import QuantilePredictor
from hwbench.surrogates.target import Target
from hwbench.surrogates.tree_predictor import TreePredictor
from hwbench.surrogates.xgboost_trees import booster_trees, parameters, run, train

__all__ = [
    "XGBoost",
    "XGBoostQuantiles",
]


@final
class XGBoost(Estimator):
    """Gradient-boosted trees on one-hot features.

    The target is standardised first, so that predictions do not depend on its unit.

    Args:
        space: The space of the codes; None: X is a plain float matrix.
        n_trees: Number of boosting rounds.
        learning_rate: Shrinkage of each tree, in (0, 1].
        max_depth: Depth of each tree, up to 24.
        min_leaf: Fewest rows in a leaf.
        l2: L2 penalty on leaf values.
        row_share: Share of the rows each tree sees.
        column_share: Share of the features each tree sees.
        log_target: Learn the logarithm of the metric: equal relative instead of absolute errors.
        n_jobs: Threads for fit and for large batches; -1 for all cores. Sums, and so the last
            digits, may depend on it.
        random_state: Seed.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        n_trees: int = 1000,
        learning_rate: float = 0.1,
        max_depth: int = 3,
        min_leaf: float = 5.0,
        l2: float = 1.0,
        row_share: float = 0.8,
        column_share: float = 1.0,
        log_target: bool = False,
        n_jobs: int | None = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_leaf = min_leaf
        self.l2 = l2
        self.row_share = row_share
        self.column_share = column_share
        self.log_target = log_target
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Grow the trees; see `Estimator.fit`. `position` is ignored."""
        inputs, target = self._check_fit(X, y)
        self.target_ = Target.of(target, log=self.log_target)
        settings = parameters(self, objective="reg:squarederror", n_rows=len(target))
        self.booster_ = train(
            self._features(inputs), self.target_.forward(target), settings, self.n_trees
        )
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric with XGBoost itself."""
        features = self._features(self._check_predict(X))
        return self.target_.inverse(run(self.booster_, features, n_jobs=self.n_jobs))

    def predictor(self) -> TreePredictor:
        """Return the trees as plain arrays."""
        self._check_fitted()
        trees = booster_trees(self.booster_)[0]
        return TreePredictor(self.space, self.booster_.num_features(), trees, self.target_)


@final
class XGBoostQuantiles(Estimator):
    """Boosted trees for several quantiles of the metric, by pinball loss; not yet calibrated.

    Wrap it in `hwbench.surrogates.conformal.QuantileConformal` for intervals that hold what they
    say.

    Args:
        space: The space of the codes; None: X is a plain float matrix.
        levels: Quantiles to learn, ascending, inside (0, 1).
        n_trees: Number of boosting rounds; each grows one tree a level.
        learning_rate: Shrinkage of each tree, in (0, 1].
        max_depth: Depth of each tree.
        min_leaf: Fewest rows in a leaf.
        l2: L2 penalty on leaf values.
        row_share: Share of the rows each tree sees.
        column_share: Share of the features each tree sees.
        log_target: Learn the logarithm of the metric.
        n_jobs: Threads for fit and for large batches; -1 for all cores.
        random_state: Seed.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        levels: Sequence[float] = (0.05, 0.5, 0.95),
        n_trees: int = 400,
        learning_rate: float = 0.1,
        max_depth: int = 3,
        min_leaf: float = 5.0,
        l2: float = 1.0,
        row_share: float = 0.8,
        column_share: float = 1.0,
        log_target: bool = False,
        n_jobs: int | None = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.levels = levels
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_leaf = min_leaf
        self.l2 = l2
        self.row_share = row_share
        self.column_share = column_share
        self.log_target = log_target
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Grow the trees; see `Estimator.fit`. `position` is ignored.

        Raises:
            DataError: If `levels` do not ascend inside (0, 1).
        """
        levels = np.asarray(self.levels, dtype=np.float64)
        if levels.ndim != 1 or not len(levels) or (np.diff([0.0, *levels, 1.0]) <= 0).any():
            raise DataError(f"levels must ascend inside (0, 1), got {self.levels}")
        inputs, target = self._check_fit(X, y)
        self.target_ = Target.of(target, log=self.log_target)
        settings = parameters(self, objective="reg:quantileerror", n_rows=len(target))
        settings |= {"quantile_alpha": levels.tolist()}
        self.booster_ = train(
            self._features(inputs), self.target_.forward(target), settings, self.n_trees
        )
        return self

    def predict_quantiles(self, X: ArrayLike) -> FloatArray:
        """Predict `n x len(levels)` quantiles, each row sorted, so that quantiles never cross."""
        features = self._features(self._check_predict(X))
        raw = run(self.booster_, features, n_jobs=self.n_jobs).reshape(len(features), -1)
        return self.target_.inverse(np.sort(raw, axis=1))

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict the learned quantile next to the median, `(n,)`."""
        return self.predict_quantiles(X)[:, self._median()]

    def predictor(self) -> QuantilePredictor:
        """Return one sum of trees a level."""
        self._check_fitted()
        width = self.booster_.num_features()
        heads = tuple(
            TreePredictor(self.space, width, trees, self.target_)
            for trees in booster_trees(self.booster_)
        )
        return QuantilePredictor(self.space, heads, tuple(float(v) for v in self.levels))

    def _median(self) -> int:
        return int(np.argmin(np.abs(np.asarray(self.levels) - 0.5)))
