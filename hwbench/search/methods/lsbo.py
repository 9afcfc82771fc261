"""Bayesian optimisation of the mean of the objectives: one point of the front, and its vicinity.

The linear scalarisation of syne-tune's LSOBO, which HW-GPT-Bench ran, with expected improvement.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.search.methods.acquisition import expected_improvement
from hwbench.search.methods.bayesian import BayesianMethod, Belief
from hwbench.search.methods.population import Population

__all__ = ["LSBO"]


@final
class LSBO(BayesianMethod):
    """Linear-scalarised Bayesian optimisation; settings as in `BayesianMethod`."""

    label: ClassVar[str] = "LSBO"
    source: ClassVar[str] = "linear scalarisation, expected improvement (Jones et al. 1998)"

    def targets(self, known: Population, /) -> FloatArray:
        """Model the mean of the scaled objectives."""
        return np.asarray(known.objectives.mean(axis=1, keepdims=True), dtype=np.float64)

    def score(self, belief: Belief, chosen: list[int], /) -> FloatArray:
        """Return the expected improvement on the best feasible mean."""
        values = belief.known.objectives.mean(axis=1)
        feasible = values[belief.known.violations <= 0.0]
        best = float((feasible if len(feasible) else values).min())
        best = min([best, *belief.mean[chosen, 0].tolist()])
        return expected_improvement(belief.mean[:, 0], belief.deviation[:, 0], best=best)
