"""TangleNAS: learn weights and architecture by turns, on separate text.

Sukthanker et al., "Weight-Entanglement Meets Gradient-Based Neural Architecture Search", 2023,
Algorithm 1. Mixtures of architectures run by superposition; a distribution whose draws are one-hot
trains weights on the sliced subnet and needs superposition for the architecture's gradient only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from hwbench.errors import SpaceError
from hwbench.spaces import Architecture
from hwbench.supernet.cost import Cost
from hwbench.supernet.distributions import Darts, LogitDistribution, discretise
from hwbench.supernet.strategies.strategy import ArchitectureStrategy, MicroStep, cross_entropy
from hwbench.supernet.strategies.unrolled import unrolled_gradient

__all__ = ["TangleNas"]


class TangleNas(ArchitectureStrategy):
    """Alternating updates of a distribution (on the architecture part) and of weights.

    Args:
        distribution: What is learned; DrNAS in the paper.
        penalty: Added to the loss of the architecture (`hwbench.supernet.cost.Penalty`, or any
            number that is differentiable in the weights of choices). Without one a search tends to
            the largest network.
        order: 2 looks one weight step ahead (Liu et al. 2019, equation 7), for DARTS.
    """

    distribution: LogitDistribution

    def __init__(
        self,
        distribution: LogitDistribution,
        *,
        penalty: Cost | None = None,
        order: Literal[1, 2] = 1,
    ) -> None:
        if order not in (1, 2):
            raise SpaceError(f"order is 1 or 2, got {order}")
        if order == 2 and not isinstance(distribution, Darts):
            raise SpaceError(
                "the second order compares losses of the same mixture, so it needs a distribution "
                f"without draws: darts, not {type(distribution).__name__}"
            )
        self.distribution, self.penalty, self.order = distribution, penalty, order
        self.whole = not distribution.hard

    def train_weights(self, micro: MicroStep) -> Tensor:
        """Send the loss of one draw backward to the weights."""
        batch = micro.draw("weights")
        with torch.no_grad():
            drawn = self.distribution.sample(micro.generator, progress=micro.progress)
        choice = discretise(drawn, self.distribution.space) if self.distribution.hard else drawn
        loss = cross_entropy(micro.run(choice, batch.inputs), batch.targets)
        micro.backward(loss, 1.0)
        micro.passes += 1
        return loss.detach()

    def train_architecture(self, micro: MicroStep) -> Tensor:
        """Send the loss of one draw backward to the distribution's parameters only."""
        if self.order == 2:
            return self._look_ahead(micro)
        loss, total = self._loss(micro, micro.draw("architecture"))
        micro.backward(total, 1.0, inputs=list(self.distribution.parameters()))
        micro.passes += 1
        return loss.detach()

    def watched(self) -> Mapping[str, Architecture | None]:
        """Watch the architecture that the distribution stands for."""
        return {"mode": self.distribution.mode()}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        name = type(self.distribution).__name__.lower()
        return {"kind": "tanglenas", "distribution": name, "order": self.order}

    def _loss(self, micro: MicroStep, batch: Any) -> tuple[Tensor, Tensor]:
        drawn = self.distribution.sample(micro.generator, progress=micro.progress)
        loss = cross_entropy(micro.run(drawn, batch.inputs), batch.targets)
        return loss, loss if self.penalty is None else loss + self.penalty(drawn).to(loss.device)

    def _look_ahead(self, micro: MicroStep) -> Tensor:
        chosen, trained = micro.draw("architecture"), micro.draw("weights")
        found = unrolled_gradient(
            lambda: self._loss(micro, trained)[0],
            lambda: self._loss(micro, chosen)[1],
            weights=micro.weights,
            architecture=list(self.distribution.parameters()),
            rate=micro.learning_rate,
        )
        # A linear function with these gradients, so that they pass through the loop's scaling.
        surrogate = sum(
            (p * g).sum()
            for p, g in zip(self.distribution.parameters(), found.gradient, strict=True)
        )
        micro.backward(surrogate, 1.0, inputs=list(self.distribution.parameters()))
        micro.passes += found.passes
        return found.loss
