"""PyTorch with `torch.compile`: operations fused by its inductor backend, shapes fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from hwbench.profiling.runtimes._torch import TorchRuntime

if TYPE_CHECKING:
    from hwbench.profiling.runtimes._networks import Step

__all__ = ["RUNTIME", "compiled"]


def compiled(begin: Step, step: Step, /) -> Step:
    """Compile a step, and run it once so that preparing, not measuring, pays for that."""
    import torch

    fast = cast("Step", torch.compile(step, dynamic=False))
    begin()
    fast()
    return fast


RUNTIME: Final = TorchRuntime("torch-compile", compiled)
"""The runtime."""
