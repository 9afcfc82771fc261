"""Surrogates: cheap models of measured metrics.

Two sides. *Estimators* learn from codes and measurements, scikit-learn style, and need the extra
`fit`. *Predictors* are what an estimator's `predictor()` returns and what ships: plain arrays that
answer with numpy alone. Importing this package imports neither scikit-learn nor XGBoost; an
estimator's module comes when its name is first used.

>>> import numpy as np
>>> from hwbench import spaces, surrogates
>>> space = spaces.get("gpt-s")
>>> codes = space.sample_codes(200, np.random.default_rng(0))
>>> latency_s = 1e-3 * space.depths(codes)
>>> model = surrogates.XGBoost(space, n_trees=50, random_state=0).fit(codes, latency_s)
>>> predictor = model.predictor()
>>> predictor.predict(codes[:1]).round(3) == latency_s[:1]
array([ True])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwbench.lazy import lazy_names
from hwbench.surrogates.encoding import OneHot
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor
from hwbench.surrogates.predictor import PREDICTORS, Predictor, load, pack, save, unpack
from hwbench.surrogates.uncertainty import Uncertainty

if TYPE_CHECKING:
    from hwbench.surrogates.boosting import XGBoost, XGBoostQuantiles
    from hwbench.surrogates.conformal import QuantileConformal, ResidualConformal
    from hwbench.surrogates.drift import DriftCorrected
    from hwbench.surrogates.ensemble import Ensemble
    from hwbench.surrogates.estimator import Estimator
    from hwbench.surrogates.forest import RandomForest
    from hwbench.surrogates.layerwise import Layerwise
    from hwbench.surrogates.mlp import MLP

# Name -> module; these need the extra `fit`.
_LAZY: dict[str, str | None] = {
    "DriftCorrected": "hwbench.surrogates.drift",
    "Ensemble": "hwbench.surrogates.ensemble",
    "Estimator": "hwbench.surrogates.estimator",
    "Layerwise": "hwbench.surrogates.layerwise",
    "MLP": "hwbench.surrogates.mlp",
    "QuantileConformal": "hwbench.surrogates.conformal",
    "RandomForest": "hwbench.surrogates.forest",
    "ResidualConformal": "hwbench.surrogates.conformal",
    "XGBoost": "hwbench.surrogates.boosting",
    "XGBoostQuantiles": "hwbench.surrogates.boosting",
}

__all__ = [
    "MLP",
    "PREDICTORS",
    "DriftCorrected",
    "Ensemble",
    "Estimator",
    "Layerwise",
    "LayerwisePredictor",
    "OneHot",
    "Predictor",
    "QuantileConformal",
    "RandomForest",
    "ResidualConformal",
    "Uncertainty",
    "XGBoost",
    "XGBoostQuantiles",
    "load",
    "pack",
    "save",
    "unpack",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
