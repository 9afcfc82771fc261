"""The measuring loops: warm up, time iterations, meter windows. They know nothing of torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from hwbench.profiling.meters.clock import MONOTONIC, Clock
from hwbench.profiling.meters.energy import EnergyMeter
from hwbench.profiling.rows import EnergyData, EnergyWindowData, IdleData, LatencyData
from hwbench.profiling.runtimes.runtime import Runnable
from hwbench.profiling.stopping import EnergyRule, StopRule, decide, warm

__all__ = ["idle_power", "meter_energy", "sample_latency", "warm_up"]

Timer = Callable[[], float]
_TIMER: Final[Timer] = time.perf_counter


def warm_up(runnable: Runnable, rule: StopRule, /, *, timer: Timer = _TIMER) -> list[float]:
    """Run until the iterations no longer get faster; return their seconds."""
    taken: list[float] = []
    while not warm(taken, rule):
        taken.append(_time(runnable, timer))
    return taken


def sample_latency(
    runnable: Runnable,
    rule: StopRule,
    /,
    *,
    warmup_s: list[float],
    tokens: int,
    timer: Timer = _TIMER,
) -> LatencyData:
    """Time iterations until the rule says stop.

    Args:
        runnable: What is timed; it waits for the device itself.
        rule: When to stop.
        warmup_s: Seconds of the warm-up, kept in the data.
        tokens: Tokens of an iteration, kept in the data.
        timer: Monotonic clock, in seconds.
    """
    samples: list[float] = []
    events: list[float] = []
    begin, reason = timer(), None
    while reason is None:
        samples.append(_time(runnable, timer))
        event = runnable.event_s()
        if event is not None:
            events.append(event)
        reason = decide(samples, timer() - begin, rule)
    return LatencyData(
        samples_s=samples,
        warmup_s=warmup_s,
        event_samples_s=events or None,
        stop_reason=reason,
        tokens_per_iteration=tokens,
    )


def idle_power(
    meter: EnergyMeter, rule: EnergyRule, /, *, clock: Clock = MONOTONIC
) -> IdleData | None:
    """Meter the device while nothing runs; None if the rule asks for no such time.

    Raises:
        DeviceLostError: If the meter stops answering.
    """
    if rule.idle_s == 0:
        return None
    start = meter.read()
    clock.sleep(max(rule.idle_s, 2 * meter.update_s))
    window = meter.window(start, meter.read())
    return IdleData(power_w=window.energy_j / window.duration_s, duration_s=window.duration_s)


def meter_energy(
    runnable: Runnable, meter: EnergyMeter, rule: EnergyRule, /, *, idle: IdleData | None
) -> EnergyData:
    """Meter windows of repeated iterations.

    Args:
        runnable: What runs.
        meter: What meters it.
        rule: Number and length of the windows.
        idle: What `idle_power` gave.

    Raises:
        DeviceLostError: If the meter stops answering.
    """
    length_s = rule.length_s(meter.update_s)
    windows = [_window(runnable, meter, length_s) for _ in range(rule.windows)]
    return EnergyData(
        windows=windows,
        idle=idle,
        source=meter.source,
        scope=meter.scope,
        update_s=meter.update_s,
    )


def _window(runnable: Runnable, meter: EnergyMeter, length_s: float) -> EnergyWindowData:
    start, begin, count = meter.read(), _TIMER(), 0
    while _TIMER() - begin < length_s:
        runnable.run()
        count += 1
    window = meter.window(start, meter.read())
    return EnergyWindowData(
        energy_j=window.energy_j, duration_s=window.duration_s, iterations=count
    )


def _time(runnable: Runnable, timer: Timer) -> float:
    begin = timer()
    runnable.run()
    return timer() - begin
