"""Rules that compare the states around a measurement and say what else went on meanwhile.

Pure functions on recorded states, so that old rows can be judged again. A value that is missing on
either side says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hwbench.profiling._types import Json

__all__ = ["cpu_disturbances", "gpu_disturbances"]

OTHERS_SHARE: Final = 0.05
STOLEN_SHARE: Final = 0.01
THROTTLED_SHARE: Final = 0.01

# Kernels count CPU time in ticks of 10 ms; shares over shorter times are noise.
_SHORTEST_S: Final = 0.2

_GONE: Final = "the device does not answer any more"


def cpu_disturbances(before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
    """Judge the states of a CPU.

    Warns if other processes used over 5 % of the CPUs this one may run on, if the hypervisor took
    over 1 % of their time away, if the CPU quota held the work back for over 1 % of the time, and
    if the CPU slowed down from heat.

    Args:
        before: State before the measurement.
        after: State after it.

    Returns:
        One line a finding.
    """
    if _gone(before, after):
        return [_GONE]
    return [*_cpu_load(before, after), *_cpu_throttling(before, after)]


def gpu_disturbances(before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
    """Judge the states of a GPU.

    Warns of processes of others on the card, of throttling by heat or power (seen at either end, or
    counted for over 1 % of the time between), and of a change of its power limit.

    Args:
        before: State before the measurement.
        after: State after it.

    Returns:
        One line a finding.
    """
    if _gone(before, after):
        return [_GONE]
    found = [*_gpu_processes(before, after), *_gpu_throttling(before, after)]
    old, new = before.get("power_limit_w"), after.get("power_limit_w")
    if old is not None and new is not None and old != new:
        found.append(f"the power limit changed from {old} to {new} W")
    return found


def _cpu_load(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    passed_s = _change(before, after, "at_s")
    if passed_s is None or passed_s < _SHORTEST_S:
        return
    capacity_s = passed_s * max(1, len(_list(after, "allowed_cpus")))
    busy_s, own_s = _change(before, after, "busy_s"), _change(before, after, "own_s")
    if busy_s is not None and own_s is not None:
        share = min(1.0, (busy_s - own_s) / capacity_s)
        if share > OTHERS_SHARE:
            yield f"other load on the device: {100 * share:.0f} % CPU by others"
    stolen = (_change(before, after, "steal_s") or 0.0) / capacity_s
    if stolen > STOLEN_SHARE:
        yield f"other load on the device: the hypervisor took {100 * stolen:.0f} % of the CPU away"


def _cpu_throttling(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    passed_s = _change(before, after, "at_s") or 0.0
    held_s = _change(before, after, "quota_throttled_s") or 0.0
    if held_s > THROTTLED_SHARE * max(passed_s, _SHORTEST_S):
        yield f"throttled: the CPU quota held threads back for {held_s:.2g} s"
    heat = _change(before, after, "heat_throttles") or 0.0
    if heat > 0:
        yield f"throttled: the CPU slowed down from heat {heat:.0f} times"


def _gpu_processes(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    foreign = {*_list(before, "foreign_pids"), *_list(after, "foreign_pids")}
    if foreign:
        pids = ", ".join(sorted(map(str, foreign)))
        yield f"other load on the device: used by processes {pids}"
    most = max(len(_list(before, "pids")), len(_list(after, "pids")))
    if most > 1 and after.get("foreign_pids") is None:
        yield f"{most} processes use the device; in this container they cannot be told apart"


def _gpu_throttling(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    reasons = {*_list(before, "slowed_by"), *_list(after, "slowed_by")}
    if reasons:
        yield f"throttled: {', '.join(sorted(map(str, reasons)))}"
    passed_s = _change(before, after, "at_s") or 0.0
    for name, cause in (("slowed_by_power_s", "its power limit"), ("slowed_by_heat_s", "heat")):
        slowed_s = _change(before, after, name) or 0.0
        # Some drivers count in other units: what is longer than the measurement says nothing.
        if THROTTLED_SHARE * passed_s < slowed_s <= passed_s:
            yield f"throttled: by {cause} for {100 * slowed_s / passed_s:.0f} % of the time"


def _gone(before: Mapping[str, Json], after: Mapping[str, Json]) -> bool:
    return before.get("answers") is False or after.get("answers") is False


def _change(before: Mapping[str, Json], after: Mapping[str, Json], name: str) -> float | None:
    first, last = before.get(name), after.get(name)
    if isinstance(first, (int, float)) and isinstance(last, (int, float)):
        return float(last) - float(first)
    return None


def _list(state: Mapping[str, Json], name: str) -> Sequence[Json]:
    value = state.get(name)
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
