"""hwbench: hardware-aware surrogate benchmarks for neural architectures.

`hwbench.load("gpt-s")` gives a benchmark to query. Importing this package loads nothing but this
file: the rest comes on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwbench.benchmark import load as load

__version__ = "0.1.0"

# Name -> module it comes from (None: the module of that name itself).
_LAZY: dict[str, str | None] = {
    "load": "hwbench.benchmark",
    "Benchmark": "hwbench.benchmark",
    "HwbenchError": "hwbench.errors",
    "Architecture": "hwbench.spaces",
    "Choice": "hwbench.spaces",
    "Space": "hwbench.spaces",
    "spaces": None,
    "metrics": None,
    "units": None,
    "errors": None,
    "models": None,
    "data": None,
    "surrogates": None,
    "benchmark": None,
    "search": None,
}

__all__ = [
    "Architecture",
    "Benchmark",
    "Choice",
    "HwbenchError",
    "Space",
    "__version__",
    "load",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'hwbench' has no attribute {name!r}")
    origin = _LAZY[name]
    if origin is None:
        return importlib.import_module(f"hwbench.{name}")
    value: object = getattr(importlib.import_module(origin), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
