import json
import os
from types import SimpleNamespace

import pytest

from hwbench.errors import HwbenchError, UnknownNameError
from hwbench.profiling.devices import DeviceLostError, nvidia
from hwbench.profiling.devices._nvml import Card, visible
from hwbench.profiling.devices.nvidia import NvidiaGPU
from hwbench.profiling.meters import Unavailable
from tests.profiling.devices.made import FakeNVML
from tests.profiling.meters.made import HandClock

TWO = ("NVIDIA A100", "NVIDIA A100")


def gpu(nvml, **options):
    return NvidiaGPU(Card(nvml, 0), **options)


def find(nvml, **environment):
    return nvidia.find(nvml=nvml, environment=environment)


def uses(pid, used=2**30):
    return SimpleNamespace(pid=pid, usedGpuMemory=used)


def host_pids(tmp_path, *, same):
    """A /proc that shows this process in the first PID namespace, or in another."""
    folder = tmp_path / "self" / "ns"
    folder.mkdir(parents=True)
    (folder / "pid").symlink_to("pid:[4026531836]" if same else "pid:[4026532999]")
    return tmp_path


def test_the_fingerprint():
    stable = gpu(FakeNVML("NVIDIA H100")).fingerprint().stable
    wanted = {
        "model": "NVIDIA H100",
        "vbios": "96.00.1",
        "driver": "580.1",
        "compute_capability": [9, 0],
        "memory_bytes": 80 * 2**30,
        "power_limit_w": 700.0,
        "default_power_limit_w": None,
        "max_sm_clock_hz": 1_980_000_000,
        "ecc": True,
        "mig": False,
    }
    assert {name: stable[name] for name in wanted} == wanted
    assert "aaaa" not in json.dumps(stable)


def test_two_cards_of_one_model_are_two_devices():
    first, second = find(FakeNVML(*TWO))
    assert (first.name, second.name) == ("cuda:0", "cuda:1")
    assert first.fingerprint().differences(second.fingerprint())[0].startswith("uuid_sha256: ")
    assert first.fingerprint().id != second.fingerprint().id


def test_the_state():
    nvml = FakeNVML("NVIDIA H100")
    state = gpu(nvml, clock=HandClock(7.0)).state()
    wanted = {
        "at_s": 7.0,
        "answers": True,
        "sm_clock_hz": 1_755_000_000,
        "temperature_c": 61,
        "power_w": 250.0,
        "power_limit_w": 650.0,
        "reasons": ["application_clocks", "power_cap"],
        "slowed_by": ["power_cap"],
        "slowed_by_power_s": 1.0,
        "slowed_by_heat_s": 2.0,
        "utilisation": 0.5,
        "performance_state": None,
    }
    assert {name: state[name] for name in wanted} == wanted
    json.dumps(state)


def test_a_card_that_disappears():
    nvml = FakeNVML("NVIDIA H100")
    device = gpu(nvml)
    meter, before = device.energy_meter(), device.state()
    nvml.lost = True
    after = device.state()
    assert after["answers"] is False
    assert after["power_w"] is None
    assert device.disturbed(before, after) == ["the device does not answer any more"]
    with pytest.raises(DeviceLostError, match="does not answer"):
        meter.read()
    with pytest.raises(DeviceLostError):
        device.fingerprint()


def test_the_counter_is_the_first_choice():
    nvml, clock = FakeNVML("NVIDIA H100"), HandClock()
    meter = gpu(nvml, clock=clock).energy_meter()
    start = meter.read()
    nvml.energy_mj += 1500
    clock.sleep(3.0)
    assert meter.source == "nvml_counter"
    assert meter.window(start, meter.read()) == (pytest.approx(1.5), 3.0)


@pytest.mark.parametrize(
    ("without", "power_w"),
    [((), 260.0), (("nvmlDeviceGetFieldValues",), 250.0)],
)
def test_a_card_without_a_counter_integrates_power(without, power_w):
    nvml = FakeNVML("Tesla P100", without={"nvmlDeviceGetTotalEnergyConsumption", *without})
    with gpu(nvml).energy_meter() as meter:
        start = meter.read()
        window = meter.window(start, meter.read())
    assert meter.source == "nvml_power_integral"
    assert window.energy_j == pytest.approx(power_w * window.duration_s)


