"""Energy of Intel and AMD CPUs from the RAPL counters that Linux shows below /sys/class/powercap.

Counted are the zones "package" and "dram". The zones "core" and "uncore" lie inside the package and
"psys" around it, so adding them would count energy twice. The energy is that of the whole socket:
all that runs on it, not only the work measured. Counters wrap around at `max_energy_range_uj`; a
slow thread reads them often enough that none wraps twice unseen.

See Documentation/power/powercap/powercap.rst of the Linux kernel, and CVE-2020-8694 for why only
root may read the counters by default.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hwbench.errors import DataError
from hwbench.profiling.meters._background import Periodic
from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import (
    DeviceLostError,
    EnergyMeter,
    EnergyReading,
    Unavailable,
    observed_update_s,
)

__all__ = ["POWERCAP", "RAPLMeter", "Zone", "open_rapl", "zones"]

POWERCAP: Final = Path("/sys/class/powercap")
COUNTED: Final = ("package", "dram")

# No socket draws more than this; sets how often the guard against wrapping reads.
_MOST_POWER_W: Final = 2000.0
_LONGEST_GUARD_S: Final = 60.0

_READ_FIX: Final = (
    "sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj (until the next start); to keep it, "
    'put SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chmod a+r /sys%p/energy_uj" into '
    "/etc/udev/rules.d/90-rapl.rules"
)


@dataclass(frozen=True)
class Zone:
    """One RAPL counter.

    Attributes:
        name: Such as "package-0" or "dram".
        path: Its folder.
        range_uj: Where the counter wraps around, in microjoules.
    """

    name: str
    path: Path
    range_uj: int

    def read_uj(self) -> int:
        """Read the counter.

        Raises:
            DeviceLostError: If it cannot be read any more.
        """
        try:
            return int((self.path / "energy_uj").read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise DeviceLostError(
                f"cannot read the energy counter of {self.path}: {error}"
            ) from error


class RAPLMeter(EnergyMeter):
    """Adds up RAPL counters; make it with `open_rapl`.

    Args:
        zones: The counters to add up; they must not contain each other.
        clock: Where time comes from.
        guard_s: Pause between the readings that guard against wrapping, `None` to work it out.
    """

    def __init__(
        self, zones: Sequence[Zone], /, *, clock: Clock = MONOTONIC, guard_s: float | None = None
    ) -> None:
        self.source = "rapl"
        self.scope = ", ".join(zone.name for zone in zones)
        self._zones = tuple(zones)
        self._clock = clock
        self._mutex = threading.Lock()
        self._last_uj = [zone.read_uj() for zone in self._zones]
        self._total_uj = 0
        self._update_s: float | None = None
        self._guard = Periodic(self.read, period_s=guard_s or self.guard_s, name="rapl-wrap-guard")

    @property
    def guard_s(self) -> float:
        """Half the time the smallest counter takes to wrap at 2 kW, at most a minute."""
        smallest_j = min(zone.range_uj for zone in self._zones) * 1e-6
        return min(_LONGEST_GUARD_S, smallest_j / _MOST_POWER_W / 2)

    @property
    def update_s(self) -> float:
        """Time between two updates of the counters; the first call watches them."""
        if self._update_s is None:
            self._update_s = observed_update_s(self, limit_s=0.2, poll_s=1e-4, clock=self._clock)
        return self._update_s

    def read(self) -> EnergyReading:
        """Add what the counters moved since the last reading.

        Raises:
            DeviceLostError: If a counter cannot be read any more.
            DataError: If a counter moved beyond its range.
        """
        with self._mutex:
            now_uj = [zone.read_uj() for zone in self._zones]
            at_s = self._clock.now()
            for zone, last, now in zip(self._zones, self._last_uj, now_uj, strict=True):
                self._total_uj += _moved_uj(zone, last, now)
            self._last_uj = now_uj
            return EnergyReading(self._total_uj * 1e-6, at_s)

    def close(self) -> None:
        """Stop the guard against wrapping."""
        self._guard.stop()


def open_rapl(powercap: Path = POWERCAP, /, *, clock: Clock = MONOTONIC) -> RAPLMeter | Unavailable:
    """Open the RAPL counters of this machine.

    Args:
        powercap: Folder of the counters.
        clock: Where time comes from.

    Returns:
        The meter, or why there is none and what to do.
    """
    problem = _problem(powercap)
    return problem if problem else RAPLMeter(zones(powercap), clock=clock)


def zones(powercap: Path = POWERCAP, /) -> list[Zone]:
    """Find the counters that are added up: every package, and the memory beside it."""
    return [
        Zone(name, path, range_uj)
        for path in _folders(powercap)
        if (name := _text(path / "name")) and name.startswith(COUNTED)
        if (range_uj := int(_text(path / "max_energy_range_uj") or 0)) > 0
    ]


def _problem(powercap: Path) -> Unavailable | None:
    if not list(_folders(powercap)):
        return Unavailable(
            f"there is no RAPL counter below {powercap}: a virtual machine, another system than "
            "Linux, a CPU without RAPL, or its driver is not loaded",
            "measure energy on bare-metal Linux (sudo modprobe intel_rapl_msr), or leave it out",
        )
    found = zones(powercap)
    if not found:
        return Unavailable(
            f"the RAPL folders below {powercap} are hidden, as container engines do, or hold no "
            "package",
            "start the container with --security-opt systempaths=unconfined, or measure outside it",
        )
    for zone in found:
        try:
            zone.read_uj()
        except DeviceLostError as error:
            if isinstance(error.__cause__, PermissionError):
                return Unavailable(f"only root may read {zone.path / 'energy_uj'}", _READ_FIX)
            return Unavailable(str(error), "measure energy on another machine, or leave it out")
    return None


def _folders(powercap: Path) -> Iterator[Path]:
    """Name the zones; those of intel-rapl-mmio are left out, they show the same ones again."""
    # Subzones appear beside their parents: /sys/class/powercap lists all of them, flat.
    if powercap.is_dir():
        yield from sorted(powercap.glob("intel-rapl:*"))


def _moved_uj(zone: Zone, last: int, now: int) -> int:
    if now >= last:
        return now - last
    moved = now + zone.range_uj - last
    if moved < 0:
        raise DataError(
            f"the counter {zone.path} fell from {last} to {now} uJ, more than its range of "
            f"{zone.range_uj} uJ explains"
        )
    return moved


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
