"""How far a campaign is: what is done, what is left, and how long that will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hwbench.data.journal import Entry
from hwbench.profiling.plan import Slot

__all__ = ["MOST_ATTEMPTS", "Standing", "standing"]

MOST_ATTEMPTS: Final = 2
"""How often a measurement is tried that crashed or failed for a reason of its own."""

_FINAL: Final = ("out_of_memory", "timeout")
"""Failures that would come again: later passes leave the architecture out."""


@dataclass(frozen=True)
class Standing:
    """Where a campaign stands.

    Attributes:
        slots: All places of its order.
        todo: Those still to be measured, in order.
        done: Places with a good measurement.
        failed: How the others ended: status -> places.
        spent_s: Time that the measurements took.
        left_s: Time that the rest will take, by what the same architectures took, or the mean of
            all; None as long as nothing was measured.
    """

    slots: tuple[Slot, ...]
    todo: tuple[Slot, ...]
    done: int
    failed: Mapping[str, int]
    spent_s: float
    left_s: float | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be measured."""
        return not self.todo


def standing(
    slots: Sequence[Slot], found: Iterable[Entry], device_id: str, /, *, retry: bool = False
) -> Standing:
    """Compare an order with what was measured on a device.

    Args:
        slots: The order.
        found: Measurements.
        device_id: Which device.
        retry: Whether to try everything again that failed, however often it did.
    """
    tries: dict[str, list[Entry]] = {}
    for entry in found:
        tries.setdefault(entry.key, []).append(entry)
    known = {slot: tries.get(slot.key(device_id), []) for slot in slots}
    hopeless = set() if retry else {_pair(s) for s, e in known.items() if _ended(e) in _FINAL}
    todo = tuple(s for s, e in known.items() if _open(e, retry) and _pair(s) not in hopeless)
    waiting = set(todo)
    ends = Counter(_ended(made) or "skipped" for s, made in known.items() if s not in waiting)
    return Standing(
        slots=tuple(slots),
        todo=todo,
        done=ends.pop("ok", 0),
        failed=dict(ends),
        spent_s=sum(e.row["seconds"] for made in known.values() for e in made),
        left_s=_left(known, todo),
    )


def _pair(slot: Slot) -> tuple[str, str]:
    return slot.architecture, slot.protocol.label


def _ended(made: Sequence[Entry]) -> str | None:
    """Tell how a place ended: "ok" if any of its measurements did well, else as the last one."""
    if any(entry.ok for entry in made):
        return "ok"
    return str(made[-1].row["status"]) if made else None


def _open(made: Sequence[Entry], retry: bool) -> bool:
    end = _ended(made)
    if end is None or end == "ok":
        return end is None
    return retry or (end not in _FINAL and len(made) < MOST_ATTEMPTS)


def _left(known: Mapping[Slot, Sequence[Entry]], todo: Sequence[Slot]) -> float | None:
    took: dict[tuple[str, str], list[float]] = {}
    for slot, made in known.items():
        for entry in made:
            took.setdefault(_pair(slot), []).append(float(entry.row["seconds"]))
    everything = [seconds for group in took.values() for seconds in group]
    if not everything:
        return None if todo else 0.0
    mean = sum(everything) / len(everything)
    means = {pair: sum(group) / len(group) for pair, group in took.items()}
    return sum(means.get(_pair(slot), mean) for slot in todo)
