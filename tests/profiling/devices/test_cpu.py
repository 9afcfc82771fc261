import os
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.profiling.devices._cgroups import Limits, limits, throttled_s
from hwbench.profiling.devices._files import parse_cpu_list
from hwbench.profiling.devices._linux import Linux
from hwbench.profiling.devices._processes import cpu_time, own_cpu_s
from hwbench.profiling.devices.cpu import CPU
from hwbench.profiling.meters import Unavailable
from tests.profiling.devices.made import linux, write

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def test_the_fingerprint_of_a_server(tmp_path):
    stable = CPU(linux(tmp_path)).fingerprint().stable
    wanted = {
        "model": "Intel(R) Xeon(R) Gold 6242 CPU",
        "family": "6",
        "stepping": "7",
        "microcode": "0x5003604",
        "isa": ["avx2", "fma", "avx512f", "avx512_vnni"],
        "threads": 8,
        "cores": 4,
        "sockets": 2,
        "numa_nodes": 2,
        "smt": True,
        "governor": "performance",
        "turbo": True,
        "max_clock_hz": 3_900_000_000,
        "memory_bytes": 62 * 2**28,  # 16.3e6 kB are 62.18 quarters of a GiB
        "virtual": None,
        "container": None,
        "allowed_threads": 8,
        "allowed_cores": 4,
        "allowed_numa_nodes": 2,
        "quota_cpus": None,
    }
    assert {name: stable[name] for name in wanted} == wanted


def test_the_id_changes_with_what_stays_and_not_with_what_moves(tmp_path):
    machine = linux(tmp_path)
    first = CPU(machine).fingerprint()
    write(tmp_path, {"proc/loadavg": "9.0 9.0 9.0 1/1 1"})
    assert CPU(machine).fingerprint().id == first.id
    write(tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave"})
    second = CPU(machine).fingerprint()
    assert second.id != first.id
    assert second.differences(first) == ['governor: "powersave" here, "performance" there']


def test_one_socket_of_two(tmp_path):
    cpu = CPU(linux(tmp_path, allowed="0-1,4"))
    stable = cpu.fingerprint().stable
    assert (stable["allowed_threads"], stable["allowed_cores"]) == (3, 2)
    assert stable["allowed_numa_nodes"] == 1
    assert cpu.usable_cores() == 2


def test_jobs_on_other_cores_of_the_same_machine_are_one_device(tmp_path):
    one = CPU(linux(tmp_path / "a", allowed="0-1"))
    other = CPU(linux(tmp_path / "b", allowed="2-3"))
    assert one.fingerprint().id == other.fingerprint().id
    assert one.state()["allowed_cpus"] != other.state()["allowed_cpus"]


def test_the_state_of_a_server(tmp_path):
    state = CPU(linux(tmp_path, allowed="0-1")).state()
    assert state["clock_hz"] == 2_050_000_000
    assert state["temperature_c"] == 64.5
    assert state["load_average"] == [1.5, 2.0, 3.0]
    assert state["heat_throttles"] == 1
    assert state["memory_available_bytes"] == 10_000_000 * 1024
    assert state["busy_s"] is None


def test_nothing_readable_at_all(tmp_path):
    """macOS, or a sandbox without /proc and /sys."""
    cpu = CPU(Linux(tmp_path / "p", tmp_path / "s", tmp_path / "r"))
    assert cpu.label
    assert cpu.fingerprint().id.startswith("cpu-")
    state = cpu.state()
    assert state["answers"] is True
    assert state["clock_hz"] is state["temperature_c"] is state["own_s"] is None
    assert cpu.disturbed(state, cpu.state()) == []
    assert isinstance(cpu.energy_meter(), Unavailable)
    assert cpu.usable_cores() >= 1


def test_virtual_machines_and_containers_are_told(tmp_path):
    machine = linux(tmp_path, flags=" hypervisor")
    assert machine.virtual() == "unnamed hypervisor"
    write(tmp_path, {"sys/class/dmi/id/sys_vendor": "QEMU"})
    assert machine.virtual() == "QEMU"
    write(tmp_path, {"proc/sys/kernel/osrelease": "5.15.1-microsoft-standard-WSL2"})
    assert machine.virtual() == "wsl"
    write(tmp_path, {"proc/1/cgroup": "0::/kubepods/burstable/pod1"})
    assert machine.container() == "kubepods"
    write(tmp_path, {"run/.containerenv": ""})
    assert machine.container() == "podman"
    write(tmp_path, {".dockerenv": ""})
    assert machine.container() == "docker"


def test_an_arm_server_has_no_model_name(tmp_path):
    write(
        tmp_path,
        {
            "proc/cpuinfo": "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
            "Features\t: fp asimd asimddp"
        },
    )
    model = Linux(tmp_path / "proc", tmp_path / "sys").model()
    assert model["model"] == "implementer 0x41 part 0xd0c"
    assert model["isa"] == ["asimd", "asimddp"]


def test_the_tightest_limit_of_version_2_counts(tmp_path):
    machine = linux(tmp_path)
    write(
        tmp_path / "sys/fs/cgroup",
        {
            "job/cpu.max": "150000 100000",
            "job/step/cpu.max": "max 100000",
            "job/memory.max": str(8 * 2**30),
            "job/step/memory.max": str(4 * 2**30),
            "job/step/cpu.stat": "usage_usec 5\nthrottled_usec 2500000",
        },
    )
    assert limits(machine.proc, machine.sys) == Limits(1.5, 4 * 2**30)
    assert throttled_s(machine.proc, machine.sys) == 2.5
    assert CPU(machine).usable_cores() == 1


def test_version_1_and_a_container_that_shows_its_group_as_root(tmp_path):
    machine = linux(tmp_path)
    write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/1\n2:cpu,cpuacct:/docker/1\n0::/",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_throttled 3\nthrottled_time 1500000000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096),
        },
    )
    assert limits(machine.proc, machine.sys) == Limits(3.0, None)
    assert throttled_s(machine.proc, machine.sys) == 1.5


