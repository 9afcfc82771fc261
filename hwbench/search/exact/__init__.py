"""Exact search: certified optima and fronts where metrics are sums over layers.

`solve` finds the best architecture under limits and proves it; `pareto` finds fronts; `reachable`
says what values a metric can take.
"""

from __future__ import annotations

from hwbench.search.exact.certificate import (
    TOLERANCE,
    Certificate,
    ExactFront,
    ExactResult,
    NoCertificateError,
)
from hwbench.search.exact.front import pareto
from hwbench.search.exact.reach import reachable
from hwbench.search.exact.solve import solve

__all__ = [
    "TOLERANCE",
    "Certificate",
    "ExactFront",
    "ExactResult",
    "NoCertificateError",
    "pareto",
    "reachable",
    "solve",
]
