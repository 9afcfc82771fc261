"""How much CPU time and memory the control groups leave this process, versions 1 and 2.

See Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the Linux kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hwbench.profiling.devices._files import read_number, read_text

__all__ = ["Limits", "limits", "throttled_s"]

_Number = TypeVar("_Number", int, float)

# Version 1 writes "no limit" as the largest multiple of a page below 2**63.
_NO_LIMIT_BYTES = 2**60


@dataclass(frozen=True)
class Limits:
    """What the control groups allow; `None` for no limit.

    Attributes:
        cpus: CPU time a second of wall time, such as 1.5.
        memory_bytes: Memory.
    """

    cpus: float | None
    memory_bytes: int | None


def limits(proc: Path, sys: Path, /) -> Limits:
    """Find the tightest limits among the groups of this process and those above them.

    Args:
        proc: Where /proc is.
        sys: Where /sys is.
    """
    return Limits(
        _smallest(_cpus(folder) for folder in _folders(proc, sys, "cpu")),
        _smallest(_memory_bytes(folder) for folder in _folders(proc, sys, "memory")),
    )


def throttled_s(proc: Path, sys: Path, /) -> float | None:
    """Read how long this process's group was held back by its CPU quota so far, in seconds."""
    for folder in _folders(proc, sys, "cpu"):
        words = (read_text(folder / "cpu.stat") or "").split()
        values = dict(zip(words[::2], words[1::2], strict=False))
        if "throttled_usec" in values:
            return int(values["throttled_usec"]) * 1e-6
        if "throttled_time" in values:
            return int(values["throttled_time"]) * 1e-9
    return None


def _folders(proc: Path, sys: Path, controller: str) -> Iterator[Path]:
    """Name the folders of one controller from the group of this process up to the root."""
    root = sys / "fs" / "cgroup"
    for line in (read_text(proc / "self" / "cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            bases = [root, root / "unified"]
        elif controller in controllers.split(","):
            bases = [root / controllers, root / controller]
        else:
            continue
        for base in bases:
            yield from _upwards(base, group)


def _upwards(base: Path, group: str) -> Iterator[Path]:
    parts = [part for part in group.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        folder = base.joinpath(*parts[:depth])
        if folder.is_dir():
            yield folder


def _cpus(folder: Path) -> float | None:
    words = (read_text(folder / "cpu.max") or "").split()
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
        return int(words[0]) / int(words[1])
    quota = read_number(folder / "cpu.cfs_quota_us")
    period = read_number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _memory_bytes(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        limit = read_number(folder / name)
        if limit is not None and limit < _NO_LIMIT_BYTES:
            return limit
    return None


def _smallest(values: Iterator[_Number | None]) -> _Number | None:
    return min((value for value in values if value is not None), default=None)
