"""Meters of energy and memory; devices make them, see `Device.energy_meter`."""

from __future__ import annotations

from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import (
    DeviceLostError,
    EnergyMeter,
    EnergyReading,
    EnergyWindow,
    Unavailable,
)

__all__ = [
    "MONOTONIC",
    "Clock",
    "DeviceLostError",
    "EnergyMeter",
    "EnergyReading",
    "EnergyWindow",
    "Unavailable",
]
