"""What Linux tells about its CPUs in /proc and /sys; tests give roots of their own.

What a kernel or container hides is `None`, never a guess.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from hwbench.profiling._types import Json
from hwbench.profiling.devices._files import parse_cpu_list, read_number, read_text

__all__ = ["Linux"]

# Instruction sets that change how fast a matrix product is.
_ISA: Final = (
    "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni",
    "amx_tile", "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip
_SENSORS: Final = ("k10temp", "zenpower", "coretemp", "cpu_thermal")
_MEMORY_STEP_BYTES: Final = 2**28


@dataclass(frozen=True)
class Linux:
    """Reads one machine.

    Attributes:
        proc: Where /proc is.
        sys: Where /sys is.
        root: Where the files are that container engines leave.
    """

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    root: Path = Path("/")

    @property
    def cpu_folder(self) -> Path:
        """Where the kernel describes its CPUs."""
        return self.sys / "devices" / "system" / "cpu"

    def allowed_cpus(self) -> set[int]:
        """Name the CPUs this process may run on."""
        status = _fields(read_text(self.proc / "self" / "status"))
        allowed = parse_cpu_list(status.get("Cpus_allowed_list"))
        online = parse_cpu_list(read_text(self.cpu_folder / "online"))
        return (set(allowed) & set(online) if online else set(allowed)) or set(
            range(os.cpu_count() or 1)
        )

    def physical_cores(self, cpus: Iterable[int], /) -> int | None:
        """Count the cores behind some CPUs: two hardware threads of a core count once."""
        cores = {self._siblings(cpu) for cpu in cpus}
        return None if None in cores else len(cores)

    def model(self) -> Mapping[str, Json]:
        """Tell the make of the CPU and what it can do."""
        info = _fields(read_text(self.proc / "cpuinfo"))
        flags = set((info.get("flags") or info.get("Features") or "").split())
        return {
            "model": _model_name(info) or read_text(self.proc / "device-tree" / "model"),
            "family": info.get("cpu family"),
            "model_number": info.get("model"),
            "stepping": info.get("stepping") or info.get("CPU revision"),
            "microcode": info.get("microcode"),
            "isa": [name for name in _ISA if name in flags],
        }

    def topology(self) -> Mapping[str, Json]:
        """Count sockets, cores, hardware threads and memory nodes of the whole machine."""
        cpus = parse_cpu_list(read_text(self.cpu_folder / "online"))
        sockets = {self._topology(cpu, "physical_package_id") for cpu in cpus}
        nodes = parse_cpu_list(read_text(self.sys / "devices" / "system" / "node" / "online"))
        smt = read_number(self.cpu_folder / "smt" / "active")
        return {
            "threads": len(cpus) or None,
            "cores": self.physical_cores(cpus) if cpus else None,
            "sockets": len(sockets) if sockets and None not in sockets else None,
            "numa_nodes": len(nodes) or None,
            "smt": None if smt is None else bool(smt),
        }

    def clocking(self) -> Mapping[str, Json]:
        """Tell how clocks are governed: governor, driver, turbo, highest clock in Hz."""
        policy = self.cpu_folder / "cpu0" / "cpufreq"
        top_khz = read_number(policy / "cpuinfo_max_freq")
        limit_khz = read_number(policy / "scaling_max_freq")
        return {
            "governor": read_text(policy / "scaling_governor"),
            "scaling_driver": read_text(policy / "scaling_driver"),
            "energy_preference": read_text(policy / "energy_performance_preference"),
            "turbo": self._turbo(),
            "max_clock_hz": None if top_khz is None else top_khz * 1000,
            "limit_clock_hz": None if limit_khz is None else limit_khz * 1000,
        }

    def memory_bytes(self) -> int | None:
        """Read the machine's memory, to the next quarter of a GiB: kernels keep a bit back."""
        total = self._meminfo("MemTotal")
        if total is None:
            return None
        return round(total / _MEMORY_STEP_BYTES) * _MEMORY_STEP_BYTES

    def available_bytes(self) -> int | None:
        """Read how much memory new work could take."""
        return self._meminfo("MemAvailable")

    def virtual(self) -> str | None:
        """Name the hypervisor below, `None` on bare metal or where nothing tells of one."""
        if "microsoft" in (read_text(self.proc / "sys" / "kernel" / "osrelease") or "").lower():
            return "wsl"
        kind = read_text(self.sys / "hypervisor" / "type")
        info = _fields(read_text(self.proc / "cpuinfo"))
        if kind or "hypervisor" in info.get("flags", "").split():
            vendor = read_text(self.sys / "class" / "dmi" / "id" / "sys_vendor")
            return kind or vendor or "unnamed hypervisor"
        return None

    def container(self) -> str | None:
        """Name the container engine around this process, `None` where nothing tells of one."""
        if (self.root / ".dockerenv").exists():
            return "docker"
        if (self.root / "run" / ".containerenv").exists():
            return "podman"
        groups = read_text(self.proc / "1" / "cgroup") or ""
        marks = ("kubepods", "docker", "lxc", "containerd")
        named = next((mark for mark in marks if mark in groups), None)
        return named or (read_text(self.root / "run" / "systemd" / "container") or None)

    def clocks_hz(self, cpus: Iterable[int], /) -> list[float]:
        """Read the present clocks of some CPUs; empty if nothing tells."""
        paths = (self.cpu_folder / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq" for cpu in cpus)
        found = [khz * 1e3 for khz in map(read_number, paths) if khz is not None]
        if found:
            return found
        lines = (read_text(self.proc / "cpuinfo") or "").splitlines()
        return [float(line.partition(":")[2]) * 1e6 for line in lines if line.startswith("cpu MHz")]

    def temperature_c(self) -> float | None:
        """Read the hottest sensor of the CPU, in degrees Celsius."""
        found = [
            read_number(path)
            for folder in sorted((self.sys / "class" / "hwmon").glob("hwmon*"))
            if read_text(folder / "name") in _SENSORS
            for path in sorted(folder.glob("temp*_input"))
        ]
        if not found:
            zones = sorted((self.sys / "class" / "thermal").glob("thermal_zone*"))
            found = [
                read_number(zone / "temp")
                for zone in zones
                if read_text(zone / "type") in ("x86_pkg_temp", "cpu-thermal", "cpu_thermal")
            ]
        known = [value for value in found if value is not None]
        return max(known) / 1000 if known else None

    def heat_throttles(self, cpus: Iterable[int], /) -> int | None:
        """Count how often some CPUs slowed down from heat since the machine started."""
        names = ("core_throttle_count", "package_throttle_count")
        folders = (self.cpu_folder / f"cpu{cpu}" / "thermal_throttle" for cpu in cpus)
        counts = [read_number(folder / name) for folder in folders for name in names]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    def load_average(self) -> list[float] | None:
        """Read the load averages over 1, 5 and 15 minutes."""
        words = (read_text(self.proc / "loadavg") or "").split()[:3]
        return [float(word) for word in words] if len(words) == 3 else None

    def kernel(self) -> str | None:
        """Name the release of the kernel."""
        return read_text(self.proc / "sys" / "kernel" / "osrelease")

    def nodes_of(self, cpus: set[int], /) -> int | None:
        """Count the memory nodes that some CPUs belong to."""
        folders = (self.sys / "devices" / "system" / "node").glob("node[0-9]*")
        lists = [parse_cpu_list(read_text(folder / "cpulist")) for folder in folders]
        return sum(bool(cpus & set(node)) for node in lists) or None

    def mean_clock_hz(self, cpus: Iterable[int], /) -> float | None:
        """Average the present clocks of some CPUs."""
        clocks = self.clocks_hz(cpus)
        return fmean(clocks) if clocks else None

    def _turbo(self) -> bool | None:
        off = read_number(self.cpu_folder / "intel_pstate" / "no_turbo")
        if off is not None:
            return not off
        boost = read_number(self.cpu_folder / "cpufreq" / "boost")
        return None if boost is None else bool(boost)

    def _siblings(self, cpu: int) -> str | None:
        return self._topology(cpu, "core_cpus_list") or self._topology(cpu, "thread_siblings_list")

    def _topology(self, cpu: int, name: str) -> str | None:
        return read_text(self.cpu_folder / f"cpu{cpu}" / "topology" / name)

    def _meminfo(self, name: str) -> int | None:
        words = _fields(read_text(self.proc / "meminfo")).get(name, "").split()
        return int(words[0]) * 1024 if words else None


def _fields(text: str | None) -> dict[str, str]:
    """Read lines `name : value`; of a repeated name the first counts."""
    fields: dict[str, str] = {}
    for line in (text or "").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields


def _model_name(info: Mapping[str, str]) -> str | None:
    name = info.get("model name") or info.get("Model")
    if name:
        return " ".join(name.split())
    if "CPU part" in info:
        return f"implementer {info.get('CPU implementer', '?')} part {info['CPU part']}"
    return None
