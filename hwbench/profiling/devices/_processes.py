"""CPU time of this process and all it started, and of the machine, from /proc."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from hwbench.profiling.devices._files import read_text

__all__ = ["CPUTime", "cpu_time", "descendants", "own_cpu_s", "same_pids_as_host"]

# Inode of the first PID namespace, PROC_PID_INIT_INO in include/linux/proc_ns.h.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"

# Fields of /proc/PID/stat behind the name in parentheses: ppid, then utime to cstime.
_PARENT, _TIMES = 1, slice(11, 15)


@dataclass(frozen=True)
class CPUTime:
    """What some CPUs did since the machine started.

    Attributes:
        busy_s: Time spent working, all CPUs added up.
        steal_s: Time the hypervisor gave to other virtual machines.
    """

    busy_s: float
    steal_s: float


def cpu_time(proc: Path, cpus: set[int], /) -> CPUTime | None:
    """Add up what the CPUs `cpus` did; `None` where the kernel does not tell."""
    busy = steal = 0
    found = False
    for line in (read_text(proc / "stat") or "").splitlines():
        name, *fields = line.split()
        if not (name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cpus):
            continue
        user, nice, system, _, _, irq, softirq, stolen = map(int, [*fields, *"00000000"][:8])
        busy += user + nice + system + irq + softirq
        steal += stolen
        found = True
    return CPUTime(busy / _ticks_a_second(), steal / _ticks_a_second()) if found else None


def own_cpu_s(proc: Path, /, *, pid: int | None = None) -> float | None:
    """Add up the CPU time of a process, its living descendants and its dead ones.

    Args:
        proc: Where /proc is.
        pid: The process; this one unless given.
    """
    stats = _stats(proc)
    root = os.getpid() if pid is None else pid
    if root not in stats:
        return None
    family = {root, *_below(stats, root)}
    return sum(sum(map(int, stats[member][_TIMES])) for member in family) / _ticks_a_second()


def descendants(proc: Path, pid: int, /) -> set[int]:
    """Find the living processes that a process started, and those they started."""
    return _below(_stats(proc), pid)


def same_pids_as_host(proc: Path, /) -> bool:
    """Tell whether processes have the numbers here that a driver knows them by."""
    try:
        return str((proc / "self" / "ns" / "pid").readlink()) == _FIRST_PID_NAMESPACE
    except OSError:
        return False


def _stats(proc: Path) -> dict[int, list[str]]:
    stats = {}
    for folder in proc.iterdir() if proc.is_dir() else ():
        if folder.name.isdigit():
            # The name may hold blanks and parentheses; the fields begin behind the last one.
            fields = (read_text(folder / "stat") or "").rpartition(")")[2].split()
            if len(fields) > _TIMES.stop:
                stats[int(folder.name)] = fields
    return stats


def _below(stats: dict[int, list[str]], pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for member, fields in stats.items():
        children.setdefault(int(fields[_PARENT]), []).append(member)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _ticks_a_second() -> int:
    if sys.platform == "win32":  # no /proc there, so no tick is ever read
        return 1
    return os.sysconf("SC_CLK_TCK")
