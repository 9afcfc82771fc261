"""The few calls to XGBoost that the boosting estimators share, and its trees as plain arrays."""

import json
from collections import defaultdict
from typing import Any, Protocol

import numpy as np

from hwbench.arrays import AnyArray, FloatArray
from hwbench.errors import DataError, require
from hwbench.surrogates._types import Float32Array
from hwbench.surrogates.estimator import seeds, threads
from hwbench.surrogates.tree_predictor import Trees

__all__ = [
    "booster_trees",
    "parameters",
    "run",
    "train",
]


class Boosting(Protocol):
    """The settings that all boosting estimators have."""

    learning_rate: float
    max_depth: int
    min_leaf: float
    l2: float
    row_share: float
    column_share: float
    n_jobs: int | None
    random_state: int | np.random.RandomState | None


def parameters(model: Boosting, /, *, objective: str, n_rows: int) -> dict[str, Any]:
    """Return XGBoost's parameters for a model; the target must be standardised.

    Raises:
        DataError: If a setting is out of range.
    """
    if not 1 <= model.max_depth <= 24:
        raise DataError(f"max_depth must be 1 to 24, got {model.max_depth}")
    for name in ("learning_rate", "row_share", "column_share"):
        if not 0 < getattr(model, name) <= 1:
            raise DataError(f"{name} must lie in (0, 1], got {getattr(model, name)}")
    return {
        "objective": objective,
        "base_score": 0.0,
        "tree_method": "hist",
        "learning_rate": model.learning_rate,
        "max_depth": model.max_depth,
        "min_child_weight": model.min_leaf,
        "lambda": model.l2,
        "subsample": model.row_share,
        "colsample_bytree": model.column_share,
        "nthread": threads(model.n_jobs, n_rows),
        "seed": seeds(model.random_state, 1)[0],
    }


def train(features: Float32Array, z: FloatArray, settings: dict[str, Any], n_trees: int, /) -> Any:
    """Grow `n_trees` rounds on `n x n_features` features; returns an XGBoost `Booster`.

    Raises:
        MissingExtraError: If XGBoost is missing (extra `fit`).
    """
    if n_trees < 1:
        raise DataError(f"n_trees must be 1 or more, got {n_trees}")
    xgboost = require("xgboost", "fit")
    rows = xgboost.DMatrix(features, label=z, nthread=settings["nthread"])
    return xgboost.train(settings, rows, num_boost_round=n_trees)


def run(booster: Any, features: Float32Array, /, *, n_jobs: int | None) -> AnyArray:
    """Return the booster's raw answer; a small batch runs on one thread."""
    booster.set_param({"nthread": threads(n_jobs, len(features))})
    answer: AnyArray = booster.inplace_predict(features)
    return answer


def booster_trees(booster: Any, /) -> list[Trees]:
    """Return a booster's trees as plain arrays, one sum of trees per output."""
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    by_output: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for output, tree in zip(model["tree_info"], model["trees"], strict=True):
        by_output[output].append(tree)
    return [_joined(trees) for _, trees in sorted(by_output.items())]


def _joined(trees: list[dict[str, Any]]) -> Trees:
    sizes = np.array([len(tree["left_children"]) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    start = np.repeat(roots, sizes)  # first node of each node's tree
    left = np.concatenate([tree["left_children"] for tree in trees]).astype(np.int64)
    right = np.concatenate([tree["right_children"] for tree in trees]).astype(np.int64)
    # XGBoost keeps a leaf's value where an inner node has its threshold.
    condition = np.concatenate([tree["split_conditions"] for tree in trees]).astype(np.float32)
    return Trees.of(
        roots=roots,
        left=left + start,
        right=right + start,
        feature=np.concatenate([tree["split_indices"] for tree in trees]).astype(np.int64),
        threshold=condition,
        value=condition,
        leaf=left < 0,
    )
