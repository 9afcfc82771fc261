"""PyTorch as it is: each operation launched when Python reaches it."""

from __future__ import annotations

from typing import Final

from hwbench.profiling.runtimes._torch import TorchRuntime

__all__ = ["RUNTIME"]

RUNTIME: Final = TorchRuntime("torch-eager")
"""The runtime."""
