"""What a device and an energy meter must do; inherit, give yours, and pytest finds the tests."""

import json
from abc import ABC, abstractmethod
from itertools import pairwise

import pytest

from hwbench.profiling.devices import Device, DeviceBusyError
from hwbench.profiling.meters import EnergyMeter, Unavailable

__all__ = ["DeviceContract", "MeterContract"]


class DeviceContract(ABC):
    """Tests of one device."""

    @pytest.fixture
    @abstractmethod
    def device(self) -> Device:
        """Make the device."""

    def test_it_says_who_it_is(self, device: Device) -> None:
        """Name, label and kind are there."""
        assert device.name
        assert device.label
        assert device.kind in ("cpu", "gpu")

    def test_the_fingerprint_stays_and_is_json(self, device: Device) -> None:
        """Two calls agree, and the stable part survives JSON."""
        first, second = device.fingerprint(), device.fingerprint()
        assert first.id == second.id
        assert first.id.startswith(f"{device.kind}-")
        assert json.loads(json.dumps(first.stable, allow_nan=False)) == first.stable

    def test_the_state_is_json_and_its_time_grows(self, device: Device) -> None:
        """States survive JSON, say whether the device answers, and stand in order."""
        before, after = device.state(), device.state()
        for state in (before, after):
            assert json.loads(json.dumps(state, allow_nan=False)) == state
            assert isinstance(state["answers"], bool)
        first_s, second_s = before["at_s"], after["at_s"]
        assert isinstance(first_s, float)
        assert isinstance(second_s, float)
        assert first_s <= second_s

    def test_disturbances_bear_states_without_values(self, device: Device) -> None:
        """What could not be read is no reason to fail."""
        empty = dict.fromkeys(device.state())
        for before, after in (({}, {}), (empty, empty), (empty, device.state())):
            assert all(isinstance(line, str) for line in device.disturbed(before, after))

    def test_energy_is_metered_or_the_reason_is_told(self, device: Device) -> None:
        """A device without a meter says why and what helps."""
        meter = device.energy_meter()
        if isinstance(meter, Unavailable):
            assert meter.reason
            assert meter.fix
        else:
            meter.close()

    def test_one_measurement_at_a_time(self, device: Device) -> None:
        """The lock keeps a second measurement out, and is free again afterwards."""
        with device.lock(), pytest.raises(DeviceBusyError), device.lock():
            pass
        with device.lock():
            pass


class MeterContract(ABC):
    """Tests of one energy meter."""

    @pytest.fixture
    @abstractmethod
    def meter(self) -> EnergyMeter:
        """Make the meter."""

    def test_energy_and_time_do_not_fall(self, meter: EnergyMeter) -> None:
        """Readings stand in order."""
        with meter:
            readings = [meter.read() for _ in range(3)]
        for before, after in pairwise(readings):
            assert after.energy_j >= before.energy_j
            assert after.at_s >= before.at_s

    def test_it_says_what_it_reads(self, meter: EnergyMeter) -> None:
        """Source, scope and pace are told."""
        with meter:
            assert meter.source
            assert meter.scope
            assert meter.update_s >= 0
            assert meter.shortest_window_s >= 5.0

    def test_closing_twice_is_harmless(self, meter: EnergyMeter) -> None:
        """A meter may be closed by its context and by hand."""
        meter.close()
        meter.close()
