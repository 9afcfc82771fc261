"""Ways to train a supernet: TangleNAS, single path, several paths, the sandwich, one network.

`make("spos", space)` makes one by the name that the command line uses.
"""

from __future__ import annotations

from typing import Final

import torch

from hwbench.errors import SpaceError, UnknownNameError
from hwbench.spaces import Space
from hwbench.supernet import distributions
from hwbench.supernet.cost import Cost
from hwbench.supernet.strategies.paths import Paths, Standalone
from hwbench.supernet.strategies.strategy import (
    ArchitectureStrategy,
    Batch,
    MicroStep,
    Strategy,
    cross_entropy,
)
from hwbench.supernet.strategies.tangle import TangleNas
from hwbench.supernet.strategies.unrolled import Unrolled, unrolled_gradient

__all__ = [
    "METHODS",
    "ArchitectureStrategy",
    "Batch",
    "MicroStep",
    "Paths",
    "Standalone",
    "Strategy",
    "TangleNas",
    "Unrolled",
    "cross_entropy",
    "make",
    "unrolled_gradient",
]

METHODS: Final[dict[str, str]] = {
    "tanglenas": "weights and a distribution over architectures, by turns",
    "spos": "one uniform path a batch",
    "sandwich": "the largest, the smallest and two uniform paths a batch",
    "sandwich-distil": "the same, from half-time on the others learning from the largest",
}
"""Name of a method -> what it trains."""

_DISTIL_FROM: Final = 0.5


def make(
    method: str,
    space: Space,
    /,
    *,
    generator: torch.Generator,
    distribution: str = "drnas",
    order: int = 1,
    penalty: Cost | None = None,
) -> Strategy:
    """Make a strategy by name.

    Args:
        method: One of `METHODS`.
        space: The space.
        generator: Source of the distribution's first parameters.
        distribution: For "tanglenas": one of `hwbench.supernet.distributions.LEARNED`.
        order: For "tanglenas": 2 for second-order DARTS.
        penalty: For "tanglenas": added to the loss of the architecture.

    Raises:
        UnknownNameError: If there is no such method or distribution.
        SpaceError: If a setting is given that the method does not have.
    """
    if method not in METHODS:
        raise UnknownNameError.of("method", method, METHODS)
    if method == "tanglenas":
        learned = distributions.make(distribution, space, generator=generator)
        return TangleNas(learned, penalty=penalty, order=2 if order == 2 else 1)
    if penalty is not None or order != 1:
        raise SpaceError(f"{method} learns no architecture: no penalty and no second order")
    if method == "spos":
        return Paths(space)
    distil = method == "sandwich-distil"
    return Paths(
        space, random=2, largest=True, smallest=True, distil=distil, distil_from=_DISTIL_FROM
    )
