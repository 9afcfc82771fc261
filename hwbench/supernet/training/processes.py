"""Several processes that train one network, as `torchrun` starts them.

Gradients are averaged after all passes of a step, in one flat buffer. torch's
`DistributedDataParallel` wrapper averages during the backward pass that it is told is the last one,
and leaves out weights that this pass does not use; a step here has several passes over different
subnets, so most steps would lose gradients that way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

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
