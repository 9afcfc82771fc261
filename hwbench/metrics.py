"""The metrics: what hwbench measures, predicts and searches over, with unit and direction.

Everything else (tables, bundles, the command line) takes names and units from `METRICS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from hwbench.errors import UnknownNameError

__all__ = ["METRICS", "Metric", "get", "names"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of an architecture.

    Attributes:
        name: Name with the unit in it, such as "latency_s".
        unit: SI unit, one of `hwbench.units.UNITS`.
        direction: Which way is better.
        needs_device: True if the number belongs to an architecture and a device.
        label: Short text for a table head or an axis.
        description: What exactly the number is.
        range: The least and the greatest number it can be.
        whole: Whether it counts something, so that it is written without a fraction.
    """

    name: str
    unit: str
    direction: Literal["minimize", "maximize"]
    needs_device: bool
    label: str
    description: str
    range: tuple[float, float] = (0.0, math.inf)
    whole: bool = False

    @property
    def short(self) -> str:
        """The name without its unit: "latency" for "latency_s"."""
        return _SHORT.get(self.name, self.name)


_SHORT: Final = {"latency_s": "latency", "energy_j": "energy", "memory_bytes": "memory"}

_ALL: Final = (
    Metric(
        "latency_s",
        "s",
        "minimize",
        True,
        "latency",
        "time of one forward pass of a batch; the protocol says how it was timed",
    ),
    Metric(
        "energy_j",
        "J",
        "minimize",
        True,
        "energy",
        "energy of one forward pass of a batch; the protocol says what was metered",
    ),
    Metric(
        "memory_bytes",
        "bytes",
        "minimize",
        True,
        "memory",
        "bytes: of the weights alone, or the peak of a forward pass; the protocol says which",
    ),
    Metric(
        "perplexity",
        "1",
        "minimize",
        False,
        "perplexity",
        "of the subnet with the weights it inherits from the supernet",
        range=(1.0, math.inf),
    ),
    Metric(
        "accuracy",
        "1",
        "maximize",
        False,
        "next-token accuracy",
        "share of next tokens that the inherited subnet ranks first",
        range=(0.0, 1.0),
    ),
    Metric(
        "params",
        "1",
        "minimize",
        False,
        "parameters",
        "trainable numbers of the profiled network",
        whole=True,
    ),
    Metric(
        "flops",
        "FLOP",
        "minimize",
        False,
        "FLOPs",
        "one forward pass of one sequence of 1024 tokens: twice the multiply-accumulates of all "
        "matrix products, both attention products included and counted in full (no causal "
        "discount), profiled network",
        whole=True,
    ),
)

METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _ALL}
"""Name -> metric, in the order in which they are shown."""


def names() -> tuple[str, ...]:
    """Name all metrics, in the order in which they are shown."""
    return tuple(METRICS)


def get(name: str) -> Metric:
    """Look a metric up by its name or its short name ("latency").

    Raises:
        UnknownNameError: If there is no such metric; lists those that exist.
    """
    if name in METRICS:
        return METRICS[name]
    for full, short in _SHORT.items():
        if name == short:
            return METRICS[full]
    raise UnknownNameError.of("metric", name, METRICS)
