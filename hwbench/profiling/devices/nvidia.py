"""NVIDIA GPUs, read through NVML (the package nvidia-ml-py of the extra `profile`).

Nothing is set: clocks, power limits and modes stay as they are and are recorded. The fingerprint
holds a hash of the card's UUID, so that two cards of one model are two devices; they are not alike.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hwbench.errors import HwbenchError, UnknownNameError
from hwbench.profiling._types import Json
from hwbench.profiling.devices._linux import Linux
from hwbench.profiling.devices._nvml import Card, load, visible
from hwbench.profiling.devices._processes import descendants, same_pids_as_host
from hwbench.profiling.devices.device import Device, DeviceLostError, Fingerprint
from hwbench.profiling.devices.disturbance import gpu_disturbances
from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import EnergyMeter, Unavailable
from hwbench.profiling.meters.nvml import NVMLCounter, PowerIntegral

__all__ = ["NvidiaGPU", "find", "open_named"]

_UUID_DIGITS: Final = 16

# Bits of nvmlClocksEventReasons; those that make work slower than the clocks asked for.
_IDLE: Final = {0x1: "idle", 0x2: "application_clocks"}
_SLOWED: Final = {
    0x4: "power_cap",
    0x8: "hardware_slowdown",
    0x10: "sync_boost",
    0x20: "software_heat_slowdown",
    0x40: "hardware_heat_slowdown",
    0x80: "power_brake",
    0x100: "display_clocks",
    0x200: "board_limit",
    0x400: "reliability",
}

# nvmlPerfPolicyType_t
_POLICY_POWER, _POLICY_HEAT = 0, 1


class NvidiaGPU(Device):
    """One NVIDIA card.

    Args:
        card: The card as NVML sees it.
        index: CUDA's number of it.
        proc: Where /proc is.
        clock: Where time comes from.
    """

    def __init__(
        self, card: Card, /, *, index: int = 0, proc: Path = Path("/proc"), clock: Clock = MONOTONIC
    ) -> None:
        self._card = card
        self._proc = proc
        self._clock = clock
        self.name = self.torch_name = f"cuda:{index}"
        self.kind = "gpu"
        self.label = _text(card.must("nvmlDeviceGetName"))

    def fingerprint(self) -> Fingerprint:
        """Tell the card, its firmware, driver, limits and modes, and the CPU that feeds it.

        Raises:
            DeviceLostError: If the card does not answer any more.
        """
        card, nvml = self._card, self._card.nvml
        uuid = _text(card.must("nvmlDeviceGetUUID"))
        memory = card.get("nvmlDeviceGetMemoryInfo")
        capability = card.get("nvmlDeviceGetCudaComputeCapability")
        return Fingerprint(
            "gpu",
            {
                "model": self.label,
                "uuid_sha256": hashlib.sha256(uuid.encode()).hexdigest()[:_UUID_DIGITS],
                "vbios": card.converted("nvmlDeviceGetVbiosVersion", convert=_text),
                "driver": _system(nvml, "nvmlSystemGetDriverVersion"),
                "cuda_driver": _system(nvml, "nvmlSystemGetCudaDriverVersion"),
                "compute_capability": None if capability is None else list(capability),
                "cores": card.get("nvmlDeviceGetNumGpuCores"),
                "memory_bytes": None if memory is None else int(memory.total),
                "power_limit_w": self._watts("nvmlDeviceGetPowerManagementLimit"),
                "default_power_limit_w": self._watts("nvmlDeviceGetPowerManagementDefaultLimit"),
                "max_sm_clock_hz": self._hertz("nvmlDeviceGetMaxClockInfo", "NVML_CLOCK_SM"),
                "max_memory_clock_hz": self._hertz("nvmlDeviceGetMaxClockInfo", "NVML_CLOCK_MEM"),
                "application_sm_clock_hz": self._hertz(
                    "nvmlDeviceGetApplicationsClock", "NVML_CLOCK_SM"
                ),
                "persistence_mode": card.converted("nvmlDeviceGetPersistenceMode", convert=bool),
                "compute_mode": card.get("nvmlDeviceGetComputeMode"),
                "ecc": card.converted("nvmlDeviceGetEccMode", convert=_now),
                "mig": card.converted("nvmlDeviceGetMigMode", convert=_now),
                "max_pcie_generation": card.get("nvmlDeviceGetMaxPcieLinkGeneration"),
                "max_pcie_width": card.get("nvmlDeviceGetMaxPcieLinkWidth"),
                "host_cpu": Linux(proc=self._proc).model()["model"],
            },
        )

    def state(self) -> Mapping[str, Json]:
        """Read clocks, heat, power, what slows the card down, and who uses it."""
        card = self._card
        memory = card.get("nvmlDeviceGetMemoryInfo")
        load = card.get("nvmlDeviceGetUtilizationRates")
        mask = card.get("nvmlDeviceGetCurrentClocksEventReasons")
        if mask is None:
            mask = card.get("nvmlDeviceGetCurrentClocksThrottleReasons")
        pids = self._pids()
        return {
            "at_s": self._clock.now(),
            "answers": card.get("nvmlDeviceGetUUID") is not None,
            "sm_clock_hz": self._hertz("nvmlDeviceGetClockInfo", "NVML_CLOCK_SM"),
            "memory_clock_hz": self._hertz("nvmlDeviceGetClockInfo", "NVML_CLOCK_MEM"),
            "temperature_c": card.get("nvmlDeviceGetTemperature", 0),
            "power_w": self._watts("nvmlDeviceGetPowerUsage"),
            "power_limit_w": self._watts("nvmlDeviceGetEnforcedPowerLimit"),
            "performance_state": card.get("nvmlDeviceGetPerformanceState"),
            "reasons": None if mask is None else _named(mask, _IDLE | _SLOWED),
            "slowed_by": None if mask is None else _named(mask, _SLOWED),
            "slowed_by_power_s": self._violation_s(_POLICY_POWER),
            "slowed_by_heat_s": self._violation_s(_POLICY_HEAT),
            "utilisation": None if load is None else load.gpu / 100,
            "memory_used_bytes": None if memory is None else int(memory.used),
            "pids": pids,
            "foreign_pids": self._foreign(pids),
            "pcie_generation": card.get("nvmlDeviceGetCurrPcieLinkGeneration"),
            "pcie_width": card.get("nvmlDeviceGetCurrPcieLinkWidth"),
            "host_load_average": Linux(proc=self._proc).load_average(),
        }

    def energy_meter(self) -> EnergyMeter | Unavailable:
        """Take the energy counter, else the power integrated; or say why there is neither."""
        card = self._card
        if card.converted("nvmlDeviceGetMigMode", convert=_now):
            return Unavailable(
                "the card is split by MIG, and its sensors cover all instances together",
                "measure energy on a card without MIG",
            )
        scope = "gpu and cpu module" if "GH200" in self.label else "gpu"
        if card.get("nvmlDeviceGetTotalEnergyConsumption") is not None:
            return NVMLCounter(self._energy_mj, scope=scope, clock=self._clock)
        if card.get("nvmlDeviceGetPowerUsage") is not None:
            return PowerIntegral(self._power_w, scope=scope, clock=self._clock)
        return Unavailable(
            f"{self.label} tells neither its energy nor its power",
            "update the driver; cards for notebooks and virtual cards often have no sensor",
        )

    def disturbed(self, before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
        """Find processes of others, throttling, and changed limits."""
        return gpu_disturbances(before, after)

    def process_bytes(self, pid: int | None = None, /) -> int | None:
        """Read how much of the card's memory a process holds, the CUDA context included.

        In a container, where the driver knows processes by other numbers, the only process on the
        card is taken to be meant; with several the answer is `None`.

        Args:
            pid: The process; this one unless given.
        """
        wanted = os.getpid() if pid is None else pid
        processes = self._processes() or []
        held = [process.usedGpuMemory for process in processes if process.pid == wanted]
        if not held and len(processes) == 1 and not same_pids_as_host(self._proc):
            held = [processes[0].usedGpuMemory]
        return sum(held) if held and None not in held else None

    def _processes(self) -> Sequence[Any] | None:
        answer: Sequence[Any] | None = self._card.get("nvmlDeviceGetComputeRunningProcesses")
        return answer

    def _pids(self) -> list[int] | None:
        processes = self._processes()
        return None if processes is None else sorted({process.pid for process in processes})

    def _foreign(self, pids: Sequence[int] | None) -> list[int] | None:
        if pids is None or not same_pids_as_host(self._proc):
            return None
        family = {os.getpid(), *descendants(self._proc, os.getpid())}
        return [pid for pid in pids if pid not in family]

    def _energy_mj(self) -> int:
        return int(self._card.must("nvmlDeviceGetTotalEnergyConsumption"))

    def _power_w(self) -> float:
        power_mw = self._card.field("NVML_FI_DEV_POWER_INSTANT")
        if not power_mw:
            power_mw = self._card.must("nvmlDeviceGetPowerUsage")
        return power_mw * 1e-3

    def _watts(self, function: str) -> float | None:
        power_mw: int | None = self._card.get(function)
        return None if power_mw is None else power_mw * 1e-3

    def _hertz(self, function: str, domain: str) -> int | None:
        clock_mhz: int | None = self._card.get(function, getattr(self._card.nvml, domain))
        return None if clock_mhz is None else clock_mhz * 1_000_000

    def _violation_s(self, policy: int) -> float | None:
        status = self._card.get("nvmlDeviceGetViolationStatus", policy)
        return None if status is None else status.violationTime * 1e-9


def open_named(rest: str, /, *, nvml: Any = None) -> Device:
    """Open the card with CUDA's number `rest`, the first one if that is empty.

    Args:
        rest: The number as text.
        nvml: The module `pynvml` or one like it; imported unless given.

    Raises:
        UnknownNameError: If there is no such card.
        HwbenchError: If cards cannot be read here.
    """
    found = find(nvml=nvml)
    if isinstance(found, Unavailable):
        raise HwbenchError(f"no GPU can be used: {found.reason}; {found.fix}")
    names = [device.name for device in found]
    name = f"cuda:{rest or 0}"
    if name not in names:
        raise UnknownNameError.of("device", name, names)
    return found[names.index(name)]


def find(
    *, nvml: Any = None, environment: Mapping[str, str] | None = None
) -> list[Device] | Unavailable:
    """Find the cards that CUDA sees.

    Args:
        nvml: The module `pynvml` or one like it; imported unless given.
        environment: Environment variables; those of this process unless given.
    """
    loaded = load(nvml)
    if isinstance(loaded, Unavailable):
        return loaded
    try:
        cards = visible(loaded, os.environ if environment is None else environment)
        devices: list[Device] = [NvidiaGPU(card, index=i) for i, card in enumerate(cards)]
    except DeviceLostError as error:
        return Unavailable(str(error), "see what nvidia-smi says; a lost card needs a restart")
    except HwbenchError as error:
        reason, _, fix = str(error).partition("; ")
        return Unavailable(reason, fix)
    if not devices:
        return Unavailable(
            "the NVIDIA driver shows no card to this process",
            "see CUDA_VISIBLE_DEVICES; in a container, start it with --gpus all",
        )
    return devices


def _named(mask: int, names: Mapping[int, str]) -> list[str]:
    return [name for bit, name in names.items() if mask & bit]


def _now(modes: Any) -> bool:
    """Of a pair (now, after the next start) take the first."""
    return bool(modes[0])


def _text(value: object) -> str:
    """Older bindings answer with bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _system(nvml: Any, function: str) -> str | None:
    try:
        return _text(getattr(nvml, function)())
    except nvml.NVMLError:
        return None
