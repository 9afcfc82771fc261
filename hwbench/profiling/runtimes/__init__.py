"""Runtimes: what runs a network; one file each, and one line in `RUNTIMES`."""

from __future__ import annotations

from hwbench.profiling.runtimes.registry import RUNTIMES, get
from hwbench.profiling.runtimes.runtime import Request, Runnable, Runtime, UnsupportedError

__all__ = ["RUNTIMES", "Request", "Runnable", "Runtime", "UnsupportedError", "get"]
