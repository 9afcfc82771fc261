"""Devices: who they are, what state they are in, how their energy is read; one file a vendor.

>>> from hwbench.profiling import devices
>>> cpu = devices.open_device("cpu")
>>> cpu.fingerprint().id.startswith("cpu-")
True
"""

from __future__ import annotations

from hwbench.profiling.devices.device import Device, DeviceBusyError, DeviceLostError, Fingerprint
from hwbench.profiling.devices.registry import DEVICES, Surveyed, available, open_device, survey

__all__ = [
    "DEVICES",
    "Device",
    "DeviceBusyError",
    "DeviceLostError",
    "Fingerprint",
    "Surveyed",
    "available",
    "open_device",
    "survey",
]
