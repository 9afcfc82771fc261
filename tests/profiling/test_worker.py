"""The order of things within a measurement, in this process and without a network."""

import pytest

from hwbench import spaces
from hwbench.profiling import worker
from hwbench.profiling.devices.replay import ReplayDevice
from hwbench.profiling.jobs import Job
from hwbench.profiling.meters.replay import RecordedPower
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.runtimes import Runnable, Runtime
from hwbench.profiling.stopping import EnergyRule, StopRule
from hwbench.profiling.workloads import Workload

NANO = spaces.get("nano")


class Meter(RecordedPower):
    """Tells whether it is open."""

    def __init__(self, box):
        super().__init__([0.0], [10.0])
        self.box = box
        self.box.opened.append("open")

    def close(self):
        self.box.opened.append("closed")


class Box(ReplayDevice):
    """A device with such a meter."""

    opened: list

    def energy_meter(self):
        return Meter(self)


class Seen(Runnable, Runtime):
    """Notes whether the meter is open whenever it runs."""

    name, device_kinds, precisions = "onnx-cpu", ("cpu",), ("fp32",)

    def __init__(self, box):
        self.box, self.runs = box, []

    def load(self):
        return {}

    def prepare(self, request):
        return self

    def run(self):
        self.runs.append(self.box.opened[-1])


def test_the_meter_is_closed_while_iterations_are_timed(monkeypatch):
    box = Box({"kind": "cpu", "stable": {"model": "x"}})
    box.opened = []
    seen = Seen(box)
    monkeypatch.setattr(worker, "get", lambda name: seen)
    protocol = MeasuringProtocol("test", "nano", "onnx-cpu", "fp32", Workload("prefill", 1, 8), 1)
    rule = StopRule(min_samples=5, max_samples=5, min_s=0.0, warmup_max_s=0.0)
    energy = EnergyRule(windows=1, window_s=0.001, updates=1, idle_s=0.001)
    job = Job("nano", str(NANO.smallest()), protocol, metrics=("energy",), stop=rule, energy=energy)
    row = worker.measure_here(job, box)
    assert (row["status"], row["reason"]) == ("ok", "")
    timed = len(row["latency"]["warmup_s"]) + len(row["latency"]["samples_s"])
    energy = dict(row["energy"])
    windowed = energy["windows"][0]["iterations"]
    assert seen.runs == ["closed"] * timed + ["open"] * windowed
    assert box.opened == ["open", "closed"] * 2
    assert energy["idle"]["power_w"] == pytest.approx(10.0)
