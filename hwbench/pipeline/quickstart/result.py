"""What a quickstart is asked for, and what came out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwbench.arrays import FloatArray

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.search import Problem
    from hwbench.search.exact import ExactResult

__all__ = ["Check", "Quickstart", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """What a user asks for.

    Attributes:
        out: Folder for everything.
        device: "auto", "cpu", "cuda:0", ...
        budget_s: Time for measuring.
        limits: Of the search, such as "latency=500ms"; none: one that suits the device.
        seed: Of all chance.
    """

    out: Path
    device: str = "auto"
    budget_s: float = 180.0
    limits: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Check:
    """A prediction of the answer, and what came when it was measured.

    Attributes:
        metric: Name of the metric.
        predicted: What the benchmark predicts.
        lower: Lower end of its interval for a measurement.
        upper: Upper end.
        measured: One value a visit.
    """

    metric: str
    predicted: float
    lower: float
    upper: float
    measured: tuple[float, ...]

    @property
    def middle(self) -> float:
        """Median of the visits."""
        return float(np.median(self.measured))

    @property
    def inside(self) -> bool:
        """Whether the median lies within the interval."""
        return self.lower <= self.middle <= self.upper


@dataclass(frozen=True, eq=False)
class Quickstart:
    """What came out.

    Attributes:
        bench: The benchmark with the device.
        device: What the device is called in it.
        opened: Name of the device as `hwbench.profiling.devices.open_device` takes it.
        label: How people know it.
        architectures: How many were measured.
        rows: Measurements.
        limits: Limits of the search, as people write them.
        problem: What was searched for.
        best: The answer, with its proof.
        front: `n x 2` perplexity and latency of the architectures that nothing dominates, by
            ascending perplexity.
        proof: What is proven about the front.
        checks: Predictions of the answer against measurements.
        files: What was written: name -> path.
        seconds: Step -> time it took in this call.
    """

    bench: Benchmark
    device: str
    opened: str
    label: str
    architectures: int
    rows: int
    limits: tuple[str, ...]
    problem: Problem
    best: ExactResult
    front: FloatArray
    proof: str
    checks: tuple[Check, ...]
    files: Mapping[str, Path]
    seconds: Mapping[str, float]

    @property
    def errors(self) -> Mapping[str, float]:
        """Metric -> mean relative error on measured architectures that were left out."""
        cells: Any = self.bench.card["cells"]
        found = {check.metric: cells[f"{check.metric}.{self.device}"] for check in self.checks}
        return {
            metric: float(own["architectures"]["few-shot"]["mape"])
            for metric, own in found.items()
            if "architectures" in own
        }
