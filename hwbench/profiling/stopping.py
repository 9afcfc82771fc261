"""When warm-up is over and when enough samples are taken: pure functions of the samples so far.

The rule follows NVIDIA's nvbench (criterion "stdrel": a floor of samples and time, a tolerance, a
second way out once the noise itself no longer changes, a time-out) with one change: what has to be
known well is the median, by its distribution-free interval, not the mean by its deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.errors import SchemaError
from hwbench.profiling.meters.energy import SHORTEST_WINDOW_S, UPDATES_A_WINDOW
from hwbench.profiling.samples import relative_error, summary

__all__ = ["STOP_REASONS", "EnergyRule", "StopReason", "StopRule", "decide", "summary", "warm"]

StopReason = Literal["converged", "noise_stable", "max_samples", "time_out"]
STOP_REASONS: Final[tuple[StopReason, ...]] = get_args(StopReason)
"""Why sampling ended: the median is known well enough; the noise is stable, more samples would only
narrow the interval; enough; no time left."""

_CHECK_EVERY: Final = 16  # noise is looked at this often, as in nvbench


@dataclass(frozen=True, slots=True)
class StopRule:
    """When enough samples are taken.

    The defaults suit passes of a second on a shared CPU as well as passes of a millisecond on a
    GPU: the former end by `max_s` or after 5 samples, the latter by the tolerance.

    Attributes:
        tolerance: Half the width of the median's interval over the median, to be reached.
        confidence: Of that interval; 0.9 needs 5 samples, 0.95 needs 6.
        min_samples: Floor of samples, kept by every reason but the time-out.
        min_s: Floor of time measured, in seconds.
        max_samples: At most so many.
        max_s: Time-out of the sampling, in seconds; 3 samples are taken in any case.
        noise_window: How many of the last values of the noise have to agree.
        noise_tolerance: How well: their standard deviation over their mean.
        warmup_min: At least so many iterations before.
        warmup_max_s: Warm-up ends after this time, steady or not, once `warmup_min` are done.
        warmup_tolerance: Warm-up ends earlier once the last three iterations are less than this
            faster than the three before.

    Raises:
        SchemaError: If a number makes no sense.
    """

    tolerance: float = 0.01
    confidence: float = 0.9
    min_samples: int = 5
    min_s: float = 0.5
    max_samples: int = 5_000
    max_s: float = 10.0
    noise_window: int = 64
    noise_tolerance: float = 0.05
    warmup_min: int = 1
    warmup_max_s: float = 2.0
    warmup_tolerance: float = 0.02

    def __post_init__(self) -> None:
        _check("tolerance", self.tolerance, self.tolerance > 0)
        _check("confidence", self.confidence, 0 < self.confidence < 1)
        _check("min_samples", self.min_samples, self.min_samples >= 1)
        _check("max_samples", self.max_samples, self.max_samples >= self.min_samples)
        _check("max_s", self.max_s, self.max_s >= self.min_s >= 0)
        _check("noise_window", self.noise_window, self.noise_window >= 2)
        _check("warmup_min", self.warmup_min, self.warmup_min >= 0)
        _check("warmup_max_s", self.warmup_max_s, self.warmup_max_s >= 0)


@dataclass(frozen=True, slots=True)
class EnergyRule:
    """How energy is metered: windows of repeated iterations, and idling.

    Meters step: a window must be long against their step, so it lasts for `window_s` and until the
    meter can have updated `updates` times.

    Attributes:
        windows: How many.
        window_s: Shortest window, in seconds.
        updates: Fewest updates of the meter in a window.
        idle_s: Time of the idle measurement before, in seconds; 0 for none.

    Raises:
        SchemaError: If a number makes no sense.
    """

    windows: int = 3
    window_s: float = SHORTEST_WINDOW_S
    updates: int = UPDATES_A_WINDOW
    idle_s: float = 5.0

    def __post_init__(self) -> None:
        _check("windows", self.windows, self.windows >= 1)
        _check("window_s", self.window_s, self.window_s > 0)
        _check("updates", self.updates, self.updates >= 1)
        _check("idle_s", self.idle_s, self.idle_s >= 0)

    def length_s(self, update_s: float, /) -> float:
        """Return how long a window of a meter has to be that updates every `update_s` seconds."""
        return max(self.window_s, self.updates * update_s)


def warm(samples: Sequence[float], rule: StopRule, /) -> bool:
    """Tell whether warm-up is over, from the seconds of its iterations so far.

    It is when the iterations no longer get faster, or the time for it is used up.
    """
    if len(samples) < rule.warmup_min:
        return False
    if sum(samples) >= rule.warmup_max_s:
        return True
    if len(samples) < 6:
        return False
    before, last = np.median(samples[-6:-3]), np.median(samples[-3:])
    return bool(last >= (1 - rule.warmup_tolerance) * before)


def decide(
    samples: Sequence[float] | FloatArray, elapsed_s: float, rule: StopRule, /
) -> StopReason | None:
    """Return why to stop after these samples, or None to go on.

    Args:
        samples: Seconds of the iterations so far.
        elapsed_s: Wall time since the first of them began.
        rule: When enough is enough.
    """
    n = len(samples)
    if n == 0:
        return None
    if n >= rule.min_samples and elapsed_s >= rule.min_s:
        if _worth_a_look(n) and _converged(samples, rule):
            return "converged"
        if n % _CHECK_EVERY == 0 and _noise_is_stable(np.asarray(samples, dtype=float), rule):
            return "noise_stable"
    if n >= rule.max_samples:
        return "max_samples"
    if elapsed_s >= rule.max_s and n >= min(3, rule.min_samples):
        return "time_out"
    return None


def _converged(samples: Sequence[float] | FloatArray, rule: StopRule) -> bool:
    return relative_error(samples, confidence=rule.confidence) <= rule.tolerance


def _worth_a_look(n: int) -> bool:
    # Looking after each sample would find a lucky moment, and cost more than a short sample.
    return n < _CHECK_EVERY or n % _CHECK_EVERY == 0


def _noise_is_stable(samples: FloatArray, rule: StopRule) -> bool:
    n = len(samples)
    if n < rule.noise_window + 1:
        return False
    counts = np.arange(1, n + 1)
    centred = samples - samples[0]  # keeps the difference of squares exact enough
    mean = np.cumsum(centred) / counts
    variance = np.maximum(np.cumsum(centred**2) / counts - mean**2, 0.0)
    noise = (np.sqrt(variance) / (mean + samples[0]))[-rule.noise_window :]
    middle = float(noise.mean())
    return middle > 0 and float(noise.std()) / middle < rule.noise_tolerance


def _check(name: str, value: float, good: bool) -> None:
    if not good:
        raise SchemaError(f"{name} = {value} makes no sense in a rule of measuring")
