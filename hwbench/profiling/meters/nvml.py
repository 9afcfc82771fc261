"""Energy of NVIDIA GPUs: the card's own counter, or power integrated over time where it has none.

The counter (Volta and newer) is the better source: it misses nothing between two readings. Without
it the power is read in the background and integrated by the trapezoid rule; what happens between
two readings is lost. On Ampere and newer, apart from the A100, the plain power reading
averages over the last second, so the instantaneous field is taken where the driver has it.

Both cover the whole card, its memory included. Sources: NVML reference, nvmlDeviceQueries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from hwbench.profiling.meters._background import Periodic
from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import EnergyMeter, EnergyReading, observed_update_s

__all__ = ["NVMLCounter", "PowerIntegral"]

PERIOD_S: Final = 0.05


class NVMLCounter(EnergyMeter):
    """Reads a counter of energy.

    Args:
        read_mj: Reads the counter in millijoules; raises `DeviceLostError` once the card is gone.
        scope: What the energy covers.
        clock: Where time comes from.
    """

    def __init__(
        self, read_mj: Callable[[], int], /, *, scope: str = "gpu", clock: Clock = MONOTONIC
    ) -> None:
        self.source = "nvml_counter"
        self.scope = scope
        self._read_mj = read_mj
        self._clock = clock
        self._update_s: float | None = None

    @property
    def update_s(self) -> float:
        """Time between two updates of the counter; the first call watches it for up to 1 s."""
        if self._update_s is None:
            self._update_s = observed_update_s(self, clock=self._clock)
        return self._update_s

    def read(self) -> EnergyReading:
        """Read the counter.

        Raises:
            DeviceLostError: If the card does not answer any more.
        """
        energy_mj = self._read_mj()
        return EnergyReading(energy_mj * 1e-3, self._clock.now())


class PowerIntegral(EnergyMeter):
    """Integrates power over time by the trapezoid rule, reading it in the background.

    Args:
        read_w: Reads the power in watts; raises `DeviceLostError` once the card is gone.
        scope: What the power covers.
        period_s: Pause between two readings; `None` for no background thread: then only the
            calls of `read` count.
        clock: Where time comes from.
    """

    def __init__(
        self,
        read_w: Callable[[], float],
        /,
        *,
        scope: str = "gpu",
        period_s: float | None = PERIOD_S,
        clock: Clock = MONOTONIC,
    ) -> None:
        self.source = "nvml_power_integral"
        self.scope = scope
        self._read_w = read_w
        self._clock = clock
        self._mutex = threading.Lock()
        self._period_s = period_s or PERIOD_S
        self._power_w, self._at_s = read_w(), clock.now()
        self._energy_j = 0.0
        self._thread = (
            Periodic(self._add, period_s=period_s, name="power-integral") if period_s else None
        )

    @property
    def update_s(self) -> float:
        """Pause between two readings of the power."""
        return self._period_s

    def read(self) -> EnergyReading:
        """Read the energy since the meter was made.

        Raises:
            DeviceLostError: If the card stopped answering, now or in the background.
        """
        failed = self._thread.error if self._thread else None
        if failed is not None:
            raise type(failed)(str(failed)) from failed
        return self._add()

    def close(self) -> None:
        """Stop reading in the background."""
        if self._thread:
            self._thread.stop()

    def _add(self) -> EnergyReading:
        with self._mutex:
            power_w, at_s = self._read_w(), self._clock.now()
            self._energy_j += (at_s - self._at_s) * (power_w + self._power_w) / 2
            self._power_w, self._at_s = power_w, at_s
            return EnergyReading(self._energy_j, at_s)
