"""Profiling: measure latency, energy and memory of architectures on real devices.

Importing this package loads neither torch nor a driver: each name's module comes when it is first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'hwbench.profiling' has no attribute {name!r}")
    origin = _LAZY[name]
    if origin is None:
        return import_module(f"hwbench.profiling.{name}")
    value: object = getattr(import_module(origin), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
