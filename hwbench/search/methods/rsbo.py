"""Bayesian optimisation with random weights: each pick goes for another point of the front.

Paria, Kandasamy, Póczos 2020, "A flexible framework for multi-objective Bayesian optimization using
random scalarizations", with linear weights and confidence bounds, as HW-GPT-Bench ran it.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.search.methods.bayesian import BayesianMethod, Belief
from hwbench.search.methods.population import Population
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["RSBO"]


@final
class RSBO(BayesianMethod):
    """Random-scalarised Bayesian optimisation.

    Args:
        space: The space.
        n_objectives: How many objectives there are.
        rng: Source of all randomness.
        initial: Random architectures to begin with.
        batch: How many to ask for at once; each has its own weights.
        candidates: How many are scored.
        beta: Standard deviations below the mean that count as within reach.
    """

    label: ClassVar[str] = "RSBO"
    source: ClassVar[str] = "Paria et al. 2020"
    shortlist: ClassVar[int | None] = None

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        initial: int = 20,
        batch: int = 10,
        candidates: int = 400,
        beta: float = 2.0,
    ) -> None:
        super().__init__(
            space, n_objectives, rng=rng, initial=initial, batch=batch, candidates=candidates
        )
        if beta < 0.0:
            raise ProblemError(f"beta must be 0 or more, got {beta}")
        self._beta = beta

    def targets(self, known: Population, /) -> FloatArray:
        """Model each objective."""
        return known.objectives

    def score(self, belief: Belief, chosen: list[int], /) -> FloatArray:
        """Return a randomly weighted sum of optimistic values, turned so that 1 is best."""
        weights = self._rng.dirichlet(np.ones(self.n_objectives))
        optimistic = (belief.mean - self._beta * belief.deviation) @ weights
        best, worst = float(optimistic.min()), float(optimistic.max())
        # In 0 to 1, so that the probability of being feasible can weigh it.
        return (worst - optimistic) / (worst - best or 1.0)
