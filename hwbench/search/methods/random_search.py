"""Random search: distinct architectures, each drawn alike. The method to beat."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.search.methods.method import Method, keys, unseen
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["RandomSearch"]


@final
class RandomSearch(Method):
    """Random search without replacement.

    Args:
        space: The space.
        n_objectives: Plays no part.
        rng: Source of the draws.
        batch: How many to ask for at once.
        uniform: "choices" draws each choice uniformly, "architectures" each network (see
            `Space.sample_codes`).
    """

    label: ClassVar[str] = "random search"
    source: ClassVar[str] = "Bergstra and Bengio 2012"

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        batch: int = 256,
        uniform: str = "choices",
    ) -> None:
        if batch < 1:
            raise ProblemError(f"batch must be 1 or more, got {batch}")
        if uniform not in ("choices", "architectures"):
            raise ProblemError(f"uniform is 'choices' or 'architectures', got {uniform!r}")
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._batch, self._uniform = rng, batch, uniform
        self._seen: set[bytes] = set()

    def ask(self, n: int, /) -> Codes:
        """Return new architectures; known ones only if new ones are hard to find."""
        n = min(n, self._batch)
        drawn = self.space.sample_codes(n, self._rng, uniform=self._uniform)  # type: ignore[arg-type]
        fresh = unseen(drawn, self._seen)
        return fresh if len(fresh) else drawn

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Remember what is known."""
        self._seen.update(keys(codes))
