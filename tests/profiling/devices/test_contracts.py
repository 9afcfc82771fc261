import pytest

from hwbench.profiling.devices._nvml import Card
from hwbench.profiling.devices.cpu import CPU
from hwbench.profiling.devices.nvidia import NvidiaGPU
from hwbench.profiling.devices.replay import ReplayDevice
from hwbench.profiling.meters.nvml import NVMLCounter, PowerIntegral
from hwbench.profiling.meters.rapl import RAPLMeter, Zone
from hwbench.profiling.meters.replay import RecordedPower
from hwbench.testing.profiling import DeviceContract, MeterContract
from tests.profiling.devices.made import FakeNVML, linux, write
from tests.profiling.meters.made import HandClock


@pytest.fixture(autouse=True)
def own_lock_folder(tmp_path, monkeypatch):
    """Locks of tests never meet those of real measurements."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


class TestCPU(DeviceContract):
    @pytest.fixture
    def device(self):
        return CPU()


class TestMadeCPU(DeviceContract):
    @pytest.fixture
    def device(self, tmp_path):
        return CPU(linux(tmp_path))


class TestNvidiaGPU(DeviceContract):
    @pytest.fixture
    def device(self):
        return NvidiaGPU(Card(FakeNVML("NVIDIA H100"), 0))


class TestReplay(DeviceContract):
    @pytest.fixture
    def device(self):
        return ReplayDevice({"kind": "gpu", "states": [{"power_w": 1.0}]})


class TestRAPL(MeterContract):
    @pytest.fixture
    def meter(self, tmp_path):
        write(tmp_path, {"energy_uj": "17"})
        return RAPLMeter([Zone("package-0", tmp_path, 1000)])


class TestCounter(MeterContract):
    @pytest.fixture
    def meter(self):
        clock = HandClock()
        return NVMLCounter(lambda: int(clock.now() * 1e4), clock=clock)


class TestIntegral(MeterContract):
    @pytest.fixture
    def meter(self):
        return PowerIntegral(lambda: 10.0)


class TestRecordedPower(MeterContract):
    @pytest.fixture
    def meter(self):
        return RecordedPower([0.0], [10.0])
