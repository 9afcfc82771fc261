"""Peak memory of a process, and of torch on a GPU.

On Linux the peak is VmHWM of /proc/self/status. `getrusage` is not used there: its maximum is
inherited across fork and exec, so a small child of a large parent reports the parent. Python's
`tracemalloc` sees nothing of what torch and ONNX Runtime allocate. Measure in a fresh process, and
subtract what importing alone costs.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hwbench.errors import HwbenchError, MissingExtraError, require

__all__ = [
    "PeakMemory",
    "TorchPeak",
    "peak_resident",
    "reset_peak_resident",
    "reset_torch_peak",
    "torch_peak",
    "vm_hwm_bytes",
    "vm_rss_bytes",
]

_PROC: Final = Path("/proc")
_RESET_PEAK: Final = "5"


@dataclass(frozen=True)
class PeakMemory:
    """The most memory a process has held.

    Attributes:
        memory_bytes: Resident bytes; `None` if nothing tells.
        source: Where from: "vm_hwm", "peak_wset", "ru_maxrss" or "none".
    """

    memory_bytes: int | None
    source: str


@dataclass(frozen=True)
class TorchPeak:
    """The most memory torch has held on one GPU; the CUDA context is not in it.

    Attributes:
        allocated_bytes: In tensors: what the work itself needs.
        reserved_bytes: Taken from the driver: what must fit, fragmentation included.
    """

    allocated_bytes: int
    reserved_bytes: int


def vm_hwm_bytes(proc: Path = _PROC, /, *, pid: int | str = "self") -> int | None:
    """Read the peak resident memory of a process on Linux; `None` elsewhere or if it is gone.

    Args:
        proc: Where /proc is.
        pid: The process; this one unless given.
    """
    return _status_bytes(proc / str(pid) / "status", "VmHWM")


def vm_rss_bytes(proc: Path = _PROC, /, *, pid: int | str = "self") -> int | None:
    """Read the present resident memory of a process on Linux; `None` elsewhere or if it is gone.

    Args:
        proc: Where /proc is.
        pid: The process; this one unless given.
    """
    return _status_bytes(proc / str(pid) / "status", "VmRSS")


def peak_resident(proc: Path = _PROC, /) -> PeakMemory:
    """Read the peak resident memory of this process in the best way the system has.

    Linux: VmHWM. Windows: the peak working set, if psutil is installed. macOS: `ru_maxrss`, which
    may hold the peak of the parent.

    Args:
        proc: Where /proc is.
    """
    peak = vm_hwm_bytes(proc)
    if peak is not None:
        return PeakMemory(peak, "vm_hwm")
    elsewhere = {"win32": _peak_working_set, "darwin": _maximum_of_rusage}.get(sys.platform)
    return elsewhere() if elsewhere else PeakMemory(None, "none")


def reset_peak_resident(proc: Path = _PROC, /) -> bool:
    """Set this process's VmHWM back to what it holds now; needs no privilege.

    Args:
        proc: Where /proc is.

    Returns:
        Whether the kernel did it; some containers forbid it, other systems cannot.
    """
    try:
        (proc / "self" / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def torch_peak(device: str, /) -> TorchPeak:
    """Read what torch held at most on a GPU since `reset_torch_peak`.

    Args:
        device: Such as "cuda:0".

    Raises:
        MissingExtraError: If torch is not installed.
        HwbenchError: If this torch has no CUDA, or no such GPU.
    """
    cuda = _torch_cuda(device)
    return TorchPeak(int(cuda.max_memory_allocated(device)), int(cuda.max_memory_reserved(device)))


def reset_torch_peak(device: str, /) -> None:
    """Start a new peak on a GPU, and give back what torch keeps without using it.

    Args:
        device: Such as "cuda:0".

    Raises:
        MissingExtraError: If torch is not installed.
        HwbenchError: If this torch has no CUDA, or no such GPU.
    """
    cuda = _torch_cuda(device)
    cuda.empty_cache()
    cuda.reset_peak_memory_stats(device)


def _torch_cuda(device: str) -> Any:
    cuda = require("torch", "profile").cuda
    index = device.partition(":")[2] or "0"
    if not cuda.is_available() or not index.isdigit() or int(index) >= cuda.device_count():
        raise HwbenchError(
            f"torch sees no GPU {device!r}; install a CUDA build of torch that fits the driver"
        )
    return cuda


def _status_bytes(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    values = [line.partition(":")[2].split() for line in lines if line.startswith(f"{name}:")]
    return int(values[0][0]) * 1024 if values else None


def _peak_working_set() -> PeakMemory:
    try:
        psutil = require("psutil", "profile")
    except MissingExtraError:
        return PeakMemory(None, "none")
    return PeakMemory(int(psutil.Process(os.getpid()).memory_info().peak_wset), "peak_wset")


def _maximum_of_rusage() -> PeakMemory:
    resource = require("resource", "profile")
    # macOS counts in bytes, unlike Linux.
    return PeakMemory(int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), "ru_maxrss")