def test_no_limit(tmp_path):
    machine = linux(tmp_path)
    write(tmp_path / "sys/fs/cgroup", {"cpu.max": "max 100000", "memory.max": "max"})
    assert limits(machine.proc, machine.sys) == Limits(None, None)
    assert throttled_s(machine.proc, machine.sys) is None


def test_what_the_cpus_did(tmp_path):
    write(
        tmp_path,
        {"stat": "cpu  1 1 1 1\ncpu0 100 10 30 999 50 5 5 7 60 0\ncpu1 1 2 3 4 5\ncpu2 9 9 9 9"},
    )
    used = cpu_time(tmp_path, {0, 1})
    assert used.busy_s == pytest.approx((150 + 6) / TICKS)
    assert used.steal_s == pytest.approx(7 / TICKS)
    assert cpu_time(tmp_path, {5}) is None


def test_the_family_of_a_process(tmp_path):
    def stat(pid, parent, name, *times):
        head = f"{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0"
        write(tmp_path, {f"{pid}/stat": f"{head} {' '.join(map(str, times))} 20 0 1 0 0"})

    stat(10, 1, "mine", 100, 20, 3, 4)
    stat(11, 10, "child) S 99", 50, 5, 0, 0)
    stat(12, 11, "grandchild", 7, 0, 0, 0)
    stat(13, 1, "foreign", 1000, 0, 0, 0)
    assert own_cpu_s(tmp_path, pid=10) == pytest.approx((127 + 55 + 7) / TICKS)
    assert own_cpu_s(tmp_path, pid=99) is None


@given(st.sets(st.integers(0, 300)))
def test_lists_of_cpus(cpus):
    assert parse_cpu_list(",".join(map(str, sorted(cpus)))) == sorted(cpus)


def test_ranges_of_cpus():
    assert parse_cpu_list("0-3,8,10-11") == [0, 1, 2, 3, 8, 10, 11]
    assert parse_cpu_list("") == parse_cpu_list(None) == []


def change(before: Any, after: Any, name: str) -> float:
    """Tell by how much a number of the state grew."""
    return float(after[name] - before[name])


@pytest.mark.skipif(sys.platform != "linux", reason="reads the real /proc")
class TestThisMachine:
    def test_the_fingerprint_stays(self):
        assert CPU().fingerprint() == CPU().fingerprint()

    def test_it_agrees_with_python(self):
        stable = CPU().fingerprint().stable
        assert stable["allowed_threads"] == len(os.sched_getaffinity(0))
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        assert stable["memory_bytes"] == pytest.approx(total, abs=2**28)

    def test_work_of_a_child_is_our_own(self):
        """CPU time of a living and of a dead child, against what the child itself measured."""
        code = (
            "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"
        )
        before = CPU().state()
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        child.stdout.readline()
        living = change(before, CPU().state(), "own_s")
        child.communicate("\n")
        dead = change(before, CPU().state(), "own_s")
        assert 0.28 <= living <= 0.6
        assert living <= dead <= living + 0.3

    def test_other_load_is_seen(self):
        """A process outside our family: its parent has left it behind."""
        loop = "import time\nwhile time.process_time() < 0.8: pass"
        orphan = (
            "import subprocess, sys; "
            f"subprocess.Popen([sys.executable, '-c', {loop!r}], start_new_session=True)"
        )
        before = CPU().state()
        subprocess.run([sys.executable, "-c", orphan], check=True)
        time.sleep(1.5)
        after = CPU().state()
        others_s = change(before, after, "busy_s") - change(before, after, "own_s")
        assert others_s > 0.3
