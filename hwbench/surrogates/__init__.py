"""Surrogates: cheap models of measured metrics.

Two sides. *Estimators* learn from codes and measurements and need the extra `fit`; import them from
their own module (`hwbench.surrogates.boosting`, `.forest`, `.mlp`, ...). *Predictors* answer with
numpy alone. Importing this package imports neither scikit-learn nor XGBoost.
"""

from hwbench.surrogates.encoding import OneHot
from hwbench.surrogates.predictor import PREDICTORS, Predictor, load, pack, save, unpack

__all__ = ["PREDICTORS", "OneHot", "Predictor", "load", "pack", "save", "unpack"]
