import builtins
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import DataError
from hwbench.profiling.meters import Unavailable
from hwbench.profiling.meters.energy import DeviceLostError
from hwbench.profiling.meters.rapl import RAPLMeter, Zone, open_rapl, zones
from tests.profiling.devices.made import write
from tests.profiling.meters.made import HandClock

RANGE_UJ = 262_143_328_850


@pytest.fixture
def powercap(tmp_path):
    """A server with two sockets, as Linux shows it."""
    folder = tmp_path / "powercap"
    names = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:0:2": "dram",
        "intel-rapl:1": "package-1",
        "intel-rapl:1:0": "dram",
        "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    for zone, name in names.items():
        write(
            folder,
            {
                f"{zone}/name": name,
                f"{zone}/energy_uj": "1000000",
                f"{zone}/max_energy_range_uj": RANGE_UJ,
            },
        )
    write(folder, {"intel-rapl/enabled": "1"})
    return folder


def set_uj(powercap, zone, energy_uj):
    (powercap / zone / "energy_uj").write_text(f"{energy_uj}\n")


def test_what_would_count_twice_is_left_out(powercap):
    assert [zone.name for zone in zones(powercap)] == ["package-0", "dram", "package-1", "dram"]


def test_packages_and_memory_are_added(powercap):
    clock = HandClock()
    with open_rapl(powercap, clock=clock) as meter:
        start = meter.read()
        for zone, moved_j in {"0": 40, "0:0": 30, "0:2": 5, "1": 20, "1:0": 2, "2": 90}.items():
            set_uj(powercap, f"intel-rapl:{zone}", 1_000_000 + moved_j * 1_000_000)
        clock.sleep(2.0)
        assert meter.window(start, meter.read()) == (pytest.approx(67.0), 2.0)
        assert meter.source == "rapl"
        assert meter.scope == "package-0, dram, package-1, dram"


def test_a_counter_wraps(tmp_path):
    write(tmp_path, {"energy_uj": RANGE_UJ - 500_000})
    with RAPLMeter([Zone("package-0", tmp_path, RANGE_UJ)], clock=HandClock()) as meter:
        start = meter.read()
        (tmp_path / "energy_uj").write_text("1500000")
        assert meter.read().energy_j - start.energy_j == pytest.approx(2.0)


@given(st.lists(st.integers(0, 999), max_size=40), st.integers(0, 999))
def test_moves_below_the_range_are_never_lost(moves, begin):
    """A counter taken modulo its range against the plain sum."""
    counter = {"uj": begin}

    class Wrapping(Zone):
        def read_uj(self):
            return counter["uj"]

    with RAPLMeter([Wrapping("package-0", Path(), 1000)], guard_s=60.0) as meter:
        start = meter.read()
        for move in moves:
            counter["uj"] = (counter["uj"] + move) % 1000
            meter.read()
        assert meter.read().energy_j - start.energy_j == pytest.approx(sum(moves) * 1e-6)


def test_the_guard_sees_each_wrap(tmp_path):
    """Without a guard, two wraps between two readings would be lost."""
    counter = {"uj": 0}

    class Running(Zone):
        def read_uj(self):
            counter["uj"] += 400
            return counter["uj"] % 1000

    with RAPLMeter([Running("package-0", tmp_path, 1000)], guard_s=0.001) as meter:
        start_j, before = meter.read().energy_j, counter["uj"]
        while counter["uj"] < before + 5000:
            pass
        end_j = meter.read().energy_j
        assert end_j - start_j == pytest.approx((counter["uj"] - before) * 1e-6, abs=401e-6)


def test_the_guard_is_faster_than_any_socket_wraps(tmp_path):
    write(tmp_path, {"energy_uj": "0"})
    with RAPLMeter([Zone("dram", tmp_path, 65_532_610_987)]) as meter:
        assert meter.guard_s == pytest.approx(65_532.610987 / 2000 / 2)
    with RAPLMeter([Zone("package-0", tmp_path, RANGE_UJ)]) as meter:
        assert meter.guard_s == 60.0


def test_a_counter_beyond_its_range_is_refused(tmp_path):
    write(tmp_path, {"energy_uj": "5000"})
    with RAPLMeter([Zone("package-0", tmp_path, 1000)], clock=HandClock()) as meter:
        (tmp_path / "energy_uj").write_text("10")
        with pytest.raises(DataError, match="fell from 5000 to 10"):
            meter.read()


def test_a_counter_that_disappears(powercap):
    with open_rapl(powercap) as meter:
        (powercap / "intel-rapl:0" / "energy_uj").unlink()
        with pytest.raises(DeviceLostError, match="intel-rapl:0"):
            meter.read()


def test_no_rapl_at_all(tmp_path):
    found = open_rapl(tmp_path / "nothing")
    assert isinstance(found, Unavailable)
    assert "virtual machine" in found.reason
    assert "bare-metal" in found.fix


def test_rapl_hidden_by_a_container(tmp_path):
    (tmp_path / "intel-rapl:0").symlink_to(tmp_path / "masked")
    found = open_rapl(tmp_path)
    assert isinstance(found, Unavailable)
    assert "hidden" in found.reason
    assert "systempaths=unconfined" in found.fix


def test_rapl_for_root_only(powercap, monkeypatch):
    real = Path.read_text

    def guarded(self, *args, **kwargs):
        if self.name == "energy_uj":
            raise builtins.PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", guarded)
    found = open_rapl(powercap)
    assert isinstance(found, Unavailable)
    assert "only root" in found.reason
    assert "chmod a+r" in found.fix
    assert "udev" in found.fix
