"""MO-ASHA: look briefly at many architectures, thoroughly at the promising ones.

Schmucker, Donini, Zafar, Salinas, Archambeau 2021, "Multi-objective asynchronous successive
halving". Rungs grow by `eta`; the best 1/eta of a rung by Pareto front and crowding go up. A
fidelity is a number of noisy repeats for a benchmark, of batches for a supernet. (In HW-GPT-Bench
this method had one fidelity, which leaves random search.)
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.search.methods.method import Method, keys, unseen
from hwbench.search.methods.population import Population
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["MOASHA"]


@final
class MOASHA(Method):
    """Multi-objective asynchronous successive halving.

    Args:
        space: The space.
        n_objectives: How many objectives there are.
        rng: Source of all randomness.
        most: The greatest fidelity; the runner sets it to that of the evaluator.
        least: The smallest fidelity.
        eta: Factor between rungs, and how many of a rung stay behind for one that goes up.
        batch: How many to ask for at once.
    """

    label: ClassVar[str] = "MO-ASHA"
    source: ClassVar[str] = "Schmucker et al. 2021"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        most: int = 9,
        least: int = 1,
        eta: int = 3,
        batch: int = 27,
    ) -> None:
        if not 1 <= least <= most or eta < 2 or batch < 1:
            raise ProblemError(
                f"needs 1 <= least <= most, eta >= 2 and batch >= 1, got {least}, {most}, {eta}, "
                f"{batch}"
            )
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._batch, self._eta = rng, batch, eta
        levels = [least]
        while levels[-1] * eta < most:
            levels.append(levels[-1] * eta)
        self._levels = levels if levels[-1] == most else [*levels, most]
        self._rungs = [Population.empty(space, n_objectives) for _ in self._levels]
        self._promoted: list[set[bytes]] = [set() for _ in self._levels]
        self._asked = 0

    @property
    def fidelity(self) -> int:
        """Fidelity of the rung that was asked for last."""
        return self._levels[self._asked]

    @property
    def needs_fidelity(self) -> bool:
        """Yes."""
        return True

    def ask(self, n: int, /) -> Codes:
        """Return what goes up from the highest rung that has some; else new architectures."""
        for rung in reversed(range(len(self._levels) - 1)):
            found = self._promotable(rung)[: min(n, self._batch)]
            if len(found):
                self._promoted[rung].update(keys(found))
                self._asked = rung + 1
                return found
        self._asked = 0
        drawn = self.space.sample_codes(min(n, self._batch), self._rng)
        known = set(keys(self._rungs[0].codes))
        fresh = unseen(drawn, known)
        return fresh if len(fresh) else drawn

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Put what was asked for onto its rung."""
        known = set(keys(self._rungs[self._asked].codes))
        fresh = [row for row, key in enumerate(keys(codes)) if key not in known]
        rung = self._rungs[self._asked]
        self._rungs[self._asked] = rung.add(codes[fresh], objectives[fresh], violations[fresh])

    def _promotable(self, rung: int) -> Codes:
        there = self._rungs[rung]
        best = there.codes[there.order()[: len(there) // self._eta]]
        return unseen(best, self._promoted[rung])
