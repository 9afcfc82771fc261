"""What a legend below numbers says: the batch of each metric, and what memory is."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from hwbench import metrics
from hwbench.benchmark import Benchmark

__all__ = ["batches"]

_MEMORY: Final = "memory_bytes"


def batches(
    bench: Benchmark, devices: Iterable[str], names: Collection[str] | None = None, /
) -> list[str]:
    """Say of each metric of some devices which batch it is of, or that it is of the weights alone.

    Args:
        bench: The benchmark.
        devices: The devices.
        names: Only of these metrics; None: of all.
    """
    sizes: dict[str, dict[int, dict[str, None]]] = {}  # label -> batch -> kinds of device
    weights = False
    for device in devices:
        for name in bench.metrics(device):
            cell = bench.cell(name, device)
            if cell.devices is None or (names is not None and name not in names):
                continue
            size = cell.protocol.batch_size
            if cell.exact or size is None:
                weights |= name == _MEMORY
                continue
            kinds = sizes.setdefault(metrics.get(name).label, {}).setdefault(size, {})
            kinds[bench.device(device).kind] = None
    said = [f"{label} of a batch of {_sizes(found)}" for label, found in sizes.items()]
    return [*said, *(["memory of the weights alone"] if weights else [])]


def _sizes(sizes: Mapping[int, Mapping[str, None]]) -> str:
    """Write "8", or "8 (gpu), 4 (cpu)" where devices differ."""
    if len(sizes) == 1:
        return str(next(iter(sizes)))
    return ", ".join(f"{size} ({' and '.join(kinds)})" for size, kinds in sizes.items())
