"""Dropout while a network trains: of the embeddings, and of what attention and MLPs add.

Networks have none of their own, so that what is extracted, exported and profiled is free of it. A
supernet's slices and mixtures pass through its `nn.Dropout` modules, which `dropping` switches on;
a plain network gets hooks. Draws depend on the seed, the step and the process alone, so a run that
was broken goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from hwbench.models.gpt import GPT

__all__ = ["dropping", "seeded"]


@contextmanager
def dropping(network: nn.Module, share: float, /) -> Iterator[None]:
    """Drop a share of a network's activations as long as it is in training mode.

    Args:
        network: A supernet, or a plain GPT.
        share: From 0, for none, to below 1.
    """
    switches = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    with ExitStack() as undo:
        if share > 0 and isinstance(network, GPT):
            for handle in _hooked(network, share):
                undo.callback(handle.remove)
        for switch in switches:
            undo.callback(setattr, switch, "p", switch.p)
            switch.p = share
        yield


@contextmanager
def seeded(seed: int, step: int, rank: int, device: torch.device, /) -> Iterator[None]:
    """Draw what torch draws by itself from these numbers; its generators stay as they were."""
    state = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(state[0]))
        yield


def _hooked(network: GPT, share: float) -> Iterator[RemovableHandle]:
    def drop(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        return F.dropout(output, share, module.training)

    def drop_first(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (F.dropout(inputs[0], share, module.training),)

    yield network.blocks[0].register_forward_pre_hook(drop_first)
    for block in network.blocks:
        for name in ("attn", "mlp"):
            yield block.get_submodule(name).register_forward_hook(drop)
