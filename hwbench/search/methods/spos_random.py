"""The random search of single-path one-shot methods (Guo et al. 2020, SPOS).

There the evaluator is a supernet with inherited weights; here it is any evaluator.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.search.methods.method import Method, fill, keys
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["SPOSRandom"]


@final
class SPOSRandom(Method):
    """Random search as SPOS does it: each choice uniform, what was visited is drawn again.

    Args:
        space: The space.
        n_objectives: Plays no part.
        rng: Source of the draws.
        batch: How many to ask for at once; 50 as in a generation of the evolution.
    """

    label: ClassVar[str] = "SPOS + RS"
    source: ClassVar[str] = "Guo et al. 2020"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        batch: int = 50,
    ) -> None:
        if batch < 1:
            raise ProblemError(f"batch must be 1 or more, got {batch}")
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._batch = rng, batch
        self._visited: set[bytes] = set()

    def ask(self, n: int, /) -> Codes:
        """Return architectures not visited before."""
        return fill(self.space, min(n, self._batch), self._visited, self._rng)

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Remember what was visited."""
        self._visited.update(keys(codes))
