"""How a network is run while it is measured, and the two protocols that come with the package.

"hw-gpt-bench" follows the benchmark of that name as far as sense allows, so that a new device is
comparable with the published ones; what differs stands in its notes. "serving" is ours: one request
at a time, prefill and decoding apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from hwbench import metrics
from hwbench.data.hwgptbench.protocols import BATCH_SIZES
from hwbench.data.table import Protocol
from hwbench.errors import SchemaError, UnknownNameError
from hwbench.profiling._types import DeviceKind
from hwbench.profiling.workloads import Phase, Workload
from hwbench.spaces.space import Space

__all__ = ["NAMES", "PRECISIONS", "DeviceKind", "MeasuringProtocol", "Precision", "get"]

Precision = Literal["fp32", "bf16", "fp16", "amp-bf16", "amp-fp16", "int8"]
PRECISIONS: Final[dict[Precision, str]] = {
    "fp32": "weights and activations in float32",
    "bf16": "weights and activations in bfloat16",
    "fp16": "weights and activations in float16",
    "amp-bf16": "float32 weights under torch.autocast to bfloat16",
    "amp-fp16": "float32 weights under torch.autocast to float16",
    "int8": "8-bit weights of the linear layers, activations quantised on the fly",
}
"""Precision -> what it means. The published GPUs were measured under autocast."""

_STATISTIC: Final = {
    "latency_s": "wall time of one {phase} iteration, device synchronised",
    "energy_j": "gross energy of one {phase} iteration: that of a metered window, divided by its "
    "iterations",
    "memory_bytes": "peak memory of the process: torch's allocator on a GPU, VmHWM on a CPU",
}


@dataclass(frozen=True, slots=True)
class MeasuringProtocol:
    """Everything but architecture and device that a measured number depends on.

    Attributes:
        name: Short name; journals of one name, runtime, precision and workload belong together.
        network: Variant of the space's network.
        runtime: One of `hwbench.profiling.runtimes.RUNTIMES`.
        precision: One of `PRECISIONS`.
        workload: What an iteration does.
        threads: CPU threads; None for one on each physical core that the process may use.
        notes: What a user of the numbers should know.
    """

    name: str
    network: str
    runtime: str
    precision: Precision
    workload: Workload
    threads: int | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UnknownNameError.of("precision", self.precision, PRECISIONS)
        if self.threads is not None and self.threads < 1:
            raise SchemaError(f"threads must be at least 1 or left out, got {self.threads}")

    @property
    def label(self) -> str:
        """Name, runtime, precision and workload in one word, fit for a file name."""
        work = self.workload
        size = f"{work.phase}-b{work.batch}-t{work.length}"
        more = f"+{work.new_tokens}" if work.new_tokens else ""
        threads = f"-{self.threads}threads" if self.threads else ""
        return f"{self.name}-{self.runtime}-{self.precision}-{size}{more}{threads}"

    def to_dict(self) -> dict[str, object]:
        """Return the protocol as a dict that JSON can hold."""
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /) -> MeasuringProtocol:
        """Read what `to_dict` returns.

        Raises:
            SchemaError: If a field is missing or unknown.
            UnknownNameError: If the precision is not known.
        """
        try:
            workload = Workload.from_dict(values["workload"])
            notes = tuple(values.get("notes", ()))
            return cls(**{**values, "workload": workload, "notes": notes})
        except (KeyError, TypeError) as error:
            raise SchemaError(f"not a measuring protocol: {error}") from error

    def to_table_protocol(self, metric: str, /) -> Protocol:
        """Describe one metric's numbers as `hwbench.data.table.Table` wants them described.

        Args:
            metric: "latency_s", "energy_j" or "memory_bytes" (or short: "latency").

        Raises:
            UnknownNameError: If there is no such metric, or it is not measured on devices.
        """
        entry = metrics.get(metric)
        if entry.name not in _STATISTIC:
            raise UnknownNameError.of("measured metric", metric, _STATISTIC)
        return Protocol(
            name=self.label,
            batch_size=self.workload.batch,
            sequence_length=self.workload.length,
            precision=self.precision.removeprefix("amp-"),
            statistic=_STATISTIC[entry.name].format(phase=self.workload.phase),
            unit=entry.unit,
            source="hwbench.profiling",
            notes=(*self.notes, f"runtime {self.runtime}", PRECISIONS[self.precision]),
            network=self.network,
        )


def get(
    name: str,
    space: Space,
    device_kind: DeviceKind,
    /,
    *,
    batch: int | None = None,
    phase: Phase = "prefill",
    runtime: str = "torch-eager",
    precision: Precision | None = None,
    threads: int | None = None,
) -> MeasuringProtocol:
    """Return a protocol that comes with the package.

    Args:
        name: "hw-gpt-bench" or "serving".
        space: What will be measured; its scale decides the batch of "hw-gpt-bench".
        device_kind: "cpu" or "gpu"; decides the precision unless one is given.
        batch: Another number of sequences, where the protocol's own does not fit; it is noted.
        phase: "hw-gpt-bench" has "prefill" only.
        runtime: One of `hwbench.profiling.runtimes.RUNTIMES`.
        precision: One of `PRECISIONS`.
        threads: As in `MeasuringProtocol`.

    Raises:
        UnknownNameError: If there is no such protocol.
        SchemaError: If the protocol does not have the phase, or not for this space.
    """
    if name not in _MAKERS:
        raise UnknownNameError.of("measuring protocol", name, _MAKERS)
    made = _MAKERS[name](space, device_kind, phase)
    made = replace(made, runtime=runtime, threads=threads)
    if precision is not None and precision != made.precision:
        note = f"precision {precision} where the protocol has {made.precision}"
        made = replace(made, precision=precision, notes=(*made.notes, note))
    usual = made.workload.batch
    if batch is None or batch == usual:
        return made
    note = f"batch {batch} where the protocol has {usual}: not comparable in absolute value"
    workload = replace(made.workload, batch=batch)
    return replace(made, workload=workload, notes=(*made.notes, note))


def _hw_gpt_bench(space: Space, kind: DeviceKind, phase: Phase) -> MeasuringProtocol:
    scale = space.name.split("-")[1] if space.name.startswith("gpt-") else ""
    if scale not in BATCH_SIZES:
        known = ", ".join(f"gpt-{s}" for s in BATCH_SIZES)
        raise SchemaError(
            f"protocol hw-gpt-bench knows the scales {known}, not {space.name!r}; take serving"
        )
    if phase != "prefill":
        raise SchemaError("protocol hw-gpt-bench has no decoding; take serving")
    notes = ["no gradients are recorded, while the published latencies recorded them"]
    if kind == "gpu":
        notes.append("wall time, while the published GPU latencies sum kernel times")
        if scale != "s":
            notes.append("the published GPU energies have batch 8 at every scale")
    workload = Workload("prefill", BATCH_SIZES[scale], 1024)
    precision: Precision = "amp-bf16" if kind == "gpu" else "fp32"
    return MeasuringProtocol(
        "hw-gpt-bench", "profiled", "torch-eager", precision, workload, notes=tuple(notes)
    )


def _serving(space: Space, kind: DeviceKind, phase: Phase) -> MeasuringProtocol:
    prefill = Workload("prefill", 1, 512)
    workload = prefill if phase == "prefill" else Workload("decode", 1, 512, 64)
    precision: Precision = "bf16" if kind == "gpu" else "fp32"
    network = "profiled" if "profiled" in space.networks else space.network
    return MeasuringProtocol("serving", network, "torch-eager", precision, workload)


_MAKERS: Final[dict[str, Callable[[Space, DeviceKind, Phase], MeasuringProtocol]]] = {
    "hw-gpt-bench": _hw_gpt_bench,
    "serving": _serving,
}
NAMES: Final = tuple(_MAKERS)
"""Names of the protocols that come with the package."""
