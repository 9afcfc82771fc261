"""Multi-objective regularised evolution: the best of a random sample has a child, the oldest dies.

Real et al. 2019, "Regularized evolution for image classifier architecture search" (algorithm 1),
with the winner of a sample decided by Pareto front and crowding, as in the MO-REA that
HW-GPT-Bench ran. Several children are made from one population at a time, as with parallel workers.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.search.methods.method import Method
from hwbench.search.methods.population import Population
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["MOREA"]


@final
class MOREA(Method):
    """Multi-objective regularised evolution.

    Args:
        space: The space.
        n_objectives: How many objectives there are.
        rng: Source of all randomness.
        population: How many live.
        sample: How many compete to become a parent.
        batch: Children at a time.
    """

    label: ClassVar[str] = "MO-REA"
    source: ClassVar[str] = "Real et al. 2019"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        population: int = 100,
        sample: int = 10,
        batch: int = 10,
    ) -> None:
        if population < 1 or sample < 1 or batch < 1:
            raise ProblemError(
                f"population, sample and batch must be 1 or more, got {population}, {sample}, "
                f"{batch}"
            )
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._size, self._sample, self._batch = rng, population, sample, batch
        self._alive = Population.empty(space, n_objectives)

    def ask(self, n: int, /) -> Codes:
        """Return mutants of winners; random architectures until the population is full."""
        missing = self._size - len(self._alive)
        if missing > 0:
            return self.space.sample_codes(min(n, missing), self._rng)
        n = min(n, self._batch)
        place = np.empty(len(self._alive), dtype=np.int64)
        place[self._alive.order()] = np.arange(len(self._alive))
        competing = self._rng.integers(len(self._alive), size=(n, self._sample))
        winners = competing[np.arange(n), place[competing].argmin(axis=1)]
        return _changed(self.space, self._alive.codes[winners], self._rng)

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Add the children; let the oldest die."""
        alive = self._alive.add(codes, objectives, violations)
        self._alive = alive.take(slice(max(len(alive) - self._size, 0), None))


def _changed(space: Space, codes: Codes, rng: np.random.Generator) -> Codes:
    """Mutate each code until it differs, or a few times if the space is tiny."""
    children = space.mutate(codes, rng)
    for _ in range(10):
        same = (children == codes).all(axis=1)
        if not same.any():
            break
        children[same] = space.mutate(codes[same], rng)
    return children
