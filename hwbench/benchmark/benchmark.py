"""A benchmark: ask it about architectures."""

from dataclasses import dataclass

from hwbench.benchmark.bundle import Bundle

__all__ = ["Benchmark"]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What `hwbench.load` gives."""

    bundle: Bundle
    sha256: str | None = None
