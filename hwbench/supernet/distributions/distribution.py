"""What every distribution over architectures answers.

A distribution is a torch module: its parameters are what an architecture step moves, its state is
what a checkpoint keeps. It stays on the CPU, where its few numbers cost nothing and draws are the
same whatever the supernet runs on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from hwbench.errors import SpaceError
from hwbench.spaces import Architecture, Space
from hwbench.supernet.weights import ArchWeights

__all__ = ["ArchDistribution", "LogitDistribution", "discretise", "random_architecture"]

_INIT_SCALE = 1e-3


class ArchDistribution(nn.Module, ABC):
    """A distribution over the architectures of a space.

    Args:
        space: The space.

    Attributes:
        hard: Whether draws stand for one architecture each, so that weights can be trained on the
            sliced subnet; otherwise draws are mixtures and need superposition.
    """

    hard: bool = False

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    @abstractmethod
    def sample(
        self, generator: torch.Generator, *, progress: float = 0.0
    ) -> Architecture | ArchWeights:
        """Draw once.

        Args:
            generator: Source of randomness, on the CPU.
            progress: Share of the search that is done, from 0 to 1, for those that anneal.

        Returns:
            Weights of the choices, differentiable in the parameters; or an architecture where
            there are no parameters.
        """

    @abstractmethod
    def mode(self) -> Architecture:
        """Return the likeliest architecture, choice by choice.

        Raises:
            SpaceError: If no architecture is likelier than others.
        """

    def probabilities(self) -> dict[str, Tensor]:
        """Return how likely each value is: `(k,)` for a shared choice, `(L, k)` for a layered."""
        raise SpaceError(f"{type(self).__name__} has no probabilities to show")


class LogitDistribution(ArchDistribution):
    """Distributions with one row of parameters a choice, all independent.

    Args:
        space: The space.
        generator: Source of the first parameters, normal with standard deviation 0.001, so that
            all values start alike.
    """

    def __init__(self, space: Space, *, generator: torch.Generator) -> None:
        super().__init__(space)
        self.logits = nn.ParameterDict(
            {
                name: nn.Parameter(_INIT_SCALE * torch.randn(shape, generator=generator))
                for name, shape in ArchWeights.shapes(space).items()
            }
        )

    def sample(self, generator: torch.Generator, *, progress: float = 0.0) -> ArchWeights:
        """Draw weights of all choices, row by row."""
        return ArchWeights(
            {n: self.draw(a, generator, progress=progress) for n, a in self.logits.items()}
        )

    def mode(self) -> Architecture:
        """Return the architecture of the greatest parameters."""
        return _decode(self.space, self.logits)

    def probabilities(self) -> dict[str, Tensor]:
        """Return the softmax of the parameters, without gradient."""
        return {name: logits.detach().softmax(-1) for name, logits in self.logits.items()}

    @abstractmethod
    def draw(self, logits: Tensor, generator: torch.Generator, *, progress: float) -> Tensor:
        """Draw weights of one choice from `(..., k)` parameters; the last axis sums to one."""


def discretise(weights: ArchWeights, space: Space, /) -> Architecture:
    """Return the architecture of the greatest weights; of equal ones the first counts."""
    return _decode(space, weights)


def random_architecture(space: Space, generator: torch.Generator, /) -> Architecture:
    """Draw an architecture, uniformly per choice, the depth too."""
    high = torch.from_numpy(space.cardinalities)
    drawn = (torch.rand(len(high), generator=generator, dtype=torch.float64) * high).long()
    return space.decode(drawn.clamp(max=high - 1).numpy()[None])[0]


def _decode(
    space: Space, rows: Mapping[str, Tensor] | ArchWeights | nn.ParameterDict
) -> Architecture:
    names = [choice.name for choice in (*space.shared, *space.layered)]
    parts = [rows[name].detach().argmax(-1).reshape(-1).cpu().numpy() for name in names]
    return space.decode(np.concatenate(parts)[None])[0]
