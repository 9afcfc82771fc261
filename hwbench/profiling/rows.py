"""A row: all that one measurement gave, raw, as a dict for JSON; and the numbers derived from it.

Rows go into journals as they are. Statistics are derived from them by `latency_of`, `energy_of` and
`memory_of`, never stored in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict, cast, get_args

import numpy as np

from hwbench.data.journal.tables import PEAKS
from hwbench.errors import DataError, SchemaError, UnknownNameError
from hwbench.profiling._types import Json
from hwbench.profiling.jobs import Job
from hwbench.profiling.samples import Summary, summary

__all__ = [
    "SCHEMA_VERSION",
    "STATUSES",
    "Energy",
    "EnergyData",
    "EnergyWindowData",
    "IdleData",
    "Latency",
    "LatencyData",
    "Memory",
    "NoEnergyData",
    "Row",
    "Status",
    "check",
    "energy_of",
    "latency_of",
    "memory_of",
    "new",
    "value_of",
]

SCHEMA_VERSION: Final = 1

Status = Literal["ok", "out_of_memory", "timeout", "crash", "error", "unsupported"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
"""How a measurement ended: measured; memory ran out; killed after its time-out; the process died;
an error of ours, such as a device that is gone; the runtime or device cannot do it."""


class LatencyData(TypedDict):
    """Seconds of the iterations, in the order taken.

    Attributes:
        samples_s: Wall time of each, device synchronised.
        warmup_s: Those of the warm-up before, not part of the samples.
        event_samples_s: Time between events on the GPU around each iteration; None on a CPU.
        stop_reason: One of `hwbench.profiling.stopping.STOP_REASONS`.
        tokens_per_iteration: Tokens that an iteration works on, see `Workload.tokens`.
    """

    samples_s: list[float]
    warmup_s: list[float]
    event_samples_s: list[float] | None
    stop_reason: str
    tokens_per_iteration: int


class EnergyWindowData(TypedDict):
    """A metered window of repeated iterations."""

    energy_j: float
    duration_s: float
    iterations: int


class IdleData(TypedDict):
    """What the device draws with the network loaded and nothing to do."""

    power_w: float
    duration_s: float


class EnergyData(TypedDict):
    """Metered energy.

    Attributes:
        windows: In the order taken.
        idle: Measured before the windows; None if it was not asked for.
        source: Which meter: "nvml_counter", "nvml_power_integral", "rapl", "replay".
        scope: What the meter covers, such as "gpu" or "package-0, dram-0".
        update_s: Time between two updates of the meter.
    """

    windows: list[EnergyWindowData]
    idle: IdleData | None
    source: str
    scope: str
    update_s: float


class NoEnergyData(TypedDict):
    """Why no energy was metered, and what would help."""

    reason: str
    fix: str


class Row(TypedDict):
    """One measurement.

    Attributes:
        schema_version: `SCHEMA_VERSION`.
        key: As in the job.
        space: Name of the search space.
        architecture: Its one line of text.
        device: Name it was opened by.
        device_id: Id of its fingerprint.
        protocol: `MeasuringProtocol.to_dict()`, with `threads` as they really were.
        metrics: What was asked for.
        seed: As in the job.
        status: How it ended.
        reason: Why it is not "ok"; empty if it is.
        started_unix_s: When, by the wall clock.
        seconds: How long it took, start of the process included.
        prepare_s: How long building, exporting and compiling took; None if it did not get there.
        latency: None unless "ok".
        energy: None unless "ok" and asked for.
        memory: Name, ending in "_bytes" -> bytes; None unless "ok".
        warnings: What makes the numbers doubtful.
        state_before: State of the device before warming up; None if it did not get there.
        state_after: After measuring.
        versions: Name -> version of what took part.
        settings: Name -> value of what else the numbers depend on.
    """

    schema_version: int
    key: str
    space: str
    architecture: str
    device: str
    device_id: str
    protocol: dict[str, Any]
    metrics: list[str]
    seed: int
    status: Status
    reason: str
    started_unix_s: float
    seconds: float
    prepare_s: float | None
    latency: LatencyData | None
    energy: EnergyData | NoEnergyData | None
    memory: dict[str, int] | None
    warnings: list[str]
    state_before: Mapping[str, Json] | None
    state_after: Mapping[str, Json] | None
    versions: dict[str, str]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Latency:
    """Time of an iteration.

    Attributes:
        wall: Summary of the wall times, in seconds.
        event: Summary of the GPU's event times; None on a CPU.
        tokens: Tokens of an iteration.
        stop_reason: Why sampling ended.
    """

    wall: Summary
    event: Summary | None
    tokens: int
    stop_reason: str

    @property
    def median_s(self) -> float:
        """Median wall time of an iteration."""
        return self.wall.median

    @property
    def per_token_s(self) -> float:
        """Median wall time of an iteration, a token."""
        return self.median_s / self.tokens

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second."""
        return self.tokens / self.median_s


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of an iteration: medians over the windows.

    Attributes:
        gross_j: All that the meter saw.
        net_j: Less what the idle device would have drawn in that time; None without idle power.
        power_w: Mean power over all windows.
        idle_w: Power of the idle device; None if it was not measured.
        seconds_per_iteration: Time of an iteration within the windows, median.
        windows_j: Gross energy of an iteration, one a window.
        source: Which meter.
    """

    gross_j: float
    net_j: float | None
    power_w: float
    idle_w: float | None
    seconds_per_iteration: float
    windows_j: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory of a measurement.

    Attributes:
        peak_bytes: The one number of the metric "memory_bytes": on a GPU the peak of what torch's
            allocator gave out, or what NVML saw of the process where torch took no part; on a CPU
            the process's VmHWM.
        baseline_bytes: VmHWM of the process with all imports, before the network was built; None
            for a peak on a GPU.
        parts: All numbers of the row, by name.
    """

    peak_bytes: int
    baseline_bytes: int | None
    parts: Mapping[str, int]

    @property
    def above_baseline_bytes(self) -> int:
        """Peak less baseline: what the network and its run added."""
        return self.peak_bytes - (self.baseline_bytes or 0)


