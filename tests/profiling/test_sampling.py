"""The measuring loops on kernels and meters whose truth is known."""

import time

import pytest

from hwbench.profiling.meters.clock import Clock
from hwbench.profiling.meters.replay import RecordedPower
from hwbench.profiling.runtimes import Runnable
from hwbench.profiling.samples import summary
from hwbench.profiling.sampling import idle_power, meter_energy, sample_latency, warm_up
from hwbench.profiling.stopping import EnergyRule, StopRule


class FakeTime(Clock):
    """A clock that goes on only when told to."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    def sleep(self, duration_s):
        self.at += duration_s


class Kernel(Runnable):
    """Takes known times of a clock, one after another; events take nine tenths."""

    def __init__(self, clock, times_s, *, events=False):
        self.clock, self.times_s, self.events, self.runs = clock, list(times_s), events, 0

    def run(self):
        self.clock.sleep(self.times_s[min(self.runs, len(self.times_s) - 1)])
        self.runs += 1

    def event_s(self):
        last = self.times_s[min(self.runs, len(self.times_s)) - 1]
        return 0.9 * last if self.events else None


def test_known_times_come_back_one_by_one():
    clock = FakeTime()
    kernel = Kernel(clock, [0.5, 0.4, 0.2, 0.2, 0.2, 0.3, 0.2, 0.2], events=True)
    rule = StopRule(warmup_max_s=0.9, min_s=0.5, min_samples=6, max_s=100.0, tolerance=0.5)
    warmup = warm_up(kernel, rule, timer=clock.now)
    data = sample_latency(kernel, rule, warmup_s=warmup, tokens=8, timer=clock.now)
    assert data["warmup_s"] == pytest.approx([0.5, 0.4])
    assert data["samples_s"] == pytest.approx([0.2, 0.2, 0.2, 0.3, 0.2, 0.2])
    assert data["event_samples_s"][3] == pytest.approx(0.27)
    assert data["stop_reason"] == "converged"


def test_a_sleeping_kernel():
    class Sleeper(Runnable):
        def run(self):
            time.sleep(0.02)

    rule = StopRule(warmup_max_s=0.05, min_s=0.1, max_s=2.0, tolerance=0.05)
    data = sample_latency(Sleeper(), rule, warmup_s=[], tokens=1)
    found = summary(data["samples_s"])
    assert min(data["samples_s"]) >= 0.0199  # nobody wakes early
    assert found.median < 0.04  # the machine of the tests may be busy
    assert data["event_samples_s"] is None


def test_idle_power_is_that_of_the_meter():
    clock = FakeTime()
    meter = RecordedPower([0.0, 100.0], [50.0, 50.0], update_s=0.1, clock=clock)
    idle = idle_power(meter, EnergyRule(idle_s=4.0), clock=clock)
    assert idle["power_w"] == pytest.approx(50.0, rel=0.03)
    assert idle["duration_s"] == pytest.approx(4.0)
    assert idle_power(meter, EnergyRule(idle_s=0.0), clock=clock) is None


def test_energy_of_constant_power_is_power_times_time():
    class Sleeper(Runnable):
        def run(self):
            time.sleep(0.01)

    meter = RecordedPower([0.0], [30.0])
    rule = EnergyRule(windows=2, window_s=0.1, updates=1)
    data = meter_energy(Sleeper(), meter, rule, idle=None)
    assert len(data["windows"]) == 2
    for window in data["windows"]:
        assert window["energy_j"] == pytest.approx(30.0 * window["duration_s"])
        assert window["duration_s"] >= 0.1
        assert 1 <= window["iterations"] <= 10
    assert (data["source"], data["idle"]) == ("replay", None)
