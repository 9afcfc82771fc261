"""Pareto local search: look at all neighbours of what is on the front, until nothing improves.

Paquete, Chiarandini, Stützle 2004, "Pareto local optimum sets in the biobjective traveling
salesman problem". With one objective it is first-descent local search (White et al. 2021, "Local
search is state of the art for neural architecture search benchmarks"). When the neighbourhood of
the whole front is explored, it starts again elsewhere and keeps the front.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.search.methods.method import Method, keys, unseen
from hwbench.search.methods.population import Population
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["LocalSearch"]


@final
class LocalSearch(Method):
    """Pareto local search with restarts.

    Args:
        space: The space.
        n_objectives: How many objectives there are.
        rng: Source of all randomness.
        starts: Random architectures of a start.
    """

    label: ClassVar[str] = "local search"
    source: ClassVar[str] = "Paquete et al. 2004"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        starts: int = 10,
    ) -> None:
        if starts < 1:
            raise ProblemError(f"starts must be 1 or more, got {starts}")
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._starts = rng, starts
        self._seen: set[bytes] = set()
        self._explored: set[bytes] = set()
        self._archive = Population.empty(space, n_objectives)

    def ask(self, n: int, /) -> Codes:
        """Return new neighbours of a member of the front; random architectures to start."""
        while True:
            open_rows = [
                row
                for row, key in enumerate(keys(self._archive.codes))
                if key not in self._explored
            ]
            if not open_rows:
                return self.space.sample_codes(min(n, self._starts), self._rng)
            code = self._archive.codes[self._rng.choice(open_rows)]
            near = unseen(self.space.neighbours(code), self._seen)
            if len(near) <= n:  # else the rest comes next time
                self._explored.update(keys(code[None]))
            if len(near):
                return self._rng.permutation(near)[:n]

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Keep what nothing dominates."""
        fresh = [row for row, key in enumerate(keys(codes)) if key not in self._seen]
        self._seen.update(keys(codes))
        found = self._archive.add(codes[fresh], objectives[fresh], violations[fresh])
        self._archive = found.take(found.ranks() == 0)
