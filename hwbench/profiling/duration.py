"""How long measurements will take: an estimate from operations, and from one pilot measurement.

Good to some ten per cent with a pilot, to a factor of a few without one. It decides how many
architectures fit into a time budget; the numbers that are measured do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hwbench import spaces
from hwbench.arrays import Codes, FloatArray
from hwbench.profiling._types import DeviceKind
from hwbench.profiling.plan import Plan, schedule
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import EnergyRule, StopRule
from hwbench.spaces import Space, gpt_costs

__all__ = ["Speed", "assumed_speed", "iteration_flops", "measured_speed", "plan_seconds"]

_ASSUMED: Final[dict[DeviceKind, tuple[float, float]]] = {"cpu": (6.0, 5e10), "gpu": (10.0, 2e13)}
_DECODING_SHARE: Final = 0.05
"""Decoding waits for memory: it reaches about this share of the speed of a prefill."""
_WARMUPS: Final = 6
_SAMPLES: Final = 10


@dataclass(frozen=True)
class Speed:
    """How fast a device gets on with measuring.

    Attributes:
        overhead_s: Start of the process, imports, building the network.
        flop_per_s: Operations a second.
        measured: Whether a pilot measurement says so; else it is an assumption.
    """

    overhead_s: float
    flop_per_s: float
    measured: bool

    def seconds(self, flops: FloatArray, stop: StopRule, energy: EnergyRule | None) -> FloatArray:
        """Estimate the time of measurements.

        Args:
            flops: `(n,)` operations of an iteration.
            stop: When enough samples are taken.
            energy: How energy is metered; None if it is not.

        Returns:
            `(n,)` seconds.
        """
        once = flops / self.flop_per_s
        least = max(stop.warmup_min, 1) * once
        warm = np.maximum(least, np.minimum(_WARMUPS * once, stop.warmup_max_s))
        enough = np.clip(_SAMPLES * once, stop.min_s, stop.max_s)
        timed = np.maximum(np.maximum(enough, min(3, stop.min_samples) * once), least)
        total = self.overhead_s + warm + timed
        if energy is not None:
            total = total + energy.idle_s + energy.windows * np.maximum(energy.window_s, once)
        return np.asarray(total, dtype=np.float64)


def iteration_flops(space: Space, codes: Codes, protocol: MeasuringProtocol, /) -> FloatArray:
    """Count the operations of an iteration, `(n,)`; those of decoding weigh more, as they wait.

    Args:
        space: A GPT space.
        codes: `n x n_choices` codes.
        protocol: How it is run.
    """
    work = protocol.workload
    length = work.length if work.phase == "prefill" else 1
    once = gpt_costs.flops(
        space.with_network(protocol.network), codes, sequence_length=length, batch_size=work.batch
    ).astype(np.float64)
    return once if work.phase == "prefill" else once * work.new_tokens / _DECODING_SHARE


def assumed_speed(kind: DeviceKind, /) -> Speed:
    """Return a guess for a device nobody has measured."""
    return Speed(*_ASSUMED[kind], measured=False)


def measured_speed(row: Mapping[str, Any], flops: float, /) -> Speed:
    """Derive the speed from the row of a pilot measurement of an architecture of `flops`."""
    latency = row["latency"]
    once = float(np.median(latency["samples_s"]))
    working = sum(latency["samples_s"]) + sum(latency["warmup_s"])
    return Speed(max(row["seconds"] - working, 0.0), flops / once, measured=True)


def plan_seconds(
    plan: Plan, speed_of: Callable[[MeasuringProtocol], Speed], /, *, metered: bool
) -> float:
    """Estimate how long a plan takes in all.

    Args:
        plan: The plan.
        speed_of: Speed under a protocol.
        metered: Whether the device has an energy meter.
    """
    energy = plan.energy if metered and "energy_j" in plan.metrics else None
    space, total = spaces.get(plan.space), 0.0
    for slot in schedule(plan):
        codes = space.encode([space.parse(slot.architecture)])
        flops = iteration_flops(space, codes, slot.protocol)
        total += float(speed_of(slot.protocol).seconds(flops, plan.stop, energy)[0])
    return total
