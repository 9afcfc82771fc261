"""NSGA-II: ranks, crowding and binary tournaments, limits by Deb's constraint domination.

Deb, Pratap, Agarwal, Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm:
NSGA-II"; limits as in its section VI. A child takes a few choices from its second parent, and each
choice may mutate to any other value. A network is never asked for twice.
"""

from __future__ import annotations

from typing import ClassVar, Final, final

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.search.dominance import constrained_ranks, crowding
from hwbench.search.methods.method import Method, first_rows, keys, unseen
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["NSGA2"]

_TRIES: Final = 10
_SPARE: Final = 2  # about half of the children are known already


@final
class NSGA2(Method):
    """NSGA-II.

    Args:
        space: The space.
        n_objectives: How many objectives there are; 1 is fine, too.
        rng: Source of all randomness.
        population: How many survive, and how many are asked for at once.
        crossover: Probability that a child has two parents.
        exchange: Share of the choices that come from the second parent. With a half, children of
            layer-wise spaces lie far from both parents, and fronts grow more slowly.
        mutation: Probability with which each choice of a child changes; None: one change a network
            on average.
    """

    label: ClassVar[str] = "NSGA-II"
    source: ClassVar[str] = "Deb et al. 2002"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        population: int = 100,
        crossover: float = 0.9,
        exchange: float = 0.05,
        mutation: float | None = None,
    ) -> None:
        if population < 2:
            raise ProblemError(f"population must be 2 or more, got {population}")
        chances = (crossover, exchange, mutation or 0.0)
        if not all(0.0 <= chance <= 1.0 for chance in chances):
            raise ProblemError(f"crossover, exchange, mutation are probabilities, got {chances}")
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._size = rng, population
        self._crossover, self._exchange, self._mutation = crossover, exchange, mutation
        self._seen: set[bytes] = set()
        self._codes = np.zeros((0, space.n_choices), dtype=np.uint8)
        self._objectives = np.zeros((0, n_objectives))
        self._violations = np.zeros(0)
        self._rank = np.zeros(0, dtype=np.int64)
        self._crowding = np.zeros(0)

    def ask(self, n: int, /) -> Codes:
        """Return children of the population; random architectures until it is full."""
        n = min(n, self._size)
        missing = self._size - len(self._codes)
        if missing > 0:
            n = min(n, missing)
        found = self.space.sample_codes(0, self._rng)
        for _ in range(_TRIES):
            lacking = n - len(found)
            if missing > 0:
                drawn = self.space.sample_codes(lacking, self._rng)
            else:
                drawn = self._children(_SPARE * lacking)
            found = unseen(np.concatenate([found, drawn]), self._seen)[:n]
            if len(found) == n:
                return found
        # Little is left to find near by.
        drawn = self.space.sample_codes(n - len(found), self._rng)
        return np.concatenate([found, drawn])

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Let the best of the population and the new ones survive."""
        asked = keys(codes)
        fresh = first_rows(asked, self._seen)
        self._seen.update(asked)
        codes = np.concatenate([self._codes, codes[fresh]])
        objectives = np.concatenate([self._objectives, objectives[fresh]])
        violations = np.concatenate([self._violations, violations[fresh]])
        rank = constrained_ranks(objectives, violations)
        distance = crowding(objectives, rank)
        # Ties of equal crowding, such as the ends of the last front, break at random.
        order = np.lexsort((self._rng.random(len(rank)), -distance, rank))[: self._size]
        self._codes, self._objectives = codes[order], objectives[order]
        self._violations, self._rank = violations[order], rank[order]
        self._crowding = distance[order]  # among all of its front, as in the paper

    def _children(self, n: int) -> Codes:
        parents = self._tournament(2 * n)
        first, second = self._codes[parents[:n]], self._codes[parents[n:]]
        pairs = self._rng.random((n, 1)) < self._crossover
        other = pairs & (self._rng.random(first.shape) < self._exchange)
        # A layer that only one parent has comes from that parent.
        in_first, in_second = self.space.active(first), self.space.active(second)
        other = np.where(in_first, other & in_second, pairs & in_second)
        mixed = self.space.canonical(np.where(other, second, first))
        return self.space.mutate(mixed, self._rng, rate=self._mutation)

    def _tournament(self, n: int) -> Int64Array:
        """Return `(n,)` winners by rank, then crowding; each member competes equally often."""
        size = len(self._codes)
        rounds = [self._rng.permutation(size) for _ in range(-(-2 * n // size))]
        a, b = np.concatenate(rounds)[: 2 * n].reshape(2, n)
        rank, distance = self._rank, self._crowding
        b_wins = (rank[b] < rank[a]) | ((rank[b] == rank[a]) & (distance[b] > distance[a]))
        winners: Int64Array = np.where(b_wins, b, a)
        return winners
