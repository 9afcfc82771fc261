"""What one training step does to a network, apart from the optimizer.

A strategy sends losses backward, one pass at a time; the training loop divides by the number of
micro-batches, averages over processes, clips and steps. Passes are counted, because methods are to
be compared at equal numbers of them, not of steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwbench.data.text import Part
from hwbench.spaces import Architecture
from hwbench.supernet.distributions import ArchDistribution
from hwbench.supernet.running import Choice

__all__ = ["ArchitectureStrategy", "Batch", "MicroStep", "Strategy", "cross_entropy"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids, and the next token at each place.

    Attributes:
        inputs: `(B, T)`.
        targets: `(B, T)`.
    """

    inputs: Tensor
    targets: Tensor


@dataclass
class MicroStep:
    """What a strategy works with on one micro-batch.

    Attributes:
        run: Runs the network as a choice says: `(choice, inputs) -> logits`.
        draw: Gives the next batch of a part of the text.
        backward: Sends `loss * share` backward, to the given tensors or to all weights.
        weights: The weights of the network.
        generator: Source of architectures, on the CPU; the same in all processes.
        progress: Share of the training that is done, 0 to 1.
        learning_rate: Of the weights, at this step.
        passes: Forward and backward passes done so far; strategies count them here.
    """

    run: Callable[[Choice, Tensor], Tensor]
    draw: Callable[[Part], Batch]
    backward: Callable[..., None]
    weights: list[nn.Parameter]
    generator: torch.Generator
    progress: float
    learning_rate: float
    passes: int = field(default=0)


class Strategy(ABC):
    """How a network is trained.

    Attributes:
        parts: Parts of the text that weights are trained on.
        passes: Forward and backward passes of `train_weights`, by turns.
        whole: Whether each of them uses all weights.
        distribution: What an `ArchitectureStrategy` learns; None for all others.
    """

    parts: ClassVar[tuple[Part, ...]] = ("weights",)
    passes: int = 1
    whole: bool = False
    distribution: ArchDistribution | None = None

    @abstractmethod
    def train_weights(self, micro: MicroStep) -> Tensor:
        """Send the losses of one micro-batch backward to the weights.

        Returns:
            The loss to report, without gradient.
        """

    @abstractmethod
    def watched(self) -> Mapping[str, Architecture | None]:
        """Name the networks whose validation loss is worth watching."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""


class ArchitectureStrategy(Strategy):
    """A strategy that learns about architectures, too.

    Attributes:
        distribution: What is learned about them.
    """

    distribution: ArchDistribution

    @abstractmethod
    def train_architecture(self, micro: MicroStep) -> Tensor:
        """Give the distribution's parameters their gradients.

        Returns:
            The loss to report, without gradient.
        """


def cross_entropy(logits: Tensor, targets: Tensor, /) -> Tensor:
    """Return the mean loss in nats a token, in single precision.

    Args:
        logits: `(B, T, V)`.
        targets: `(B, T)` token ids, or `(B, T, V)` probabilities.
    """
    flat = logits.flatten(0, 1)
    flat = flat if flat.dtype == torch.float64 else flat.float()
    return F.cross_entropy(flat, targets.flatten(0, 1))
