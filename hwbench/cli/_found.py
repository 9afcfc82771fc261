"""What a search found, for people and as JSON: architectures with their metrics and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import click

from hwbench import metrics
from hwbench.arrays import Codes
from hwbench.benchmark import Benchmark
from hwbench.cli._legend import batches
from hwbench.cli._output import Column, quantity, write_fields, write_json, write_table
from hwbench.search import Problem
from hwbench.search.problem import column_name
from hwbench.spaces import Architecture

__all__ = ["Found", "write"]

_INTERVAL = 0.9


@dataclass(frozen=True, eq=False)
class Found:
    """The outcome of a search.

    Attributes:
        problem: What was searched for.
        architectures: The answer, or the front by ascending first objective; if `feasible` is
            false, the one that comes closest.
        feasible: Whether they keep the limits; None if nobody knows.
        method: What found them.
        facts: What else to say, in order: text by name.
        numbers: What else JSON holds.
        named: Devices to show, beside those of the problem.
    """

    problem: Problem
    architectures: tuple[Architecture, ...]
    feasible: bool | None
    method: str
    facts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, object] = field(default_factory=dict)
    named: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that were named, and others that the problem is about."""
        about = [device for _, device in self.problem.columns if device is not None]
        return tuple(dict.fromkeys([*self.named, *about]))

    @property
    def single(self) -> bool:
        """Whether it is one answer, not a front."""
        return len(self.problem.objectives) == 1 or not self.feasible


def write(found: Found, bench: Benchmark, /, *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        write_json(to_dict(found, bench))
    elif found.single:
        _write_one(found, bench)
    else:
        _write_front(found, bench)


def to_dict(found: Found, bench: Benchmark, /) -> dict[str, object]:
    """Return what was found as JSON values: each architecture with all metrics of its devices."""
    records = []
    for arch in found.architectures:
        own: dict[str, object] = {"architecture": str(arch), "metrics": bench.query(arch)}
        if found.devices:
            answers = bench.query_devices(arch, found.devices)
            own["devices"] = {
                device: {k: v for k, v in values.items() if _needs_device(k)}
                for device, values in answers.items()
            }
        records.append(own)
    return {
        "benchmark": bench.name,
        "sha256": bench.sha256,
        "problem": found.problem.to_dict(),
        "method": found.method,
        "feasible": found.feasible,
        "architectures": records,
        **found.numbers,
    }


def _write_one(found: Found, bench: Benchmark) -> None:
    for arch in found.architectures[:1]:
        fields: dict[str, object] = {"architecture": str(arch)}
        for name, value, low, high in _numbers(arch, found.devices, bench):
            unit = metrics.get(name.partition("@")[0]).unit
            text = quantity(value, unit)
            if low != high:
                text += f"  ({quantity(low, unit)} to {quantity(high, unit)})"
            fields[_short(name)] = text
        write_fields({**fields, **found.facts})
    click.echo(f"\n{_legend(found, bench)}")


def _write_front(found: Found, bench: Benchmark) -> None:
    names = found.problem.columns
    codes = _codes(found, bench)
    values = bench.predict_many(codes, names)
    columns = [Column(_short(column_name(*name)), "right") for name in names]
    rows = [
        [*(quantity(v, metrics.get(n).unit) for v, (n, _) in zip(row, names, strict=True)), arch]
        for row, arch in zip(values.tolist(), found.architectures, strict=True)
    ]
    write_table([*columns, Column("architecture")], rows)
    click.echo()
    write_fields(found.facts)


def _numbers(
    arch: Architecture, devices: Sequence[str], bench: Benchmark
) -> list[tuple[str, float, float, float]]:
    """List every metric of an architecture with its interval, those of no device first."""
    plain = bench.query(arch, interval=_INTERVAL)
    answers = bench.query_devices(arch, devices, interval=_INTERVAL) if devices else {}
    places: list[tuple[str | None, Mapping[str, float]]] = [(None, plain), *answers.items()]
    return [
        (column_name(name, device), own[name], own[f"{name}_lower"], own[f"{name}_upper"])
        for device, own in places
        for name, metric in metrics.METRICS.items()
        if name in own and metric.needs_device == (device is not None)
    ]


def _codes(found: Found, bench: Benchmark) -> Codes:
    return bench.space.encode(found.architectures)


def _short(name: str) -> str:
    metric, _, device = name.partition("@")
    return column_name(metrics.get(metric).short, device or None)


def _needs_device(key: str) -> bool:
    name = key.removesuffix("_lower").removesuffix("_upper")
    return metrics.get(name).needs_device


def _legend(found: Found, bench: Benchmark) -> str:
    note = f"in brackets {_INTERVAL * 100:g} % intervals"
    return "; ".join([note, *batches(bench, found.devices)])