def test_no_sensor_at_all():
    without = {"!nvmlDeviceGetTotalEnergyConsumption", "!nvmlDeviceGetPowerUsage"}
    found = gpu(FakeNVML("NVIDIA GeForce MX150", without=without)).energy_meter()
    assert isinstance(found, Unavailable)
    assert "neither its energy nor its power" in found.reason


def test_a_split_card_has_no_energy_of_its_own():
    nvml = FakeNVML("NVIDIA A100")
    nvml.mig = 1
    found = gpu(nvml).energy_meter()
    assert isinstance(found, Unavailable)
    assert "MIG" in found.reason


def test_processes_of_others(tmp_path):
    nvml = FakeNVML("NVIDIA H100")
    nvml.processes = [uses(os.getpid()), uses(4242)]
    seen = gpu(nvml, proc=host_pids(tmp_path / "host", same=True)).state()
    assert seen["foreign_pids"] == [4242]
    hidden = gpu(nvml, proc=host_pids(tmp_path / "container", same=False)).state()
    assert hidden["foreign_pids"] is None
    assert hidden["pids"] == sorted([os.getpid(), 4242])


def test_memory_of_a_process(tmp_path):
    nvml = FakeNVML("NVIDIA H100")
    on_host = gpu(nvml, proc=host_pids(tmp_path / "host", same=True))
    in_container = gpu(nvml, proc=host_pids(tmp_path / "container", same=False))
    nvml.processes = [uses(5, 100), uses(6, 30), uses(6, 4)]
    assert on_host.process_bytes(6) == 34
    assert on_host.process_bytes(7) is in_container.process_bytes(7) is None
    nvml.processes = [uses(5, 100)]
    assert on_host.process_bytes(7) is None
    assert in_container.process_bytes(7) == 100
    nvml.processes = [uses(5, None)]
    assert on_host.process_bytes(5) is None


@pytest.mark.parametrize(
    ("chosen", "cards"),
    [
        (None, [0, 1]),
        ("1,0", [1, 0]),
        ("1", [1]),
        ("", []),
        ("0,-1,1", [0]),
        ("0,9,1", [0]),
        ("GPU-1aaaa", [1]),
        ("GPU-1aaaa-bbbb,GPU-0", [1, 0]),
        ("GPU-", []),
    ],
)
def test_cards_are_numbered_as_cuda_does(chosen, cards):
    environment = {} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}
    assert [card.handle for card in visible(FakeNVML(*TWO), environment)] == cards


def test_cards_of_several_models_need_an_order():
    mixed = FakeNVML("NVIDIA A100", "Tesla P100")
    found = find(mixed)
    assert isinstance(found, Unavailable)
    assert found.fix == "export CUDA_DEVICE_ORDER=PCI_BUS_ID"
    assert len(find(mixed, CUDA_DEVICE_ORDER="PCI_BUS_ID")) == 2
    assert len(find(mixed, CUDA_VISIBLE_DEVICES="GPU-1")) == 1
    with pytest.raises(HwbenchError, match="several models"):
        visible(mixed, {})


def test_a_mig_instance_is_refused():
    found = find(FakeNVML(*TWO), CUDA_VISIBLE_DEVICES="MIG-123")
    assert isinstance(found, Unavailable)
    assert "MIG instance" in found.reason
    assert "without MIG" in found.fix


def test_no_driver_and_no_card():
    found = find(FakeNVML())
    assert isinstance(found, Unavailable)
    assert "Driver Not Loaded" in found.reason
    assert "nvidia-smi" in found.fix
    found = find(FakeNVML(*TWO), CUDA_VISIBLE_DEVICES="")
    assert isinstance(found, Unavailable)
    assert "shows no card" in found.reason


def test_opened_by_number(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    nvml = FakeNVML(*TWO)
    assert nvidia.open_named("1", nvml=nvml).name == "cuda:1"
    assert nvidia.open_named("", nvml=nvml).name == "cuda:0"
    with pytest.raises(UnknownNameError, match="known: cuda:0, cuda:1"):
        nvidia.open_named("2", nvml=nvml)
    with pytest.raises(HwbenchError, match="no GPU can be used"):
        nvidia.open_named("0", nvml=FakeNVML())


@pytest.mark.gpu
class TestThisCard:
    def test_it_answers(self):
        device = nvidia.open_named("0")
        assert device.fingerprint().id.startswith("gpu-")
        assert device.state()["answers"] is True

    def test_its_energy_grows(self):
        with nvidia.open_named("0").energy_meter() as meter:
            assert 0 < meter.update_s <= 1.0
            assert meter.read().energy_j > 0
