"""What `hwbench doctor` tells of the devices here: who they are, how energy is read."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from hwbench.profiling.devices import Device, DeviceLostError, Surveyed, survey
from hwbench.profiling.meters import Unavailable

__all__ = ["Found", "Hardware", "hardware"]

_LOST_FIX = "see what the driver says (nvidia-smi, dmesg); a lost card needs a restart"


@dataclass(frozen=True)
class Found:
    """One device that can be measured.

    Attributes:
        name: What `--device` takes.
        kind: "cpu" or "gpu".
        label: Its name for people.
        id: Short name of its fingerprint.
        fingerprint: What does not change between measurements.
        energy: Source of its energy, `None` if it cannot be read.
        scope: What that energy covers.
        no_energy: Why it cannot be read, and what helps.
    """

    name: str
    kind: str
    label: str
    id: str
    fingerprint: dict[str, object]
    energy: str | None = None
    scope: str | None = None
    no_energy: Unavailable | None = None


@dataclass(frozen=True)
class Hardware:
    """What can be measured here and what is missing.

    Attributes:
        found: The devices.
        missing: Kinds of which there is none, with the reason and what helps.
    """

    found: tuple[Found, ...]
    missing: dict[str, Unavailable]

    def problems(self) -> list[tuple[str, Unavailable]]:
        """List what cannot be measured, each with the reason and the fix."""
        energy = [(f"{d.name}: energy", d.no_energy) for d in self.found if d.no_energy]
        return [*energy, *self.missing.items()]

    def record(self) -> dict[str, object]:
        """Write it as JSON values."""
        return {
            "devices": [asdict(device) for device in self.found],
            "missing_devices": {kind: asdict(why) for kind, why in self.missing.items()},
        }


def hardware(surveyed: Iterable[Surveyed] | None = None) -> Hardware:
    """Look at the devices of this machine.

    Args:
        surveyed: What was found; looked up unless given.
    """
    kinds = list(survey() if surveyed is None else surveyed)
    missing = {item.prefix: item.missing for item in kinds if item.missing}
    found = []
    for device in (device for item in kinds for device in item.devices):
        try:
            found.append(_found(device))
        except DeviceLostError as error:
            missing[device.name] = Unavailable(str(error), _LOST_FIX)
    return Hardware(tuple(found), missing)


def _found(device: Device) -> Found:
    fingerprint, meter = device.fingerprint(), device.energy_meter()
    found = Found(
        name=device.name,
        kind=device.kind,
        label=device.label,
        id=fingerprint.id,
        fingerprint=dict(fingerprint.stable),
    )
    if isinstance(meter, Unavailable):
        return replace(found, no_energy=meter)
    meter.close()
    return replace(found, energy=meter.source, scope=meter.scope)
