"""The parts of a problem: what to make better, and what must hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hwbench import metrics, units
from hwbench.errors import HwbenchError

__all__ = ["Aggregate", "Limit", "Objective", "ProblemError", "Sense", "column_name"]

Aggregate: TypeAlias = Literal["max", "mean"]
"""How an objective sums up several devices: the worst of them, or their mean."""

Sense: TypeAlias = Literal["max", "min"]
"""Whether a limit is the greatest or the smallest value allowed."""


class ProblemError(HwbenchError, ValueError):
    """A problem contradicts itself, or cannot be asked of this benchmark."""


def column_name(metric: str, device: str | None, /) -> str:
    """Name one number of an architecture: "perplexity", "latency_s@h100"."""
    return metric if device is None else f"{metric}@{device}"


@dataclass(frozen=True)
class Objective:
    """One thing to make as good as can be; the metric says whether low or high is good.

    Attributes:
        metric: Name of a metric, with or without its unit; stored with it.
        devices: The devices it is about; empty for a metric that needs none.
        aggregate: What counts of several devices: "max" is the worst of them.
    """

    metric: str
    devices: tuple[str, ...] = ()
    aggregate: Aggregate = "max"

    def __post_init__(self) -> None:
        metric = metrics.get(self.metric)
        object.__setattr__(self, "metric", metric.name)
        object.__setattr__(self, "devices", tuple(self.devices))
        if metric.needs_device != bool(self.devices):
            wants = "needs a device" if metric.needs_device else "belongs to no device"
            raise ProblemError(f"the objective {self.metric} {wants}, got {list(self.devices)}")
        if len(set(self.devices)) != len(self.devices):
            raise ProblemError(f"a device is named twice for {self.metric}: {self.devices}")
        if self.aggregate not in ("max", "mean"):
            raise ProblemError(f"aggregate is 'max' or 'mean', got {self.aggregate!r}")

    @property
    def sign(self) -> float:
        """1 for a metric that is minimised, -1 for one that is maximised."""
        return 1.0 if metrics.get(self.metric).direction == "minimize" else -1.0

    @property
    def columns(self) -> tuple[tuple[str, str | None], ...]:
        """The numbers it is made of: metric and device."""
        return tuple((self.metric, device) for device in self.devices or (None,))

    def __str__(self) -> str:
        """Write it as `Problem.parse` reads it: "latency@h100"."""
        short = metrics.get(self.metric).short
        if not self.devices:
            return short
        prefix = "mean:" if self.aggregate == "mean" and len(self.devices) > 1 else ""
        return f"{prefix}{short}@{'+'.join(self.devices)}"


@dataclass(frozen=True)
class Limit:
    """A bound that an architecture must keep.

    Attributes:
        metric: Name of a metric, with or without its unit; stored with it.
        device: The device; None for a metric that needs none.
        bound: In the SI unit of the metric.
        sense: "max": the value may not exceed the bound; "min": it may not fall below.
        confidence: Probability with which a new measurement of the architecture must keep the
            bound, inside (0, 1); None to hold the prediction itself to it.
        margin: Relative distance from the bound to keep, such as 0.05, at least 0.
    """

    metric: str
    device: str | None
    bound: float
    sense: Sense = "max"
    confidence: float | None = None
    margin: float = 0.0

    def __post_init__(self) -> None:
        metric = metrics.get(self.metric)
        object.__setattr__(self, "metric", metric.name)
        object.__setattr__(self, "bound", float(self.bound))
        if metric.needs_device != (self.device is not None):
            wants = "needs a device" if metric.needs_device else "belongs to no device"
            raise ProblemError(f"the limit on {self.metric} {wants}, got {self.device!r}")
        if not (math.isfinite(self.bound) and self.bound > 0):
            raise ProblemError(f"the bound on {self.metric} must be above 0, got {self.bound}")
        if self.sense not in ("max", "min"):
            raise ProblemError(f"a limit is 'max' or 'min', got {self.sense!r}")
        if self.confidence is not None and not 0.0 < self.confidence < 1.0:
            raise ProblemError(f"a confidence lies inside (0, 1), got {self.confidence}")
        if not 0.0 <= self.margin < 1.0:
            raise ProblemError(f"a margin lies in 0 to 1, got {self.margin}")

    def __str__(self) -> str:
        """Write it for people: "latency@h100 <= 8 ms"."""
        metric = metrics.get(self.metric)
        sign = "<=" if self.sense == "max" else ">="
        text = f"{column_name(metric.short, self.device)} {sign} "
        text += units.format(self.bound, metric.unit)
        notes = [] if self.confidence is None else [f"at {self.confidence * 100:g} %"]
        notes += [f"margin {self.margin * 100:g} %"] if self.margin else []
        return text + (f" ({', '.join(notes)})" if notes else "")
