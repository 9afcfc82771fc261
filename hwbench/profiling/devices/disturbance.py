"""Rules that compare the states around a measurement and say what else went on meanwhile.

Pure functions on recorded states, so that old rows can be judged again. A value that is missing on
either side says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    found = []
    passed_s = _change(before, after, "at_s") or 0.0
    cpus = after.get("allowed_cpus")
    capacity_s = passed_s * (len(cpus) if isinstance(cpus, Sequence) else 1)
    busy_s, own_s = _change(before, after, "busy_s"), _change(before, after, "own_s")
    if busy_s is not None and own_s is not None and passed_s >= _SHORTEST_S:
        share = min(1.0, (busy_s - own_s) / capacity_s)
        if share > OTHERS_SHARE:
            found.append(f"other load on the device: {100 * share:.0f} % CPU by others")
    stolen_s = _change(before, after, "steal_s")
    if stolen_s is not None and passed_s >= _SHORTEST_S and stolen_s > STOLEN_SHARE * capacity_s:
        share = stolen_s / capacity_s
        found.append(f"the hypervisor took {100 * share:.0f} % of the CPU time away")
    held_s = _change(before, after, "quota_throttled_s")
    if held_s is not None and held_s > THROTTLED_SHARE * max(passed_s, _SHORTEST_S):
        found.append(f"throttled: the CPU quota held the work back for {held_s:.2g} s")
    heat = _change(before, after, "heat_throttles")
    if heat:
        found.append(f"throttled: the CPU slowed down from heat {heat:.0f} times")
    return found


def gpu_disturbances(before: Mapping[str, Json], after: Mapping[str, Json], /) -> list[str]:
    """Judge the states of a GPU.

    Warns of processes of others on the card, of throttling by heat or power, of a change of its
    power limit, and of corrected memory errors.

    Args:
        before: State before the measurement.
        after: State after it.

    Returns:
        One line a finding.
    """
    if _gone(before, after):
        return [_GONE]
    found = []
    foreign = sorted({*_list(before, "foreign_pids"), *_list(after, "foreign_pids")}, key=str)
    if foreign:
        pids = ", ".join(map(str, foreign))
        found.append(f"other load on the device: processes {pids} use it")
    elif max(len(_list(before, "pids")), len(_list(after, "pids"))) > 1 and (
        after.get("foreign_pids") is None
    ):
        found.append(
            "several processes use the device; in this container they cannot be told apart"
        )
    reasons = sorted({*_list(before, "slowed_by"), *_list(after, "slowed_by")}, key=str)
    if reasons:
        found.append(f"throttled: {', '.join(map(str, reasons))}")
    if before.get("power_limit_w") != after.get("power_limit_w"):
        found.append(
            f"the power limit changed from {before.get('power_limit_w')} to "
            f"{after.get('power_limit_w')} W"
        )
    return found


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
