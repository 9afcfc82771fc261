"""Hand a problem to other people's search libraries: pymoo, optuna, ConfigSpace."""

from __future__ import annotations

from hwbench.search.adapters.config_space import evaluate_configurations, to_configspace
from hwbench.search.adapters.optuna_objective import OptunaObjective, to_optuna
from hwbench.search.adapters.pymoo_problem import to_pymoo

__all__ = [
    "OptunaObjective",
    "evaluate_configurations",
    "to_configspace",
    "to_optuna",
    "to_pymoo",
]
