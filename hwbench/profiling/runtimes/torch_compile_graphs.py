"""PyTorch compiled, and the compiled kernels replayed as a CUDA graph."""

from __future__ import annotations

from typing import Final

from hwbench.profiling.runtimes._torch import TorchRuntime
from hwbench.profiling.runtimes.torch_compile import compiled
from hwbench.profiling.runtimes.torch_graphs import captured

__all__ = ["RUNTIME"]

RUNTIME: Final = TorchRuntime("torch-compile-graphs", compiled, captured, device_kinds=("gpu",))
"""The runtime."""
