import subprocess
import sys

import pytest

from hwbench.errors import HwbenchError
from hwbench.profiling.meters import memory
from tests.profiling.devices.made import linux

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEBIBYTE = 2**20


def in_a_fresh_process(code):
    text = f"from hwbench.profiling.meters import memory\n{code}"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_an_allocation_of_known_size_is_seen_after_it_is_gone():
    before, after, now = in_a_fresh_process(
        "a = memory.vm_hwm_bytes(); x = bytearray(b'1') * (200 << 20); del x\n"
        "print(a, memory.vm_hwm_bytes(), memory.vm_rss_bytes())"
    )
    assert after - before == pytest.approx(200 * MEBIBYTE, rel=0.05)
    assert now < after - 150 * MEBIBYTE


def test_the_peak_of_the_parent_is_not_inherited():
    """What rules out getrusage: its maximum goes through fork and exec."""
    child = (
        "import subprocess, sys; x = b'1' * (300 << 20)\n"
        "done = subprocess.run([sys.executable, '-c', {!r}], capture_output=True, text=True)\n"
        "print(done.stdout)"
    )
    inner = "from hwbench.profiling.meters import memory; print(memory.vm_hwm_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", child.format(inner)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 * MEBIBYTE


def test_the_peak_can_be_reset():
    did, high, low = in_a_fresh_process(
        "x = bytearray(b'1') * (100 << 20); del x; h = memory.vm_hwm_bytes()\n"
        "print(int(memory.reset_peak_resident()), h, memory.vm_hwm_bytes())"
    )
    if not did:
        pytest.skip("this container forbids clear_refs")
    assert low < high - 50 * MEBIBYTE


def test_kibibytes_of_the_kernel_become_bytes(tmp_path):
    proc = linux(tmp_path).proc
    assert memory.vm_hwm_bytes(proc) == 2048 * 1024
    assert memory.vm_rss_bytes(proc) == 1024 * 1024
    assert memory.peak_resident(proc) == memory.PeakMemory(2048 * 1024, "vm_hwm")


def test_a_process_that_is_gone(tmp_path):
    assert memory.vm_hwm_bytes(tmp_path) is None
    assert memory.vm_rss_bytes(pid=2**22 + 1) is None
    assert memory.peak_resident(tmp_path) == memory.PeakMemory(None, "none")
    assert memory.reset_peak_resident(tmp_path) is False


def test_no_gpu_for_torch():
    with pytest.raises(HwbenchError, match="torch sees no GPU 'cuda:99'"):
        memory.torch_peak("cuda:99")
    with pytest.raises(HwbenchError, match="torch sees no GPU"):
        memory.reset_torch_peak("cuda:99")


def test_other_systems_have_their_own_ways(tmp_path, monkeypatch):
    """The maximum of getrusage, which macOS counts in bytes; nothing on an unknown system."""
    usage = type("Usage", (), {"ru_maxrss": 123_456_789})()
    resource = type("Module", (), {"RUSAGE_SELF": 0, "getrusage": lambda who: usage})
    monkeypatch.setattr(memory, "require", lambda module, extra: resource)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.peak_resident(tmp_path) == memory.PeakMemory(123_456_789, "ru_maxrss")
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert memory.peak_resident(tmp_path) == memory.PeakMemory(None, "none")


class FakeCUDA:
    """One GPU with known peaks."""

    emptied = False

    def is_available(self):
        return True

    def device_count(self):
        return 1

    def max_memory_allocated(self, device):
        return 100

    def max_memory_reserved(self, device):
        return 200

    def empty_cache(self):
        self.emptied = True

    def reset_peak_memory_stats(self, device):
        assert self.emptied


def test_peaks_of_torch(monkeypatch):
    torch = type("Torch", (), {"cuda": FakeCUDA()})
    monkeypatch.setattr(memory, "require", lambda module, extra: torch)
    memory.reset_torch_peak("cuda:0")
    assert memory.torch_peak("cuda:0") == memory.TorchPeak(100, 200)
    for missing in ("cuda:1", "cpu:x", "cuda:-1"):
        with pytest.raises(HwbenchError, match="torch sees no GPU"):
            memory.torch_peak(missing)
