"""Architectures with what they are worth: what methods remember. Frozen, in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from hwbench.arrays import AnyArray, Codes, FloatArray, Int64Array
from hwbench.search.dominance import constrained_ranks, crowding
from hwbench.spaces import Space

__all__ = ["Population"]


@dataclass(frozen=True, eq=False)
class Population:
    """Evaluated architectures, oldest first.

    Attributes:
        codes: `n x n_choices`.
        objectives: `n x m`, minimised.
        violations: `(n,)`.
    """

    codes: Codes
    objectives: FloatArray
    violations: FloatArray

    @classmethod
    def empty(cls, space: Space, n_objectives: int, /) -> Self:
        """Return a population of nobody."""
        codes = np.zeros((0, space.n_choices), dtype=np.uint8)
        return cls(codes, np.zeros((0, n_objectives)), np.zeros(0))

    def __len__(self) -> int:
        return len(self.codes)

    def add(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> Population:
        """Return the population with more members at its end."""
        return Population(
            np.concatenate([self.codes, codes]),
            np.concatenate([self.objectives, objectives]),
            np.concatenate([self.violations, violations]),
        )

    def take(self, rows: AnyArray | slice, /) -> Population:
        """Return some members, in the order of `rows`."""
        return Population(self.codes[rows], self.objectives[rows], self.violations[rows])

    def ranks(self) -> Int64Array:
        """Return the front of each member under constraint domination, `(n,)`."""
        return constrained_ranks(self.objectives, self.violations)

    def order(self) -> Int64Array:
        """Return the rows from best to worst: by front, in a front the least crowded first.

        Of equal members the older one goes first.
        """
        rank = self.ranks()
        if self.objectives.shape[1] == 1:
            return np.argsort(rank, kind="stable")
        return np.lexsort((-crowding(self.objectives, rank), rank))
