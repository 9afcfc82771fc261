"""What every device answers: who it is, what state it is in, and how its energy is read.

A campaign stores `fingerprint()` once and `state()` around every measurement. What stays the same
between two measurements on one device belongs into the fingerprint; all that moves (clocks, heat,
other load) belongs into the state, which never raises: what cannot be read is `None`.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from hwbench.profiling._types import DeviceKind, Json
from hwbench.profiling.devices.locking import DeviceBusyError, locked
from hwbench.profiling.meters.energy import DeviceLostError, EnergyMeter, Unavailable

__all__ = ["Device", "DeviceBusyError", "DeviceLostError", "Fingerprint"]

_ID_DIGITS = 12


@dataclass(frozen=True)
class Fingerprint:
    """Who a device is.

    Attributes:
        kind: "cpu" or "gpu".
        stable: What does not change between measurements: model, cores, driver, limits.
    """

    kind: DeviceKind
    stable: Mapping[str, Json]

    @property
    def id(self) -> str:
        """Short name that changes with any stable value, such as "cpu-0f343b0931ef".

        The first 12 hex digits of the SHA-256 of the stable part as canonical JSON.
        """
        text = json.dumps(self.stable, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]}"

    def differences(self, other: Fingerprint, /) -> list[str]:
        """Say what differs from another fingerprint, one line each; empty if it is the same."""
        names = sorted({*self.stable, *other.stable})
        return [
            f"{name}: {_shown(self.stable.get(name))} here, {_shown(other.stable.get(name))} there"
            for name in names
            if self.stable.get(name) != other.stable.get(name)
        ]


class Device(ABC):
    """One processor or card that can be measured.

    Attributes:
        name: What opens it again: "cpu", "cuda:0", "replay:FILE".
        kind: "cpu" or "gpu".
        label: Its name for people, such as "AMD EPYC 7452".
        torch_name: Where torch finds it: "cpu" or "cuda:0".
    """

    name: str
    kind: DeviceKind
    label: str
    torch_name: str

    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Tell who the device is; the same on every call.

        Raises:
            DeviceLostError: If the device does not answer any more.
        """

    @abstractmethod
    def state(self) -> Mapping[str, Json]:
        """Read what changes. Never raises; what cannot be read is `None`.

        Holds "at_s" (monotonic) and "answers" (false once the device is gone) on every device.
        """

    @abstractmethod
    def energy_meter(self) -> EnergyMeter | Unavailable:
        """Make the best energy meter there is, or say why there is none and what helps."""

    @abstractmethod
    def disturbed(self, before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
        """Compare the states around a measurement and say what else went on, one line each."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep other hwbench processes of this user off the device.

        Raises:
            DeviceBusyError: On entering, if another process holds it; names its PID.
        """
        return locked(self.fingerprint().id, label=f"{self.name} ({self.label})")


def _shown(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
