"""Trees like /proc and /sys, and a stand-in for pynvml, for tests without the hardware."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from hwbench.profiling.devices._linux import Linux

CPUINFO = """processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 85
model name	: Intel(R) Xeon(R)  Gold 6242 CPU
stepping	: 7
microcode	: 0x5003604
cpu MHz		: 2800.000
flags		: fpu avx2 fma avx512f avx512_vnni{extra}

processor	: 1
model name	: Intel(R) Xeon(R)  Gold 6242 CPU
cpu MHz		: 3000.000
"""


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def linux(root: Path, *, allowed="0-7", flags="") -> Linux:
    """Two sockets of two cores with two hardware threads each: 0..3 and their siblings 4..7."""
    proc, sys = root / "proc", root / "sys"
    cpus = "sys/devices/system/cpu"
    files = {
        "proc/cpuinfo": CPUINFO.format(extra=flags),
        "proc/self/status": "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n"
        f"Cpus_allowed_list:\t{allowed}",
        "proc/self/cgroup": "0::/job/step",
        "proc/1/cgroup": "0::/",
        "proc/meminfo": "MemTotal:       16300000 kB\nMemAvailable:   10000000 kB",
        "proc/loadavg": "1.50 2.00 3.00 1/100 4242",
        "proc/sys/kernel/osrelease": "6.1.0-generic",
        f"{cpus}/online": "0-7",
        f"{cpus}/smt/active": "1",
        f"{cpus}/intel_pstate/no_turbo": "0",
        f"{cpus}/cpu0/cpufreq/scaling_governor": "performance",
        f"{cpus}/cpu0/cpufreq/scaling_driver": "intel_pstate",
        f"{cpus}/cpu0/cpufreq/cpuinfo_max_freq": "3900000",
        "sys/devices/system/node/online": "0-1",
        "sys/devices/system/node/node0/cpulist": "0-1,4-5",
        "sys/devices/system/node/node1/cpulist": "2-3,6-7",
        "sys/class/hwmon/hwmon0/name": "nvme",
        "sys/class/hwmon/hwmon0/temp1_input": "90000",
        "sys/class/hwmon/hwmon1/name": "coretemp",
        "sys/class/hwmon/hwmon1/temp1_input": "61000",
        "sys/class/hwmon/hwmon1/temp2_input": "64500",
    }
    for cpu in range(8):
        core = cpu % 4
        files[f"{cpus}/cpu{cpu}/topology/core_cpus_list"] = f"{core},{core + 4}"
        files[f"{cpus}/cpu{cpu}/topology/physical_package_id"] = str(core // 2)
        files[f"{cpus}/cpu{cpu}/thermal_throttle/core_throttle_count"] = str(cpu)
        files[f"{cpus}/cpu{cpu}/cpufreq/scaling_cur_freq"] = str(2_000_000 + 100_000 * cpu)
    write(root, files)
    return Linux(proc, sys, root)


class NVMLError(Exception):
    """What NVML raises."""


class FakeNVML:
    """Answers like pynvml for some cards, until they are lost.

    Args:
        names: Model of each card.
        without: Functions that no card supports.
    """

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2
    NVML_FI_DEV_POWER_INSTANT = 186

    def __init__(self, *names, without=()):
        self.names = names
        self.without = set(without)
        self.lost = False
        self.energy_mj = 5_000_000
        self.power_mw = 250_000
        self.instant_mw = 260_000
        self.reasons = 0x4 | 0x2
        self.mig = 0
        self.processes = []

    def nvmlInit(self):
        if not self.names:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self):
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlSystemGetDriverVersion(self):
        return "580.1"

    def nvmlSystemGetCudaDriverVersion(self):
        return 13000

    def __getattr__(self, function):
        if function.startswith("_") or function in self.without or function not in ANSWERS:
            raise AttributeError(function)

        def call(handle, *args):
            if self.lost or (f"!{function}" in self.without):
                raise NVMLError("GPU is lost")
            return ANSWERS[function](self, handle, *args)

        return call


ANSWERS: dict[str, Callable[..., object]] = {
    "nvmlDeviceGetName": lambda nvml, card: nvml.names[card],
    "nvmlDeviceGetUUID": lambda nvml, card: f"GPU-{card}aaaa-bbbb",
    "nvmlDeviceGetVbiosVersion": lambda nvml, card: b"96.00.1",
    "nvmlDeviceGetCudaComputeCapability": lambda nvml, card: (9, 0),
    "nvmlDeviceGetNumGpuCores": lambda nvml, card: 16896,
    "nvmlDeviceGetMemoryInfo": lambda nvml, card: SimpleNamespace(total=80 * 2**30, used=2**30),
    "nvmlDeviceGetPowerManagementLimit": lambda nvml, card: 700_000,
    "nvmlDeviceGetEnforcedPowerLimit": lambda nvml, card: 650_000,
    "nvmlDeviceGetMaxClockInfo": lambda nvml, card, domain: {1: 1980, 2: 2619}[domain],
    "nvmlDeviceGetClockInfo": lambda nvml, card, domain: {1: 1755, 2: 2619}[domain],
    "nvmlDeviceGetTemperature": lambda nvml, card, sensor: 61,
    "nvmlDeviceGetEccMode": lambda nvml, card: [1, 1],
    "nvmlDeviceGetMigMode": lambda nvml, card: [nvml.mig, nvml.mig],
    "nvmlDeviceGetPersistenceMode": lambda nvml, card: 1,
    "nvmlDeviceGetPowerUsage": lambda nvml, card: nvml.power_mw,
    "nvmlDeviceGetTotalEnergyConsumption": lambda nvml, card: nvml.energy_mj,
    "nvmlDeviceGetCurrentClocksEventReasons": lambda nvml, card: nvml.reasons,
    "nvmlDeviceGetUtilizationRates": lambda nvml, card: SimpleNamespace(gpu=50, memory=10),
    "nvmlDeviceGetComputeRunningProcesses": lambda nvml, card: nvml.processes,
    "nvmlDeviceGetViolationStatus": lambda nvml, card, policy: SimpleNamespace(
        referenceTime=0, violationTime=(policy + 1) * 1_000_000_000
    ),
    "nvmlDeviceGetFieldValues": lambda nvml, card, fields: [
        SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=nvml.instant_mw))
    ],
}
