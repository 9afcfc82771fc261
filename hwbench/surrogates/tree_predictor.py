"""Sums of regression trees in plain arrays: what XGBoost and random forests become when they ship.

All trees share one set of node arrays. The first `n_trees` nodes are the roots; the right child of
a node lies next to its left one; a leaf is its own left child. So one step down for every row and
every tree is `node = left[node] + (x[feature[node]] >= threshold[node])`, and a leaf, whose
threshold is infinite, stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwbench.arrays import AnyArray, BoolArray, FloatArray, Int64Array
from hwbench.errors import BundleError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Float32Array, Json, Settings
from hwbench.surrogates.encoding import Inputs
from hwbench.surrogates.predictor import Predictor, require_arrays, require_counts
from hwbench.surrogates.target import Target

__all__ = [
    "TreePredictor",
    "Trees",
]

_CELLS = 1 << 20  # rows x trees in flight: a few MB of node numbers


@dataclass(frozen=True, eq=False)
class Trees:
    """Node arrays of a sum of trees, each `(n_nodes,)`; see the module.

    Attributes:
        feature: Feature a node looks at; 0 in a leaf.
        threshold: A row goes left if its feature is below this; infinity in a leaf.
        left: Left child; the right one is `left + 1`. In a leaf, the node itself.
        value: What a leaf adds to the sum; 0 elsewhere.
        n_trees: Number of trees.
        depth: Steps from a root to the deepest leaf.
    """

    feature: NDArray[np.int32]
    threshold: Float32Array
    left: NDArray[np.int32]
    value: Float32Array
    n_trees: int
    depth: int

    @classmethod
    def of(
        cls,
        *,
        roots: Int64Array,
        left: Int64Array,
        right: Int64Array,
        feature: Int64Array,
        threshold: Float32Array,
        value: AnyArray,
        leaf: BoolArray,
    ) -> "Trees":
        """Bring trees with free node numbers into this layout, level by level.

        Args:
            roots: `(n_trees,)` root of each tree.
            left: Left child of each node, any number in a leaf.
            right: Right child of each node, any number in a leaf.
            feature: Feature of each inner node.
            threshold: A row goes left below it.
            value: Value of each leaf.
            leaf: Marks the leaves.
        """
        levels, firsts = [roots], []
        placed = len(roots)
        while True:
            inner = levels[-1][~leaf[levels[-1]]]
            firsts.append(placed + 2 * np.arange(len(inner)))
            if not len(inner):
                break
            levels.append(np.stack([left[inner], right[inner]], axis=1).ravel())
            placed += 2 * len(inner)
        order = np.concatenate(levels)  # new place -> old number
        at_leaf = leaf[order]
        children = np.arange(placed)
        children[~at_leaf] = np.concatenate(firsts)
        return cls(
            feature=np.where(at_leaf, 0, feature[order]).astype(np.int32),
            threshold=np.where(at_leaf, np.inf, threshold[order]).astype(np.float32),
            left=children.astype(np.int32),
            value=np.where(at_leaf, value[order], 0.0).astype(np.float32),
            n_trees=len(roots),
            depth=len(levels) - 1,
        )

    @property
    def leaf(self) -> BoolArray:
        """Marks the leaves, `(n_nodes,)`."""
        leaves: BoolArray = self.left == np.arange(len(self.left))
        return leaves

    def sum(self, features: Float32Array, /) -> FloatArray:
        """Add up the leaves that each row of `n x n_features` reaches; returns `(n,)`."""
        n, width = features.shape
        total = np.empty(n)
        block = max(1, _CELLS // max(1, self.n_trees))
        for start in range(0, n, block):
            flat = features[start : start + block].ravel()
            offset = np.arange(0, len(flat), width, dtype=np.int64)[:, None]  # (b, 1)
            node = np.broadcast_to(np.arange(self.n_trees), (len(offset), self.n_trees))
            for _ in range(self.depth):
                right = flat[offset + self.feature[node]] >= self.threshold[node]
                node = self.left[node] + right  # (b, n_trees)
            total[start : start + block] = self.value[node].sum(axis=1, dtype=np.float64)
        return total

    def check(self, *, n_features: int) -> None:
        """Check arrays read from a file: walking down must stay inside and must end.

        Raises:
            BundleError: If they do not describe trees.
        """
        n = len(self.left)
        inner = ~self.leaf
        shapes = {a.shape for a in (self.feature, self.threshold, self.left, self.value)}
        if shapes != {(n,)} or not 0 < self.n_trees <= n or not 0 <= self.depth <= n:
            raise BundleError(f"trees need four arrays of one length, got shapes {sorted(shapes)}")
        below = self.left[inner] > np.flatnonzero(inner)
        if not below.all() or (self.left[inner] + 1 >= n).any():
            raise BundleError("trees have a child that is missing or not below its parent")
        if ((self.feature < 0) | (self.feature >= n_features)).any():
            raise BundleError(f"trees look at a feature outside 0 to {n_features - 1}")
        if not np.isposinf(self.threshold[~inner]).all():
            raise BundleError("trees have a leaf with a finite threshold")
        if not np.isfinite(self.value).all() or np.isnan(self.threshold).any():
            raise BundleError("trees hold a value that is not finite")


@final
@dataclass(frozen=True, eq=False)
class TreePredictor(Predictor):
    """A sum of trees on one-hot features (with a space) or on a plain float matrix.

    Attributes:
        space: The space of the codes, or None.
        n_features: Number of features the trees look at.
        trees: The node arrays.
        target: Takes the sum to the metric.
    """

    kind: ClassVar[str] = "trees"

    space: Space | None
    n_features: int
    trees: Trees
    target: Target
    inputs: Inputs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        inputs = Inputs.of(self.space, n_features=self.n_features)
        object.__setattr__(self, "inputs", inputs)

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the metric for `n` rows; see `Predictor.predict`."""
        return self.target.inverse(self.trees.sum(self.inputs(inputs)))

    def state(self) -> tuple[Arrays, Settings]:
        """Return node arrays and settings; see `Predictor.state`."""
        trees = self.trees
        arrays: Arrays = {
            "feature": trees.feature,
            "threshold": trees.threshold,
            "left": trees.left,
            "value": trees.value,
        }
        return arrays, {
            "n_features": self.n_features,
            "n_trees": trees.n_trees,
            "depth": trees.depth,
            "target": self.target.to_json(),
        }

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        feature, threshold, left, value = require_arrays(
            arrays, "feature", "threshold", "left", "value"
        )
        n_features, n_trees, depth = require_counts(settings, "n_features", "n_trees", "depth")
        trees = Trees(
            feature=feature.astype(np.int32),
            threshold=threshold.astype(np.float32),
            left=left.astype(np.int32),
            value=value.astype(np.float32),
            n_trees=n_trees,
            depth=depth,
        )
        trees.check(n_features=n_features)
        return cls(space, n_features, trees, Target.from_json(settings.get("target")))
