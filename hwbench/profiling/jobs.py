"""A job: one architecture to be measured once, as a value that goes through JSON unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from hwbench import metrics
from hwbench.errors import SchemaError
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import EnergyRule, StopRule

__all__ = ["FAULTS", "Fault", "Job"]

Fault = Literal["crash", "killed", "out_of_memory", "hang", "noise", "garbage"]
FAULTS: Final[dict[Fault, str]] = {
    "crash": "the worker ends at once with a signal of its own",
    "killed": "the worker gets the signal that the kernel sends when memory runs out",
    "out_of_memory": "the worker asks for more memory than any machine has",
    "hang": "the worker never answers, and leaves a child behind that sleeps on",
    "noise": "the worker measures, and libraries write to its standard output meanwhile",
    "garbage": "the worker ends well but its last line is not a row",
}
"""What a job may ask to go wrong in its worker, for tests of what handles it."""

_MEASURED: Final = ("latency_s", "energy_j", "memory_bytes")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker process is asked to measure.

    Attributes:
        space: Name of the search space.
        architecture: The architecture as its one line of text.
        protocol: How to run it.
        device: Name of the device, as `hwbench.profiling.devices.open_device` takes it.
        metrics: Which of "latency_s", "energy_j", "memory_bytes" to measure; the time of each
            iteration is always in the row.
        stop: When enough samples of the time are taken.
        energy: Windows and idle time of the energy measurement.
        timeout_s: Wall time after which the worker is killed, its start included.
        seed: Seed of weights and token ids.
        key: Copied to the row; the campaign's own name of this measurement.
        fault: What shall go wrong, in tests.

    Raises:
        UnknownNameError: If a metric does not exist.
        SchemaError: If a metric is not measured on devices, or the time-out is not positive.
    """

    space: str
    architecture: str
    protocol: MeasuringProtocol
    device: str = "cpu"
    metrics: tuple[str, ...] = ("latency_s",)
    stop: StopRule = field(default_factory=StopRule)
    energy: EnergyRule = field(default_factory=EnergyRule)
    timeout_s: float = 300.0
    seed: int = 0
    key: str = ""
    fault: Fault | None = None

    def __post_init__(self) -> None:
        names = tuple(metrics.get(name).name for name in self.metrics)
        unmeasured = [name for name in names if name not in _MEASURED]
        if unmeasured or not names:
            raise SchemaError(
                f"a job measures some of {', '.join(_MEASURED)}; got {', '.join(names) or 'none'}"
            )
        if not self.timeout_s > 0:
            raise SchemaError(f"a time-out must be positive, got {self.timeout_s} s")
        if self.fault is not None and self.fault not in FAULTS:
            raise SchemaError(f"unknown fault {self.fault!r}; known: {', '.join(FAULTS)}")
        object.__setattr__(self, "metrics", names)

    def to_dict(self) -> dict[str, object]:
        """Return the job as a dict that JSON can hold."""
        return {
            **asdict(self),
            "protocol": self.protocol.to_dict(),
            "metrics": list(self.metrics),
        }

    def to_json(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /) -> Job:
        """Read what `to_dict` returns.

        Raises:
            SchemaError: If a field is missing, unknown or of the wrong kind.
            UnknownNameError: If a metric or a precision does not exist.
        """
        try:
            parts = {
                "protocol": MeasuringProtocol.from_dict(values["protocol"]),
                "metrics": tuple(values.get("metrics", ("latency_s",))),
                "stop": StopRule(**values.get("stop", {})),
                "energy": EnergyRule(**values.get("energy", {})),
            }
            return cls(**{**values, **parts})
        except (KeyError, TypeError) as error:
            raise SchemaError(f"not a job: {error}") from error

    @classmethod
    def from_json(cls, text: str, /) -> Job:
        """Read what `to_json` returns.

        Raises:
            SchemaError: If it is not JSON, or as `from_dict`.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise SchemaError(f"not a job: {error}") from error
        if not isinstance(values, dict):
            raise SchemaError(f"a job is a JSON object, got {type(values).__name__}")
        return cls.from_dict(values)
