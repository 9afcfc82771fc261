"""Every value equally likely: single path one-shot (Guo et al., "SPOS", 2020)."""

from __future__ import annotations

import torch

from hwbench.errors import SpaceError
from hwbench.spaces import Architecture
from hwbench.supernet.distributions.distribution import ArchDistribution, random_architecture

__all__ = ["Uniform"]


class Uniform(ArchDistribution):
    """Draws each choice uniformly, the depth too; has no parameters and no mode."""

    hard = True

    def sample(self, generator: torch.Generator, *, progress: float = 0.0) -> Architecture:
        """Draw an architecture."""
        return random_architecture(self.space, generator)

    def mode(self) -> Architecture:
        """Refuse: no architecture is likelier than another.

        Raises:
            SpaceError: Always.
        """
        raise SpaceError(
            "a uniform distribution has no likeliest architecture: search the trained supernet"
        )
