"""Train subnets directly: single path, several paths, and the sandwich with its distillation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from hwbench.errors import SpaceError
from hwbench.spaces import Architecture, Space
from hwbench.supernet.distributions import random_architecture
from hwbench.supernet.strategies.strategy import Batch, MicroStep, Strategy, cross_entropy

__all__ = ["Paths", "Standalone"]


class Paths(Strategy):
    """Run some subnets on each micro-batch and follow the mean of their gradients.

    `Paths(space)` is SPOS (Guo et al. 2020): one uniform path. `Paths(space, random=2,
    largest=True, smallest=True, distil=True)` is the sandwich rule with in-place distillation (Yu
    and Huang 2019; Yu et al., "BigNAS", 2020): the largest network learns from the text, the
    others from its probabilities, which are constants to them.

    Args:
        space: The space.
        random: Uniform paths a micro-batch.
        largest: Whether to run the largest network, first.
        smallest: Whether to run the smallest network.
        distil: Whether the others learn from the largest network instead of from the text.
        distil_from: Share of the training before distillation begins; until then all paths learn
            from the text, since an untrained teacher only holds its students back.
        temperature: Softens the probabilities that are learned from.
    """

    def __init__(
        self,
        space: Space,
        *,
        random: int = 1,
        largest: bool = False,
        smallest: bool = False,
        distil: bool = False,
        distil_from: float = 0.0,
        temperature: float = 1.0,
    ) -> None:
        if random < 0 or random + largest + smallest == 0:
            raise SpaceError(f"a step needs a path, got {random} random ones and no other")
        if distil and not largest:
            raise SpaceError("distillation learns from the largest network: let it run, too")
        if temperature <= 0:
            raise SpaceError(f"a temperature is positive, got {temperature}")
        self.space, self.random = space, random
        self.largest, self.smallest, self.distil = largest, smallest, distil
        self.distil_from, self.temperature = distil_from, temperature
        self.passes = random + largest + smallest

    def train_weights(self, micro: MicroStep) -> Tensor:
        """Send each path's loss backward in turn; report their mean against the text."""
        batch = micro.draw("weights")
        distil = self.distil and micro.progress >= self.distil_from
        teacher: Tensor | None = None
        reported = []
        for arch in self._paths(micro):
            logits = micro.run(arch, batch.inputs)
            plain = cross_entropy(logits, batch.targets)
            loss = plain if teacher is None else self._soft(logits, teacher)
            micro.backward(loss, 1 / self.passes)
            micro.passes += 1
            reported.append(plain.detach())
            if distil and teacher is None:
                teacher = (logits.detach().float() / self.temperature).softmax(-1)
        return sum(reported[1:], reported[0]) / len(reported)

    def watched(self) -> Mapping[str, Architecture | None]:
        """Watch the two ends of the space."""
        return {"largest": self.space.largest(), "smallest": self.space.smallest()}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        names = ("random", "largest", "smallest", "distil", "distil_from", "temperature")
        return {"kind": "paths", **{name: getattr(self, name) for name in names}}

    def _paths(self, micro: MicroStep) -> Iterator[Architecture]:
        if self.largest:
            yield self.space.largest()
        if self.smallest:
            yield self.space.smallest()
        for _ in range(self.random):
            yield random_architecture(self.space, micro.generator)

    def _soft(self, logits: Tensor, teacher: Tensor) -> Tensor:
        # Cross entropy to soft targets has the gradient of the KL divergence; the square keeps
        # its size as the temperature rises (Hinton et al. 2015).
        return cross_entropy(logits / self.temperature, teacher) * self.temperature**2


class Standalone(Strategy):
    """Train one network as it is: a plain network, or one subnet of a supernet.

    Args:
        arch: The subnet; None for a network that is no supernet.
    """

    parts = ("weights", "architecture")

    def __init__(self, arch: Architecture | None = None) -> None:
        self.arch, self.whole = arch, arch is None

    def train_weights(self, micro: MicroStep) -> Tensor:
        """Send the loss of one batch backward."""
        batch: Batch = micro.draw("weights")
        loss = cross_entropy(micro.run(self.arch, batch.inputs), batch.targets)
        micro.backward(loss, 1.0)
        micro.passes += 1
        return loss.detach()

    def watched(self) -> Mapping[str, Architecture | None]:
        """Watch the network itself."""
        return {"network": self.arch}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {"kind": "standalone", "arch": None if self.arch is None else str(self.arch)}
