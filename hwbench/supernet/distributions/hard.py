"""Distributions whose draws are one-hot and still carry gradients: GDAS and ReinMax."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from hwbench.errors import SpaceError
from hwbench.spaces import Space
from hwbench.supernet.distributions.distribution import LogitDistribution

__all__ = ["Gdas", "ReinMax"]


class Gdas(LogitDistribution):
    """Straight-through Gumbel softmax with a falling temperature (Dong and Yang, "GDAS", 2019).

    Args:
        space: The space.
        generator: Source of the first parameters.
        hottest: Temperature at the start.
        coldest: Temperature at the end; in between it falls linearly.
    """

    hard = True

    def __init__(
        self,
        space: Space,
        *,
        generator: torch.Generator,
        hottest: float = 10.0,
        coldest: float = 0.1,
    ) -> None:
        super().__init__(space, generator=generator)
        if not hottest >= coldest > 0:
            raise SpaceError(f"temperatures fall and stay above 0, got {hottest} to {coldest}")
        self.hottest, self.coldest = hottest, coldest

    def temperature(self, progress: float) -> float:
        """Return the temperature at a share of the search, 0 to 1."""
        return self.hottest - (self.hottest - self.coldest) * progress

    def draw(self, logits: Tensor, generator: torch.Generator, *, progress: float) -> Tensor:
        """Draw a one-hot row; its gradient is that of the softmax it came from."""
        noise = torch.empty_like(logits).exponential_(generator=generator)
        gumbel = -noise.clamp(min=torch.finfo(noise.dtype).tiny).log()
        soft = ((logits.log_softmax(-1) + gumbel) / self.temperature(progress)).softmax(-1)
        # The largest of logits + noise, asked for before a high temperature rounds them equal.
        hard = _one_hot((logits.detach() + gumbel).argmax(-1), logits)
        return hard - soft.detach() + soft


class ReinMax(LogitDistribution):
    """One-hot draws with second-order gradients (Liu et al., "ReinMax", 2023, algorithm 2).

    Args:
        space: The space.
        generator: Source of the first parameters.
        temperature: At least 1; smoother gradients above.
    """

    hard = True

    def __init__(
        self, space: Space, *, generator: torch.Generator, temperature: float = 1.0
    ) -> None:
        super().__init__(space, generator=generator)
        if temperature < 1:
            raise SpaceError(f"ReinMax needs a temperature of 1 or more, got {temperature}")
        self.temperature = temperature

    def draw(self, logits: Tensor, generator: torch.Generator, *, progress: float) -> Tensor:
        """Draw a one-hot row from the softmax of the parameters."""
        flat = logits.detach().softmax(-1).reshape(-1, logits.shape[-1])
        index = torch.multinomial(flat, 1, generator=generator).reshape(logits.shape[:-1])
        return reinmax(logits, _one_hot(index, logits), self.temperature)


def reinmax(logits: Tensor, hard: Tensor, temperature: float, /) -> Tensor:
    """Give a one-hot draw the gradient of ReinMax.

    Args:
        logits: `(..., k)` parameters.
        hard: `(..., k)` one-hot draw from their softmax.
        temperature: At least 1.

    Returns:
        `hard`, differentiable in `logits`.
    """
    first = logits.softmax(-1)
    middle = (hard + (logits / temperature).softmax(-1)) / 2
    second = ((middle.log() - logits).detach() + logits).softmax(-1)
    surrogate = 2 * second - 0.5 * first
    return surrogate - surrogate.detach() + hard


def _one_hot(index: Tensor, like: Tensor) -> Tensor:
    return F.one_hot(index, like.shape[-1]).to(like.dtype)
