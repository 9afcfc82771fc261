"""A device that plays back recorded readings: what all tests use, and what runs without hardware.

The recording is a JSON object; only "kind" must be there:

    {"schema": 1,
     "kind": "gpu",
     "label": "a recorded card",
     "torch_name": "cpu",
     "stable": {"model": "..."},
     "states": [{"clock_hz": 1.4e9}, null],
     "warnings": ["shown by disturbed()"],
     "energy": {"readings": [[energy_j, at_s], ...]}
            or {"times_s": [0, 5], "power_w": [50, 80], "lost_after_s": 60, "update_s": 0.1}
            or {"reason": "...", "fix": "..."}}

States are given one a call, and the last one over and over; `null` stands for a device that does
not answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from hwbench.errors import SchemaError
from hwbench.profiling._types import DeviceKind, Json
from hwbench.profiling.devices.device import Device, Fingerprint
from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import EnergyMeter, EnergyReading, Unavailable
from hwbench.profiling.meters.replay import RecordedPower, RecordedReadings

__all__ = ["ReplayDevice", "find", "open_named"]

SCHEMA: Final = 1
_KNOWN: Final = {
    "schema",
    "kind",
    "label",
    "torch_name",
    "stable",
    "states",
    "warnings",
    "energy",
}
_NO_ENERGY: Final = {
    "reason": "the recording holds no energy",
    "fix": 'add "energy" to the recording',
}


class ReplayDevice(Device):
    """Plays back a recording.

    Args:
        recording: As described at the top of the module.
        name: What the device is called.
        clock: Where the time of recorded power comes from.

    Raises:
        SchemaError: If the recording does not follow the schema.
    """

    def __init__(
        self, recording: Mapping[str, Json], /, *, name: str = "replay", clock: Clock = MONOTONIC
    ) -> None:
        _check(recording, name)
        self.name = name
        self.kind = cast(DeviceKind, recording["kind"])
        self.label = str(recording.get("label", "recorded device"))
        self.torch_name = str(recording.get("torch_name", "cpu"))
        self._clock = clock
        self._stable = cast(Mapping[str, Json], recording.get("stable", {}))
        self._warnings = [str(line) for line in cast(Sequence[str], recording.get("warnings", ()))]
        self._states = list(cast(Sequence[Mapping[str, Json] | None], recording.get("states", ())))
        self._energy = cast(Mapping[str, Any], recording.get("energy", _NO_ENERGY))
        self._seen = 0

    @classmethod
    def from_file(cls, path: Path, /) -> ReplayDevice:
        """Read a recording.

        Raises:
            SchemaError: If the file cannot be read or does not follow the schema.
        """
        try:
            recording = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SchemaError(f"cannot read the recording {path}: {error.strerror}") from error
        except ValueError as error:
            raise SchemaError(f"{path} is no JSON: {error}") from None
        return cls(recording, name=f"replay:{path}")

    def fingerprint(self) -> Fingerprint:
        """Give the recorded one, marked as a recording."""
        return Fingerprint(self.kind, {"label": self.label, "replay": True, **self._stable})

    def state(self) -> Mapping[str, Json]:
        """Give the next recorded state, at last the last one."""
        state: Mapping[str, Json] | None = {}
        if self._states:
            state = self._states[min(self._seen, len(self._states) - 1)]
            self._seen += 1
        at_s = self._clock.now()
        if state is None:
            return {"at_s": at_s, "answers": False}
        return {"at_s": at_s, "answers": True, **state}

    def energy_meter(self) -> EnergyMeter | Unavailable:
        """Make a meter that plays back the recorded energy."""
        energy = self._energy
        if "reason" in energy:
            return Unavailable(str(energy["reason"]), str(energy.get("fix", "")))
        if "readings" in energy:
            readings = [EnergyReading(float(e), float(t)) for e, t in energy["readings"]]
            return RecordedReadings(readings, update_s=float(energy.get("update_s", 0.1)))
        return RecordedPower(
            energy.get("times_s", [0.0]),
            energy["power_w"],
            lost_after_s=energy.get("lost_after_s"),
            update_s=float(energy.get("update_s", 0.0)),
            clock=self._clock,
        )

    def disturbed(self, before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
        """Give the recorded warnings, and say if the device is gone."""
        gone = not (before.get("answers") and after.get("answers"))
        return [*self._warnings, *(["the device does not answer any more"] if gone else [])]


def open_named(rest: str, /) -> Device:
    """Open the recording at the path `rest`.

    Raises:
        SchemaError: If there is no path, or no recording there.
    """
    if not rest:
        raise SchemaError("say which recording to play: replay:FILE")
    return ReplayDevice.from_file(Path(rest))


def find() -> list[Device] | Unavailable:
    """Find none: recordings are opened by name."""
    return Unavailable("recordings are opened by name", "--device replay:FILE")


def _check(recording: object, name: str) -> None:
    if not isinstance(recording, Mapping):
        raise SchemaError(f"{name}: a recording is a JSON object, got {type(recording).__name__}")
    if recording.get("schema", SCHEMA) != SCHEMA:
        raise SchemaError(f"{name}: schema {recording['schema']!r}, this hwbench reads {SCHEMA}")
    unknown = sorted(set(recording) - _KNOWN)
    if unknown:
        raise SchemaError(
            f"{name}: unknown {', '.join(unknown)}; known: {', '.join(sorted(_KNOWN))}"
        )
    if recording.get("kind") not in ("cpu", "gpu"):
        raise SchemaError(f'{name}: "kind" must be "cpu" or "gpu", got {recording.get("kind")!r}')
    energy = recording.get("energy", _NO_ENERGY)
    if not (isinstance(energy, Mapping) and {"reason", "readings", "power_w"} & set(energy)):
        raise SchemaError(f'{name}: "energy" must hold "readings", "power_w" or "reason"')
