"""Distributions whose draws are mixtures of all values: DARTS and DrNAS."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Dirichlet
from torch.nn import functional as F

from hwbench.errors import UnknownNameError
from hwbench.spaces import Space
from hwbench.supernet.distributions.distribution import LogitDistribution

__all__ = ["Darts", "DrNas", "sparsemax"]

_LEAST_CONCENTRATION = 1e-3  # below, single precision draws become 0 / 0


class Darts(LogitDistribution):
    """No randomness: the softmax of the parameters (Liu et al., "DARTS", 2019).

    Args:
        space: The space.
        generator: Source of the first parameters.
        normalise: "softmax", or "sparsemax", which gives unlikely values exactly nothing.
    """

    def __init__(
        self,
        space: Space,
        *,
        generator: torch.Generator,
        normalise: Literal["softmax", "sparsemax"] = "softmax",
    ) -> None:
        super().__init__(space, generator=generator)
        if normalise not in ("softmax", "sparsemax"):
            raise UnknownNameError.of("way to normalise", normalise, ("softmax", "sparsemax"))
        self.normalise = normalise

    def draw(self, logits: Tensor, generator: torch.Generator, *, progress: float) -> Tensor:
        """Return the normalised parameters; nothing is drawn."""
        return logits.softmax(-1) if self.normalise == "softmax" else sparsemax(logits)


class DrNas(LogitDistribution):
    """Dirichlet draws with concentration elu(parameters) + 1 (Chen et al., "DrNAS", 2021).

    At the start every point of the simplex is about equally likely. Gradients flow through the
    draw by implicit differentiation, as in `torch.distributions.Dirichlet.rsample`.
    """

    def draw(self, logits: Tensor, generator: torch.Generator, *, progress: float) -> Tensor:
        """Draw from the Dirichlet distribution of each row."""
        concentration = (F.elu(logits) + 1.0).clamp(min=_LEAST_CONCENTRATION)
        seed = int(torch.randint(2**62, (), generator=generator))
        # torch's Dirichlet draws from the global generator only: lend it one and put it back.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            drawn: Tensor = Dirichlet(concentration).rsample()
        return drawn

    def probabilities(self) -> dict[str, Tensor]:
        """Return the means of the draws."""
        rows = {n: F.elu(a.detach()) + 1.0 for n, a in self.logits.items()}
        return {n: c / c.sum(-1, keepdim=True) for n, c in rows.items()}


def sparsemax(logits: Tensor, /) -> Tensor:
    """Project rows onto the simplex (Martins and Astudillo, 2016, algorithm 1).

    >>> sparsemax(torch.tensor([0.5, 0.0, -2.0]))
    tensor([0.7500, 0.2500, 0.0000])
    """
    ordered = logits.sort(dim=-1, descending=True).values  # (..., k)
    counts = torch.arange(1, logits.shape[-1] + 1, dtype=logits.dtype, device=logits.device)
    sums = ordered.cumsum(-1)
    support = (1 + counts * ordered > sums).sum(-1, keepdim=True)
    threshold = (sums.gather(-1, support - 1) - 1) / support
    return (logits - threshold).clamp(min=0)
