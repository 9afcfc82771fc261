"""The runtimes by name."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from hwbench.errors import UnknownNameError
from hwbench.profiling.runtimes.runtime import Runtime

__all__ = ["RUNTIMES", "get"]

RUNTIMES: Final[dict[str, str]] = {
    "torch-eager": "hwbench.profiling.runtimes.torch_eager",
    "torch-compile": "hwbench.profiling.runtimes.torch_compile",
    "torch-graphs": "hwbench.profiling.runtimes.torch_graphs",
    "torch-compile-graphs": "hwbench.profiling.runtimes.torch_compile_graphs",
    "onnx-cpu": "hwbench.profiling.runtimes.onnx_cpu",
    "onnx-cuda": "hwbench.profiling.runtimes.onnx_cuda",
}
"""Name -> module whose `RUNTIME` it is."""


def get(name: str, /) -> Runtime:
    """Return a runtime; its packages are imported when it prepares a network.

    Raises:
        UnknownNameError: If there is none of that name; lists those that exist.
    """
    if name not in RUNTIMES:
        raise UnknownNameError.of("runtime", name, RUNTIMES)
    return cast(Runtime, import_module(RUNTIMES[name]).RUNTIME)
