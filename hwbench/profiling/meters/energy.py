"""What every energy meter answers: the energy used since it began, and when that was read.

Read a meter before and after a window of repeated work and subtract with `window`. Counters move in
steps of `update_s`, so a window must last `shortest_window_s` or longer: shorter ones read noise.
A device without a meter answers `Unavailable`; nothing here guesses energy from a rated power.

The rule for the length of a window follows "Part-time power measurements" (Yang et al., 2024,
arXiv 2312.02741): short windows fall between the updates of the sensor.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import TracebackType
from typing import Final, NamedTuple, Self

from hwbench.errors import DataError, HwbenchError
from hwbench.profiling.meters.clock import MONOTONIC, Clock

__all__ = [
    "SHORTEST_WINDOW_S",
    "UPDATES_A_WINDOW",
    "DeviceLostError",
    "EnergyMeter",
    "EnergyReading",
    "EnergyWindow",
    "Unavailable",
    "observed_update_s",
]

SHORTEST_WINDOW_S: Final = 5.0
UPDATES_A_WINDOW: Final = 50


class DeviceLostError(HwbenchError, RuntimeError):
    """The device or its sensor stopped answering."""


@dataclass(frozen=True)
class Unavailable:
    """Why something cannot be read here.

    Attributes:
        reason: What is missing, one sentence.
        fix: What to do about it; a command where there is one.
    """

    reason: str
    fix: str


@dataclass(frozen=True)
class EnergyReading:
    """One reading of a meter.

    Attributes:
        energy_j: Energy since the meter began; only differences mean something.
        at_s: Monotonic clock at the reading; only differences mean something.
    """

    energy_j: float
    at_s: float


class EnergyWindow(NamedTuple):
    """Energy used between two readings, and the time between them."""

    energy_j: float
    duration_s: float


class EnergyMeter(ABC):
    """Reads the energy a device has used. Use it as a context manager: some keep a thread running.

    Attributes:
        source: How the energy is read: "nvml_counter", "nvml_power_integral", "rapl" or "replay".
        scope: What the energy covers, such as "gpu" or "package-0, dram-0".
    """

    source: str
    scope: str

    @property
    @abstractmethod
    def update_s(self) -> float:
        """Time between two updates of the sensor; the first call may watch it for a second."""

    @abstractmethod
    def read(self) -> EnergyReading:
        """Read the energy used so far.

        Raises:
            DeviceLostError: If the sensor does not answer any more.
        """

    def close(self) -> None:
        """Stop what runs in the background; further readings may be refused."""
        return

    @property
    def shortest_window_s(self) -> float:
        """Windows below this are not worth reading: 5 s and 50 updates of the sensor."""
        return max(SHORTEST_WINDOW_S, UPDATES_A_WINDOW * self.update_s)

    @staticmethod
    def window(start: EnergyReading, end: EnergyReading) -> EnergyWindow:
        """Subtract two readings of one meter.

        Raises:
            DataError: If the second is not later, or the energy fell: another meter, or a reset.
        """
        energy_j, duration_s = end.energy_j - start.energy_j, end.at_s - start.at_s
        if not (duration_s > 0 and math.isfinite(duration_s)):
            raise DataError(f"an energy window must end after it starts, this takes {duration_s} s")
        if not (energy_j >= 0 and math.isfinite(energy_j)):
            raise DataError(
                f"the energy fell by {-energy_j} J within a window: the counter was reset, or the "
                "readings come from two meters; measure again"
            )
        return EnergyWindow(energy_j, duration_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def observed_update_s(
    meter: EnergyMeter,
    /,
    *,
    changes: int = 6,
    limit_s: float = 1.0,
    poll_s: float = 1e-3,
    clock: Clock = MONOTONIC,
) -> float:
    """Watch a counter and take the median time between its changes.

    Args:
        meter: The meter whose energy moves in steps.
        changes: How many changes to wait for.
        limit_s: When to give up; fewer than two changes by then give `limit_s`, the worst case.
        poll_s: Pause between two looks; the answer is no finer than this.
        clock: Where time comes from.

    Returns:
        Seconds between updates.
    """
    last = meter.read()
    begin_s, moments_s = last.at_s, list[float]()
    while len(moments_s) < changes and last.at_s - begin_s < limit_s:
        clock.sleep(poll_s)
        now = meter.read()
        if now.energy_j != last.energy_j:
            moments_s.append(now.at_s)
        last = now
    if len(moments_s) < 2:
        return limit_s
    return median(b - a for a, b in pairwise(moments_s))
