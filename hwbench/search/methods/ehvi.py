"""Bayesian optimisation by expected hypervolume improvement.

Emmerich, Deutz, Klinkenberg 2011; the reference point lies a tenth beyond the nadir of the front so
far. (HW-GPT-Bench's lay where no point could improve on it: its acquisition was zero everywhere.)
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.search.methods.acquisition import expected_hypervolume_improvement, reference_point
from hwbench.search.methods.bayesian import BayesianMethod, Belief
from hwbench.search.methods.population import Population

__all__ = ["EHVI"]


@final
class EHVI(BayesianMethod):
    """Expected hypervolume improvement; settings as in `BayesianMethod`."""

    label: ClassVar[str] = "EHVI"
    source: ClassVar[str] = "Emmerich et al. 2011"

    def targets(self, known: Population, /) -> FloatArray:
        """Model each objective."""
        return known.objectives

    def score(self, belief: Belief, chosen: list[int], /) -> FloatArray:
        """Return the expected improvement on the front and what is chosen already."""
        front = belief.front
        if not len(front):  # nothing is feasible yet: only that counts
            return np.ones(len(belief.candidates))
        reference = reference_point(front, belief.known.objectives)
        mean = belief.mean
        return expected_hypervolume_improvement(
            mean,
            belief.deviation,
            np.concatenate([front, mean[chosen]]),
            reference=reference,
            rng=self._rng,
        )
