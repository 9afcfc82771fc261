"""Meters that play back a recording, for tests and for looking at a campaign again.

Rows measured so carry the source "replay" and can never pass for measured energy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from hwbench.errors import DataError
from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import DeviceLostError, EnergyMeter, EnergyReading

__all__ = ["RecordedPower", "RecordedReadings"]

_SOURCE: Final = "replay"


class RecordedReadings(EnergyMeter):
    """Gives recorded readings back one by one; behind the last one the device is lost.

    Args:
        readings: In the order in which they were taken.
        update_s: Time between updates of the recorded sensor.

    Raises:
        DataError: If there is none, or their time does not grow.
    """

    def __init__(self, readings: Iterable[EnergyReading], /, *, update_s: float = 0.1) -> None:
        self._readings = tuple(readings)
        if not self._readings:
            raise DataError("a recording of energy needs one reading or more")
        if any(b.at_s <= a.at_s for a, b in pairwise(self._readings)):
            raise DataError("the readings of a recording must be in the order of their time")
        self.source = _SOURCE
        self.scope = "recorded readings"
        self._update_s = update_s
        self._next = 0

    @property
    def update_s(self) -> float:
        """As recorded."""
        return self._update_s

    def read(self) -> EnergyReading:
        """Give the next recorded reading.

        Raises:
            DeviceLostError: If all were given.
        """
        if self._next == len(self._readings):
            raise DeviceLostError(f"the recording ends after {len(self._readings)} readings")
        self._next += 1
        return self._readings[self._next - 1]


class RecordedPower(EnergyMeter):
    """Integrates a recorded course of power against the clock, from the moment it is made.

    Args:
        times_s: Moments of the recording, growing from 0 on.
        power_w: Power at each of them; between two it is interpolated, the last one holds on.
        lost_after_s: When the device stops answering, `None` for never.
        update_s: Energy moves in steps of this length; 0 for smoothly.
        clock: Where time comes from.

    Raises:
        DataError: If the moments do not grow from 0, or a power is negative or no number.
    """

    def __init__(
        self,
        times_s: Sequence[float],
        power_w: Sequence[float],
        /,
        *,
        lost_after_s: float | None = None,
        update_s: float = 0.0,
        clock: Clock = MONOTONIC,
    ) -> None:
        times, power = np.asarray(times_s, float), np.asarray(power_w, float)
        if (
            len(times) != len(power)
            or not len(times)
            or times[0] != 0
            or (np.diff(times) <= 0).any()
        ):
            raise DataError(
                "a course of power needs one power a moment, and moments growing from 0"
            )
        if not (np.isfinite(power).all() and (power >= 0).all()):
            raise DataError("a course of power holds finite numbers of watts, none below 0")
        self.source = _SOURCE
        self.scope = "recorded power"
        self._times_s, self._power_w = times, power
        steps = np.diff(times) * (power[1:] + power[:-1]) / 2
        self._energy_j = np.concatenate([[0.0], np.cumsum(steps)])
        self._lost_after_s, self._update_s = lost_after_s, update_s
        self._clock = clock
        self._begin_s = clock.now()

    @property
    def update_s(self) -> float:
        """As recorded."""
        return self._update_s

    def read(self) -> EnergyReading:
        """Read the integral of the power up to now.

        Raises:
            DeviceLostError: From `lost_after_s` on.
        """
        at_s = self._clock.now()
        passed_s = at_s - self._begin_s
        if self._lost_after_s is not None and passed_s >= self._lost_after_s:
            raise DeviceLostError(f"the recorded device is gone after {self._lost_after_s} s")
        if self._update_s:
            passed_s = passed_s // self._update_s * self._update_s
        return EnergyReading(self._integral(passed_s), at_s)

    def _integral(self, until_s: float) -> float:
        times_s, power_w = self._times_s, self._power_w
        last = int(np.searchsorted(times_s, until_s, side="right")) - 1
        here_w = float(np.interp(until_s, times_s, power_w))
        rest_j = (until_s - times_s[last]) * (power_w[last] + here_w) / 2
        return float(self._energy_j[last] + rest_j)
