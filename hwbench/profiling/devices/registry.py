"""Open a device by its name, and find what is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Protocol, cast

from hwbench.errors import UnknownNameError
from hwbench.profiling.devices.device import Device
from hwbench.profiling.meters.energy import Unavailable

__all__ = ["DEVICES", "Surveyed", "available", "open_device", "survey"]

DEVICES: Final[Mapping[str, str]] = {
    "cpu": "hwbench.profiling.devices.cpu",
    "cuda": "hwbench.profiling.devices.nvidia",
    "replay": "hwbench.profiling.devices.replay",
}
"""What a device's name begins with -> the module that knows such devices."""

_AUTO: Final = ("cuda", "cpu")
_SHOWN: Final = ("auto", "cpu", "cuda:0", "replay:FILE")


class Vendor(Protocol):
    """What each module of `DEVICES` offers."""

    def open_named(self, rest: str, /) -> Device:
        """Open the device whose name is `rest` behind the colon; empty for the first one."""

    def find(self) -> list[Device] | Unavailable:
        """Find the devices of this kind, or say why there are none."""


@dataclass(frozen=True)
class Surveyed:
    """One kind of device and what was found of it.

    Attributes:
        prefix: What the names begin with: "cpu", "cuda".
        devices: What is here; may be empty.
        missing: Why none is here, `None` if there is one.
    """

    prefix: str
    devices: tuple[Device, ...]
    missing: Unavailable | None


def open_device(name: str = "auto", /) -> Device:
    """Open a device.

    Args:
        name: "cpu", "cuda:0", "replay:FILE", or "auto": the first GPU, else the CPU.

    Raises:
        UnknownNameError: If no device is called so, here or anywhere.
        HwbenchError: If the kind of device is known but cannot be used here; says what to do.
    """
    if name == "auto":
        return next(iter(available(prefixes=_AUTO)))
    prefix, _, rest = name.partition(":")
    if prefix not in DEVICES:
        raise UnknownNameError.of("device", name, _SHOWN)
    return _vendor(prefix).open_named(rest)


def available(*, prefixes: Iterable[str] = ("cpu", "cuda")) -> list[Device]:
    """Find the devices of this machine; recorded ones are opened by name only."""
    return [device for item in survey(prefixes=prefixes) for device in item.devices]


def survey(*, prefixes: Iterable[str] = ("cpu", "cuda")) -> list[Surveyed]:
    """Find the devices of this machine and say why a kind has none."""
    found = []
    for prefix in prefixes:
        answer = _vendor(prefix).find()
        missing = answer if isinstance(answer, Unavailable) else None
        devices = () if isinstance(answer, Unavailable) else tuple(answer)
        found.append(Surveyed(prefix, devices, missing))
    return found


def _vendor(prefix: str) -> Vendor:
    return cast(Vendor, import_module(DEVICES[prefix]))
