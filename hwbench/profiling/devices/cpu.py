"""The CPU of this machine: Linux in full, other systems as far as Python knows them.

In a container or virtual machine the fingerprint says so, and holds the limits that apply to this
process: CPUs it may run on, CPU quota, memory limit.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from hwbench.errors import UnknownNameError
from hwbench.profiling._types import Json
from hwbench.profiling.devices._cgroups import limits, throttled_s
from hwbench.profiling.devices._linux import Linux
from hwbench.profiling.devices._processes import cpu_time, own_cpu_s
from hwbench.profiling.devices.device import Device, Fingerprint
from hwbench.profiling.devices.disturbance import cpu_disturbances
from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import EnergyMeter, Unavailable
from hwbench.profiling.meters.rapl import open_rapl

__all__ = ["CPU", "find", "open_named"]

_SYSCTL_S: Final = 5.0


class CPU(Device):
    """The CPU, as far as this process may use it.

    Args:
        linux: Where the kernel's files are; tests give their own trees.
        clock: Where time comes from.
    """

    def __init__(self, linux: Linux | None = None, /, *, clock: Clock = MONOTONIC) -> None:
        self._linux = linux or Linux()
        self._clock = clock
        self.name = "cpu"
        self.kind = "cpu"
        self.torch_name = "cpu"
        self.label = str(self._model()["model"] or platform.machine() or "CPU")

    def fingerprint(self) -> Fingerprint:
        """Tell make, topology, clocking, memory and the limits of this process."""
        linux, cpus = self._linux, self._linux.allowed_cpus()
        bounds = limits(linux.proc, linux.sys)
        return Fingerprint(
            "cpu",
            {
                "system": platform.system(),
                "machine": platform.machine(),
                **self._model(),
                **linux.topology(),
                **linux.clocking(),
                "memory_bytes": linux.memory_bytes(),
                "virtual": linux.virtual(),
                "container": linux.container(),
                "allowed_threads": len(cpus),
                "allowed_cores": linux.physical_cores(cpus),
                "allowed_numa_nodes": linux.nodes_of(cpus),
                "quota_cpus": bounds.cpus,
                "memory_limit_bytes": bounds.memory_bytes,
            },
        )

    def usable_cores(self) -> int:
        """Count the cores a measurement should use, one thread each, at least one.

        The physical cores this process may run on, or the whole CPUs of its quota if those are
        fewer; hardware threads where the kernel does not tell them from cores.
        """
        linux, cpus = self._linux, self._linux.allowed_cpus()
        cores = linux.physical_cores(cpus) or len(cpus)
        quota = limits(linux.proc, linux.sys).cpus
        return max(1, cores if quota is None else min(cores, int(quota)))

    def state(self) -> Mapping[str, Json]:
        """Read clocks, heat, load and the CPU time of this process's family and of everyone."""
        linux, cpus = self._linux, self._linux.allowed_cpus()
        used = cpu_time(linux.proc, cpus)
        return {
            "at_s": self._clock.now(),
            "answers": True,
            "allowed_cpus": sorted(cpus),
            "clock_hz": linux.mean_clock_hz(cpus),
            "temperature_c": linux.temperature_c(),
            "load_average": linux.load_average(),
            "memory_available_bytes": linux.available_bytes(),
            "busy_s": used.busy_s if used else None,
            "steal_s": used.steal_s if used else None,
            "own_s": own_cpu_s(linux.proc),
            "quota_throttled_s": throttled_s(linux.proc, linux.sys),
            "heat_throttles": linux.heat_throttles(cpus),
            "kernel": linux.kernel(),
        }

    def energy_meter(self) -> EnergyMeter | Unavailable:
        """Open the RAPL counters, or say why that fails."""
        return open_rapl(self._linux.sys / "class" / "powercap", clock=self._clock)

    def disturbed(self, before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
        """Find load of others, time stolen by the hypervisor, and throttling."""
        return cpu_disturbances(before, after)

    def _model(self) -> Mapping[str, Json]:
        model = self._linux.model()
        if model["model"] is None and sys.platform == "darwin":
            return {**model, "model": _sysctl("machdep.cpu.brand_string")}
        return model


def open_named(rest: str, /) -> Device:
    """Open the CPU; there is only one, so `rest` must be empty.

    Raises:
        UnknownNameError: If it is not.
    """
    if rest:
        raise UnknownNameError.of("device", f"cpu:{rest}", ["cpu"])
    return CPU()


def find() -> list[Device] | Unavailable:
    """Find the CPU; it is always there."""
    return [CPU()]


def _sysctl(name: str) -> str | None:
    try:
        answer = subprocess.run(
            ["/usr/sbin/sysctl", "-n", name],
            capture_output=True,
            text=True,
            timeout=_SYSCTL_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
