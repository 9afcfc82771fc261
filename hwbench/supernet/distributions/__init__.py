"""Distributions over architectures, what a search learns.

`make("drnas", space, generator=...)` makes one by name. DrNAS and DARTS draw mixtures, for
superposition; GDAS and ReinMax draw one-hot weights that carry gradients; Uniform draws
architectures and learns nothing.
"""

from __future__ import annotations

from typing import Final

import torch

from hwbench.errors import UnknownNameError
from hwbench.spaces import Space
from hwbench.supernet.distributions.distribution import (
    ArchDistribution,
    LogitDistribution,
    discretise,
    random_architecture,
)
from hwbench.supernet.distributions.hard import Gdas, ReinMax
from hwbench.supernet.distributions.relaxed import Darts, DrNas
from hwbench.supernet.distributions.uniform import Uniform

__all__ = [
    "LEARNED",
    "ArchDistribution",
    "Darts",
    "DrNas",
    "Gdas",
    "LogitDistribution",
    "ReinMax",
    "Uniform",
    "discretise",
    "make",
    "random_architecture",
]

LEARNED: Final[dict[str, type[LogitDistribution]]] = {
    "drnas": DrNas,
    "darts": Darts,
    "gdas": Gdas,
    "reinmax": ReinMax,
}
"""Name -> distribution with parameters; the first is the default."""


def make(name: str, space: Space, /, *, generator: torch.Generator) -> LogitDistribution:
    """Make a distribution with its default settings.

    Args:
        name: One of `LEARNED`.
        space: The space.
        generator: Source of the first parameters.

    Raises:
        UnknownNameError: If there is no such distribution.
    """
    if name not in LEARNED:
        raise UnknownNameError.of("distribution", name, LEARNED)
    return LEARNED[name](space, generator=generator)
