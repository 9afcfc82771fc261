"""Which metrics of which devices a query is about, and under which keys they are answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hwbench import metrics as registry
from hwbench.benchmark.bundle import Bundle, Cell, find_device
from hwbench.benchmark.engine import Plan
from hwbench.errors import UnknownNameError
from hwbench.surrogates.uncertainty import Visit

__all__ = ["Planner", "available", "keys"]

_MOST_PLANS: Final = 256


@dataclass(frozen=True, eq=False)
class Planner:
    """Turns the words of queries into plans, and keeps them for the next query with these words.

    Attributes:
        bundle: What the queries are about.
        cells: Its cells, in the order that gives their numbers.
    """

    bundle: Bundle
    cells: tuple[Cell, ...]
    _plans: dict[object, Plan] = field(default_factory=dict)

    def plan(
        self,
        devices: Sequence[str],
        metrics: Sequence[str] | None,
        level: float | None,
        visit: Visit,
        /,
        *,
        strict: bool,
    ) -> Plan:
        """Plan a query.

        Args:
            devices: Names of devices as a user writes them; a single text is one name.
            metrics: Names of metrics as a user writes them; None for all, a text is one name.
            level: Level of the intervals; None without.
            visit: Which visits the intervals are about.
            strict: Whether every device must have every metric that is wanted; else one must.

        Raises:
            UnknownNameError: If a device or metric does not exist, or not here.
        """
        wanted = None if metrics is None else _listed(metrics)
        key = (_listed(devices), wanted, level, visit, strict)
        found = self._plans.get(key)
        if found is None:
            names = tuple(dict.fromkeys(self.device(name) for name in _listed(devices)))
            found = self._make_plan(names, wanted, level, visit, strict=strict)
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._plans[key] = found
        return found

    def number(self, metric: str, device: str | None, /) -> int:
        """Find the number of the cell of a metric.

        Raises:
            UnknownNameError: If the device or the metric does not exist, or not here; lists what
                there is.
        """
        name = None if device is None else self.device(device)
        return self.cells.index(_locate(self.bundle, metric, name))

    def device(self, name: str, /) -> str:
        """Return the exact name of a device.

        Raises:
            UnknownNameError: If there is no such device.
        """
        return find_device(self.bundle.devices, name).name

    def _make_plan(
        self,
        devices: tuple[str, ...],
        wanted: Sequence[str] | None,
        level: float | None,
        visit: Visit,
        *,
        strict: bool,
    ) -> Plan:
        bundle, rows = self.bundle, 1 if level is None else 3
        places: list[str | None] = [*devices] or [None]
        chosen = _chosen(bundle, places, wanted, strict=strict)
        common = [name for name in chosen if not registry.get(name).needs_device]
        own = [name for name in chosen if registry.get(name).needs_device]
        entries = [self.number(name, None) for name in common]
        layouts: list[tuple[str, tuple[str, ...]]] = []
        for device in devices:
            found = [name for name in own if bundle.cell(name, device) is not None]
            entries += [self.number(name, device) for name in found]
            names = tuple(key for name in found for key in keys(name, bounds=rows == 3))
            layouts.append((device, names))
        order = [row * len(self.cells) + number for number in entries for row in range(rows)]
        return Plan(
            cells=tuple(dict.fromkeys(entries)),
            order=np.array(order, dtype=np.int64),
            common=tuple(key for name in common for key in keys(name, bounds=rows == 3)),
            devices=tuple(layouts),
            layouts=tuple(dict.fromkeys(names for _, names in layouts)),
            level=level,
            visit=visit,
        )


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def available(bundle: Bundle, device: str | None, /) -> tuple[str, ...]:
    """Name the metrics of a device, those that need none included, in the order of `metrics`.

    Args:
        bundle: The bundle.
        device: A device's exact name; None for the metrics that need no device.
    """
    return tuple(name for name in registry.names() if bundle.cell(name, device) is not None)


def keys(metric: str, /, *, bounds: bool) -> tuple[str, ...]:
    """Return the keys of a metric in an answer: its name, and those of its limits."""
    return (metric, f"{metric}_lower", f"{metric}_upper") if bounds else (metric,)


def _locate(bundle: Bundle, metric: str, device: str | None) -> Cell:
    name = registry.get(metric).name
    cell = bundle.cell(name, device)
    if cell is not None:
        return cell
    if device is not None:
        kind, known = f"metric of {device}", available(bundle, device)
        raise UnknownNameError.of(kind, name, known)
    if any(other.metric == name for other in bundle.cells):
        devices = ", ".join(device.name for device in bundle.devices)
        raise UnknownNameError(f"{name} needs a device, one of: {devices}")
    raise UnknownNameError.of("metric", name, dict.fromkeys(c.metric for c in bundle.cells))


def _chosen(
    bundle: Bundle, places: Sequence[str | None], wanted: Sequence[str] | None, *, strict: bool
) -> list[str]:
    """Name the metrics to answer, in the order wanted."""
    if wanted is None:
        there = {name for place in places for name in available(bundle, place)}
        return [name for name in registry.names() if name in there]
    chosen = list(dict.fromkeys(registry.get(name).name for name in wanted))
    for name in chosen:
        lacking = [place for place in places if bundle.cell(name, place) is None]
        if lacking and (strict or len(lacking) == len(places)):
            _locate(bundle, name, lacking[0])  # raises, and says what there is
    return chosen
