"""hwbench: hardware-aware surrogate benchmarks for neural architectures.

`hwbench.load("gpt-s")` gives a benchmark to query. Importing this package loads
nothing heavy: its rooms come on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwbench.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
