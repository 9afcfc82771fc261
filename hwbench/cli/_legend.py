"""What a legend below numbers says of memory."""

from collections.abc import Iterable
from typing import Final

from hwbench.benchmark import Benchmark

__all__ = ["MEMORY", "weights_alone"]

MEMORY: Final = "memory_bytes"


def weights_alone(bench: Benchmark, devices: Iterable[str], /) -> list[str]:
    """Say so if memory on one of the devices is that of the weights, of no batch; else nothing."""
    there = (device for device in devices if MEMORY in bench.metrics(device))
    if any(bench.protocol(MEMORY, device).batch_size is None for device in there):
        return ["memory of the weights alone"]
    return []
