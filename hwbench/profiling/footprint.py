"""The memory of one measurement: what the process took, and what the closed forms say."""

from __future__ import annotations

from typing import Final

from hwbench.profiling.devices.device import Device
from hwbench.profiling.meters.memory import peak_resident
from hwbench.profiling.runtimes.runtime import Request, Runnable
from hwbench.spaces import gpt_costs

__all__ = ["baseline", "closed_forms", "peaks"]

_VALUE_BYTES: Final = {
    "fp32": 4,
    "bf16": 2,
    "fp16": 2,
    "amp-bf16": 4,
    "amp-fp16": 4,
    "int8": 4,
}
"""Precision -> bytes of a stored weight; with int8 only the matrices are smaller."""


def baseline() -> dict[str, int]:
    """Return the process's peak so far: call it after the imports, before a network is built."""
    return _known(baseline_bytes=peak_resident().memory_bytes)


def peaks(device: Device, runnable: Runnable, /) -> dict[str, int]:
    """Return the peaks of the process on the CPU and, on a GPU, there.

    Args:
        device: Where it ran.
        runnable: What ran; it knows what its own allocator gave out.
    """
    found = {**_known(vm_hwm_bytes=peak_resident().memory_bytes), **runnable.memory()}
    if device.kind == "gpu":
        from hwbench.profiling.devices.nvidia import NvidiaGPU

        if isinstance(device, NvidiaGPU):
            found |= _known(nvml_process_bytes=device.process_bytes())
    return found


def closed_forms(request: Request, /) -> dict[str, int]:
    """Return the bytes of the weights, and of a key-value cache as long as the sequences.

    Args:
        request: What was measured. Keys and values count in the precision of the activations.
    """
    code = request.space.encode([request.arch])[0]
    precision, work = request.protocol.precision, request.protocol.workload
    stored = _VALUE_BYTES[precision]
    cache = gpt_costs.kv_cache_bytes(
        request.space,
        code,
        sequence_length=work.context,
        batch_size=work.batch,
        bytes_per_value=stored,
    )
    return {
        "weights_bytes": _weights(request, precision, stored),
        "kv_cache_bytes": int(cache),
    }


def _weights(request: Request, precision: str, stored: int) -> int:
    space, code = request.space, request.space.encode([request.arch])[0]
    if precision == "int8":
        counts = gpt_costs.weight_counts(space, code)
        return int(stored * counts.total - (stored - 1) * (counts.matrices + counts.head))
    if precision.startswith("amp-"):
        return int(gpt_costs.autocast_bytes(space, code))
    return int(gpt_costs.weight_bytes(space, code, bytes_per_weight=stored))


def _known(**numbers: int | None) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number is not None}
