"""Profiling: measure latency, energy and memory of architectures on real devices.

Importing this package loads neither torch nor a driver: each name's module comes when it is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwbench.lazy import lazy_names

if TYPE_CHECKING:
    from hwbench.profiling.devices import Device, DeviceBusyError, Fingerprint, open_device
    from hwbench.profiling.meters import EnergyMeter, EnergyReading, Unavailable

# Name -> module; `None`: the module of that name in this package.
_LAZY: dict[str, str | None] = {
    "Device": "hwbench.profiling.devices",
    "DeviceBusyError": "hwbench.profiling.devices",
    "EnergyMeter": "hwbench.profiling.meters",
    "EnergyReading": "hwbench.profiling.meters",
    "Fingerprint": "hwbench.profiling.devices",
    "Unavailable": "hwbench.profiling.meters",
    "devices": None,
    "meters": None,
    "open_device": "hwbench.profiling.devices",
}

__all__ = [
    "Device",
    "DeviceBusyError",
    "EnergyMeter",
    "EnergyReading",
    "Fingerprint",
    "Unavailable",
    "open_device",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
