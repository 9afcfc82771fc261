"""Several processes that train one network, as `torchrun` starts them.

Gradients of the weights are averaged by torch's `DistributedDataParallel`, once a step: in the last
of its passes, with what the earlier ones have left. Where passes run slices, it is told to look for
weights that this one does not use: their gradients from earlier passes are averaged, too, and
weights that no pass used have none, as in one process.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from hwbench.supernet.errors import TrainingError

__all__ = ["Processes", "processes"]


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: Number of this one, from 0.
        world: How many there are.
        device: Where this one computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor], /) -> None:
        """Replace tensors by their means over all processes; each must hold the same shapes."""
        if self.world == 1:
            return
        held = list(tensors)
        flat = torch.cat([t.detach().reshape(-1) for t in held])
        distributed.all_reduce(flat)
        flat /= self.world
        sizes = [t.numel() for t in held]
        for tensor, part in zip(held, torch.split(flat, sizes), strict=True):
            tensor.detach().copy_(part.view_as(tensor))

    def shared(self, network: nn.Module, /, *, whole: bool) -> nn.Module:
        """Return a network whose backward passes average gradients over all processes.

        Args:
            network: The network.
            whole: Whether each pass uses all weights.
        """
        if self.world == 1:
            return network
        with warnings.catch_warnings():  # torch 2.13 prefers a word that 2.5 does not know
            warnings.simplefilter("ignore", FutureWarning)
            return DistributedDataParallel(
                network, find_unused_parameters=not whole, broadcast_buffers=False
            )

    def apart(self, network: nn.Module, /) -> AbstractContextManager[None]:
        """Run a shared network so that the backward pass keeps its gradients to this process."""
        if isinstance(network, DistributedDataParallel):
            return network.no_sync()
        return nullcontext()

    def any(self, here: bool, /) -> bool:
        """Say whether something holds in one of the processes; all must ask at the same time."""
        if self.world == 1:
            return here
        found = torch.tensor(int(here), device=self.device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return bool(found)

    def wait(self) -> None:
        """Wait for the others."""
        if self.world > 1:
            distributed.barrier()


@contextmanager
def processes(device: str, /) -> Iterator[Processes]:
    """Join the processes that `torchrun` started; alone otherwise.

    Args:
        device: "cpu", "cuda", or "auto": a GPU where there is one. With several processes each
            takes the GPU of its local rank.

    Raises:
        TrainingError: If there is no such device.
    """
    rank, world = (int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE"))
    own = Processes(rank, max(world, 1), _device(device))
    if own.world == 1 or distributed.is_initialized():
        yield own
        return
    distributed.init_process_group("nccl" if own.device.type == "cuda" else "gloo")
    try:
        yield own
    finally:
        distributed.destroy_process_group()


def _device(name: str) -> torch.device:
    wanted = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise TrainingError(f"no such device: {name!r}; take cpu, cuda or auto") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise TrainingError("torch sees no CUDA GPU here: take --device cpu")
    if wanted == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device