def new(
    job: Job, /, *, status: Status, reason: str = "", device_id: str = "", started_unix_s: float
) -> Row:
    """Return a row without numbers: what stands in the journal when a measurement failed."""
    return Row(
        schema_version=SCHEMA_VERSION,
        key=job.key,
        space=job.space,
        architecture=job.architecture,
        device=job.device,
        device_id=device_id,
        protocol=cast(dict[str, Any], job.protocol.to_dict()),
        metrics=list(job.metrics),
        seed=job.seed,
        status=status,
        reason=reason,
        started_unix_s=started_unix_s,
        seconds=0.0,
        prepare_s=None,
        latency=None,
        energy=None,
        memory=None,
        warnings=[],
        state_before=None,
        state_after=None,
        versions={},
        settings={},
    )


def check(values: object, /) -> Row:
    """Check what was read from JSON and return it as a row.

    Raises:
        SchemaError: If it is not a row, or one of another schema version.
    """
    if not isinstance(values, Mapping):
        raise SchemaError(f"a row is a JSON object, got {type(values).__name__}")
    version = values.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SchemaError(f"row of schema version {version!r}; this hwbench reads {SCHEMA_VERSION}")
    missing = sorted(Row.__required_keys__ - set(values))
    if missing:
        raise SchemaError(f"not a row: {', '.join(missing)} missing")
    if values["status"] not in STATUSES:
        raise UnknownNameError.of("status of a row", values["status"], STATUSES)
    return cast(Row, dict(values))


def latency_of(row: Row, /) -> Latency:
    """Derive the times of an iteration.

    Raises:
        DataError: If the row has none; says why.
    """
    data = row["latency"]
    if data is None or not data["samples_s"]:
        raise DataError(f"no latency in this row: {row['status']}. {row['reason']}".strip())
    events = data["event_samples_s"]
    return Latency(
        wall=summary(data["samples_s"]),
        event=summary(events) if events else None,
        tokens=data["tokens_per_iteration"],
        stop_reason=data["stop_reason"],
    )


def energy_of(row: Row, /) -> Energy:
    """Derive the energy of an iteration.

    Raises:
        DataError: If the row has none; says why, and what would help.
    """
    data = row["energy"]
    if data is None:
        raise DataError(f"no energy in this row: {row['status']}. {row['reason']}".strip())
    if "reason" in data:
        without = cast(NoEnergyData, data)
        raise DataError(f"no energy in this row: {without['reason']}; {without['fix']}")
    return _energy(data)


def _energy(data: EnergyData) -> Energy:
    counts = np.array([window["iterations"] for window in data["windows"]], dtype=np.float64)
    joules = np.array([window["energy_j"] for window in data["windows"]])
    seconds = np.array([window["duration_s"] for window in data["windows"]])
    idle_w = None if data["idle"] is None else data["idle"]["power_w"]
    net = None if idle_w is None else float(np.median((joules - idle_w * seconds) / counts))
    return Energy(
        gross_j=float(np.median(joules / counts)),
        net_j=net,
        power_w=float(joules.sum() / seconds.sum()),
        idle_w=idle_w,
        seconds_per_iteration=float(np.median(seconds / counts)),
        windows_j=tuple((joules / counts).tolist()),
        source=data["source"],
    )


def memory_of(row: Row, /) -> Memory:
    """Derive the peak memory.

    Raises:
        DataError: If the row has none; says why.
    """
    parts = row["memory"] or {}
    source = next((name for name in PEAKS if name in parts), None)
    if source is None:
        raise DataError(f"no peak memory in this row: {row['status']}. {row['reason']}".strip())
    # The baseline is memory of the CPU: nothing to subtract from that of a GPU.
    baseline = parts.get("baseline_bytes") if source == "vm_hwm_bytes" else None
    return Memory(peak_bytes=parts[source], baseline_bytes=baseline, parts=dict(parts))


def value_of(row: Row, metric: str, /) -> float:
    """Return the one number of a metric: median seconds, gross joules, or peak bytes.

    Raises:
        DataError: If the row does not have it; says why.
        UnknownNameError: If the metric is not measured on devices.
    """
    if metric == "latency_s":
        return latency_of(row).median_s
    if metric == "energy_j":
        return energy_of(row).gross_j
    if metric == "memory_bytes":
        return float(memory_of(row).peak_bytes)
    raise UnknownNameError.of("measured metric", metric, ("latency_s", "energy_j", "memory_bytes"))
