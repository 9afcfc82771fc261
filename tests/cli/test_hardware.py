import pytest

from hwbench.cli import _hardware
from hwbench.profiling.devices import Surveyed
from hwbench.profiling.devices._nvml import Card
from hwbench.profiling.devices.nvidia import NvidiaGPU
from hwbench.profiling.devices.replay import ReplayDevice
from hwbench.profiling.meters import Unavailable
from tests.profiling.devices.made import FakeNVML

CARD = ReplayDevice(
    {"kind": "gpu", "label": "a card", "energy": {"readings": [[0.0, 1.0]]}}, name="cuda:0"
)
CPU = ReplayDevice(
    {"kind": "cpu", "label": "a cpu", "energy": {"reason": "only root", "fix": "sudo chmod a+r x"}},
    name="cpu",
)


@pytest.fixture
def here(monkeypatch):
    """A machine with a CPU without energy and a card with it, and no third kind."""
    found = [
        Surveyed("cpu", (CPU,), None),
        Surveyed("cuda", (CARD,), None),
        Surveyed("other", (), Unavailable("no driver", "install one")),
    ]
    monkeypatch.setattr(_hardware, "survey", lambda: found)


def test_devices_and_what_is_missing(hwbench, here):
    report = hwbench("doctor", "--json").json
    assert [device["name"] for device in report["devices"]] == ["cpu", "cuda:0"]
    cpu, card = report["devices"]
    assert (card["energy"], card["no_energy"]) == ("replay", None)
    assert card["id"] == CARD.fingerprint().id
    assert cpu["energy"] is None
    assert cpu["no_energy"] == {"reason": "only root", "fix": "sudo chmod a+r x"}
    assert report["missing_devices"] == {"other": {"reason": "no driver", "fix": "install one"}}


def test_the_table_prints_the_fix(hwbench, here):
    lines = hwbench("doctor").lines
    at = lines.index("not here: cpu: energy")
    assert lines[at + 1 : at + 3] == ["  why: only root", "  fix: sudo chmod a+r x"]
    at = lines.index("not here: other")
    assert lines[at + 1 : at + 3] == ["  why: no driver", "  fix: install one"]
    assert any(line.startswith("cuda:0  a card") for line in lines)


def test_a_card_lost_meanwhile_does_not_end_the_report():
    nvml = FakeNVML("NVIDIA H100")
    card = NvidiaGPU(Card(nvml, 0))
    nvml.lost = True
    here = _hardware.hardware([Surveyed("cpu", (CPU,), None), Surveyed("cuda", (card,), None)])
    assert [device.name for device in here.found] == ["cpu"]
    assert "does not answer" in here.missing["cuda:0"].reason


def test_this_machine(hwbench):
    report = hwbench("doctor", "--json").json
    assert report["devices"][0]["name"] == "cpu"
    assert report["devices"][0]["fingerprint"]["machine"] == report["machine"]
