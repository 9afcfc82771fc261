import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import DataError
from hwbench.profiling.meters import EnergyMeter, EnergyReading
from hwbench.profiling.meters.energy import DeviceLostError, observed_update_s
from hwbench.profiling.meters.nvml import NVMLCounter, PowerIntegral
from hwbench.profiling.meters.replay import RecordedPower, RecordedReadings
from tests.profiling.meters.made import HandClock


def test_a_window_is_the_difference():
    window = EnergyMeter.window(EnergyReading(10.0, 1.0), EnergyReading(25.0, 6.0))
    assert window == (15.0, 5.0)
    assert window.energy_j / window.duration_s == 3.0


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        (EnergyReading(25.0, 1.0), "must end after it starts"),
        (EnergyReading(25.0, 0.5), "must end after it starts"),
        (EnergyReading(9.0, 6.0), "fell by 1.0 J"),
        (EnergyReading(float("nan"), 6.0), "fell by"),
    ],
)
def test_a_window_that_cannot_be(end, problem):
    with pytest.raises(DataError, match=problem):
        EnergyMeter.window(EnergyReading(10.0, 1.0), end)


def test_durations_are_not_taken_from_the_wall_clock(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: pytest.fail("the wall clock jumps"))
    with PowerIntegral(lambda: 10.0, period_s=0.001) as meter:
        start = meter.read()
        time.sleep(0.02)
        window = meter.window(start, meter.read())
    assert window.energy_j == pytest.approx(10.0 * window.duration_s)
    assert window.duration_s >= 0.02


def stepping(clock, *, step_s, power_w=100.0):
    """A counter that moves each `step_s`, as NVML's does each 100 ms."""
    begin_s = clock.now()
    return lambda: int((clock.now() - begin_s + 1e-9) // step_s * step_s * power_w * 1e3)


@pytest.mark.parametrize("step_s", [0.01, 0.1])
def test_the_pace_of_a_counter_is_seen(step_s):
    clock = HandClock()
    meter = NVMLCounter(stepping(clock, step_s=step_s), clock=clock)
    assert meter.update_s == pytest.approx(step_s, abs=1e-3)
    assert meter.shortest_window_s == max(5.0, 50 * meter.update_s)


def test_a_counter_that_stands_still_is_the_worst_case():
    clock = HandClock()
    meter = NVMLCounter(lambda: 7, clock=clock)
    assert observed_update_s(meter, limit_s=0.5, clock=clock) == 0.5


def test_a_window_of_fifty_steps_is_right_to_two_percent():
    clock = HandClock()
    meter = NVMLCounter(stepping(clock, step_s=0.1), clock=clock)
    clock.sleep(0.037)
    start = meter.read()
    clock.sleep(meter.shortest_window_s)
    window = meter.window(start, meter.read())
    assert window.energy_j / window.duration_s == pytest.approx(100.0, rel=0.02)


@given(st.lists(st.tuples(st.floats(0.01, 2.0), st.floats(0.0, 500.0)), min_size=2, max_size=30))
def test_the_trapezoid_rule_is_exact_on_straight_lines(parts):
    """The integral of a course of straight lines, read at its corners, in closed form."""
    clock = HandClock()
    power = {"w": parts[0][1]}
    meter = PowerIntegral(lambda: power["w"], period_s=None, clock=clock)
    expected, last = 0.0, parts[0][1]
    for pause_s, next_w in parts[1:]:
        clock.sleep(pause_s)
        power["w"] = next_w
        meter.read()
        expected += pause_s * (last + next_w) / 2
        last = next_w
    assert meter.read().energy_j == pytest.approx(expected)


def test_power_is_read_in_the_background():
    begin_s = time.monotonic()
    with PowerIntegral(lambda: 100.0 * (time.monotonic() - begin_s), period_s=0.002) as meter:
        start = meter.read()
        time.sleep(0.2)
        end = meter.read()
    window = meter.window(start, end)
    a_s, b_s = start.at_s - begin_s, end.at_s - begin_s
    assert window.energy_j == pytest.approx(50.0 * (b_s**2 - a_s**2), rel=0.01)


def test_a_card_lost_in_the_background_is_told_at_the_next_reading():
    def read_w():
        if time.monotonic() - begin_s > 0.02:
            raise DeviceLostError("the card does not answer")
        return 5.0

    begin_s = time.monotonic()
    with PowerIntegral(read_w, period_s=0.002) as meter:
        time.sleep(0.1)
        with pytest.raises(DeviceLostError, match="does not answer"):
            meter.read()


def test_recorded_readings_come_back_and_end():
    readings = [EnergyReading(0.0, 5.0), EnergyReading(3.0, 6.0)]
    meter = RecordedReadings(readings)
    assert [meter.read(), meter.read()] == readings
    assert meter.source == "replay"
    with pytest.raises(DeviceLostError, match="after 2 readings"):
        meter.read()


def test_recorded_power_has_a_known_integral():
    clock = HandClock()
    meter = RecordedPower([0.0, 2.0, 4.0], [50.0, 50.0, 150.0], clock=clock)
    start = meter.read()
    expected = {1.0: 50.0, 2.0: 100.0, 3.0: 100.0 + 75.0, 4.0: 300.0, 6.0: 600.0}
    for at_s, energy_j in expected.items():
        clock.now_s = 100.0 + at_s
        assert meter.read().energy_j - start.energy_j == pytest.approx(energy_j)


def test_recorded_power_can_be_lost_and_move_in_steps():
    clock = HandClock()
    meter = RecordedPower([0.0], [10.0], lost_after_s=2.0, update_s=0.5, clock=clock)
    clock.sleep(0.9)
    assert meter.read().energy_j == pytest.approx(5.0)
    clock.sleep(1.1)
    with pytest.raises(DeviceLostError, match="gone after"):
        meter.read()


@pytest.mark.parametrize(
    "course", [([0, 1], [5]), ([], []), ([1], [5]), ([0, 0], [5, 5]), ([0], [-1]), ([0], ["nan"])]
)
def test_a_course_of_power_must_make_sense(course):
    with pytest.raises(DataError):
        RecordedPower(*course)


def test_readings_must_be_in_order():
    with pytest.raises(DataError, match="order"):
        RecordedReadings([EnergyReading(0, 1), EnergyReading(1, 1)])
    with pytest.raises(DataError, match="needs one reading"):
        RecordedReadings([])
