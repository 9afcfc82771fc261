"""Random forest surrogate (Breiman 2001), by scikit-learn.

Robust and hard to misuse, but weaker than boosting on additive metrics such as latency. Needs the
extra `fit`; `predictor()` needs numpy alone.
"""

from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import require
from hwbench.spaces import Space
from hwbench.surrogates._types import Float32Array
from hwbench.surrogates.estimator import Estimator, seeds, threads
from hwbench.surrogates.target import Target
from hwbench.surrogates.tree_predictor import TreePredictor, Trees

__all__ = [
    "RandomForest",
    "forest_trees",
    "strict_threshold",
]


@final
class RandomForest(Estimator):
    """Mean of randomised regression trees on one-hot features.

    Args:
        space: The space of the codes; None: X is a plain float matrix.
        n_trees: Number of trees.
        min_leaf: Fewest rows in a leaf; larger leaves make a smaller file.
        column_share: Share of the features tried at each split.
        log_target: Learn the logarithm of the metric.
        n_jobs: Threads for fit and for large batches; -1 for all cores. Does not change the answer.
        random_state: Seed.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        n_trees: int = 300,
        min_leaf: int = 2,
        column_share: float = 0.5,
        log_target: bool = False,
        n_jobs: int | None = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.n_trees = n_trees
        self.min_leaf = min_leaf
        self.column_share = column_share
        self.log_target = log_target
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Grow the trees; see `Estimator.fit`. `position` is ignored."""
        inputs, target = self._check_fit(X, y)
        self.target_ = Target.of(target, log=self.log_target)
        self.forest_ = require("sklearn.ensemble", "fit").RandomForestRegressor(
            n_estimators=self.n_trees,
            min_samples_leaf=self.min_leaf,
            max_features=self.column_share,
            n_jobs=threads(self.n_jobs, len(target)),
            random_state=seeds(self.random_state, 1)[0],
        )
        self.forest_.fit(self._features(inputs), self.target_.forward(target))
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric with scikit-learn itself."""
        features = self._features(self._check_predict(X))
        self.forest_.set_params(n_jobs=threads(self.n_jobs, len(features)))
        return self.target_.inverse(self.forest_.predict(features))

    def predictor(self) -> TreePredictor:
        """Return the trees as plain arrays."""
        self._check_fitted()
        trees = forest_trees(self.forest_)
        return TreePredictor(self.space, self.forest_.n_features_in_, trees, self.target_)


def forest_trees(forest: Any, /) -> Trees:
    """Return a scikit-learn forest's trees as plain arrays; a leaf holds its share of the mean."""
    trees = [tree.tree_ for tree in forest.estimators_]
    sizes = np.array([tree.node_count for tree in trees])
    roots = np.cumsum(sizes) - sizes
    start = np.repeat(roots, sizes)  # first node of each node's tree
    left = np.concatenate([tree.children_left for tree in trees])
    return Trees.of(
        roots=roots,
        left=left + start,
        right=np.concatenate([tree.children_right for tree in trees]) + start,
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=strict_threshold(np.concatenate([tree.threshold for tree in trees])),
        value=np.concatenate([tree.value[:, 0, 0] for tree in trees]) / len(trees),
        leaf=left < 0,
    )


def strict_threshold(threshold: FloatArray, /) -> Float32Array:
    """Turn "x <= threshold" into "x < strict_threshold", exactly, for every float32 x."""
    near = threshold.astype(np.float32)
    below = np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
    return np.nextafter(below, np.float32(np.inf))
