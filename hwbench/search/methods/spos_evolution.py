"""The evolutionary search of single-path one-shot methods, with AutoFormer's operators.

Guo et al. 2020 (SPOS); Chen et al. 2021 (AutoFormer), whose code gives the operators and numbers
below; TangleNAS uses the same. There the evaluator is a supernet with inherited weights; here it is
any evaluator, and several objectives are ordered by front and crowding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, TypeAlias, final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.search.methods.method import Method, fill, keys, unseen
from hwbench.search.methods.population import Population
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["SPOSEvolution"]

_Maker: TypeAlias = Callable[[int], Codes]
_TRIES: Final = 50


@final
class SPOSEvolution(Method):
    """Evolutionary search with AutoFormer's operators; by default its numbers, too.

    A generation holds `mutants` of random members of the best `parents`, `children` of two of them
    with equal depth, and random architectures up to `population`. AutoFormer runs 20 generations:
    a budget of 1,000.

    Args:
        space: The space.
        n_objectives: How many objectives there are.
        rng: Source of all randomness.
        population: Architectures of a generation.
        parents: How many of the best found so far may have offspring.
        mutants: Of a generation.
        children: Of a generation.
        layer_rate: Probability with which a mutant draws each choice of a layer anew.
        shared_rate: The same for each shared choice.
    """

    label: ClassVar[str] = "SPOS + ES"
    source: ClassVar[str] = "Chen et al. 2021 (AutoFormer)"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        population: int = 50,
        parents: int = 10,
        mutants: int = 25,
        children: int = 25,
        layer_rate: float = 0.2,
        shared_rate: float = 0.4,
    ) -> None:
        if parents < 1 or mutants < 0 or children < 0 or not 1 <= mutants + children <= population:
            raise ProblemError(
                f"needs 1 parent or more, and mutants + children from 1 to the population, got "
                f"{parents}, {mutants} + {children}, {population}"
            )
        if not (0.0 <= layer_rate <= 1.0 and 0.0 <= shared_rate <= 1.0):
            raise ProblemError(f"rates are probabilities, got {layer_rate}, {shared_rate}")
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._size, self._parents = rng, population, parents
        self._mutants, self._children = mutants, children
        in_layer = np.arange(space.n_choices) >= len(space.shared)
        self._rates = np.where(in_layer, layer_rate, shared_rate)
        self._visited: set[bytes] = set()
        self._best = Population.empty(space, n_objectives)

    def ask(self, n: int, /) -> Codes:
        """Return the next generation; a random one to start."""
        found = np.zeros((0, self.space.n_choices), dtype=np.uint8)
        if len(self._best):
            found = self._until(found, self._mutants, self._mutated)
            found = self._until(found, len(found) + self._children, self._crossed)
        missing = self._size - len(found)
        taken = self._visited | set(keys(found))
        found = np.concatenate([found, fill(self.space, missing, taken, self._rng)])
        return found[:n]

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Keep the best of all so far."""
        fresh = [row for row, key in enumerate(keys(codes)) if key not in self._visited]
        self._visited.update(keys(codes))
        found = self._best.add(codes[fresh], objectives[fresh], violations[fresh])
        self._best = found.take(found.order()[: self._parents])

    def _until(self, found: Codes, size: int, make: _Maker) -> Codes:
        """Make offspring until there are `size`, or it has been tried often enough."""
        for _ in range(_TRIES):
            lacking = size - len(found)
            if lacking <= 0:
                break
            found = unseen(np.concatenate([found, make(lacking)]), self._visited)
        return found

    def _mutated(self, n: int) -> Codes:
        parents = self._best.codes[self._rng.integers(len(self._best), size=n)]
        shape = parents.shape
        drawn = self._rng.integers(0, self.space.cardinalities, size=shape)
        hit = self._rng.random(shape) < self._rates
        # New layers of a deeper mutant are drawn, whatever the rate.
        hit |= ~self.space.active(parents)
        return self.space.canonical(np.where(hit, drawn, parents))

    def _crossed(self, n: int) -> Codes:
        depths = self.space.depths(self._best.codes)
        first, second = np.nonzero(np.triu(depths[:, None] == depths, k=1))
        if not len(first):
            return self._best.codes[:0]
        pairs = self._rng.integers(len(first), size=n)
        a, b = self._best.codes[first[pairs]], self._best.codes[second[pairs]]
        return self.space.crossover(a, b, self._rng)
