"""`hwbench devices`: which devices the benchmarks know, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from hwbench import metrics
from hwbench.benchmark import Benchmark, Device, load, names
from hwbench.cli._output import Column, command, json_option, write_json, write_table

__all__ = ["devices"]


@dataclass(frozen=True)
class _Known:
    """A device and the benchmarks that know it, each with the metrics that need a device."""

    device: Device
    metrics: dict[str, tuple[str, ...]]


@command("devices", examples=["hwbench devices", "hwbench devices gpt-s", "hwbench devices --json"])
@click.argument("bundle", required=False)
@json_option
def devices(bundle: str | None, as_json: bool) -> None:
    """List the devices of the benchmarks.

    With BUNDLE, those of one benchmark: a name, or the folder of a bundle of your own.
    """
    found = _collect([load(name) for name in ([bundle] if bundle else names())])
    if as_json:
        write_json([_record(known) for known in found])
        return
    titles = ("device", "what it is", "kind", "precision", "metrics", "benchmarks")
    write_table([Column(title) for title in titles], [_row(known) for known in found])


def _collect(benchmarks: Sequence[Benchmark]) -> list[_Known]:
    """Merge the devices of several benchmarks by name, in the order in which they come."""
    found: dict[str, _Known] = {}
    for bench in benchmarks:
        for device in bench.bundle.devices:
            known = found.setdefault(device.name, _Known(device, {}))
            known.metrics[bench.name] = tuple(
                name for name in bench.metrics(device.name) if metrics.get(name).needs_device
            )
    return list(found.values())


def _row(known: _Known) -> tuple[str, ...]:
    device = known.device
    held = {name for each in known.metrics.values() for name in each}
    shown = [metric.short for name, metric in metrics.METRICS.items() if name in held]
    benchmarks = ", ".join(known.metrics)
    return device.name, device.label, device.kind, device.precision, ", ".join(shown), benchmarks


def _record(known: _Known) -> dict[str, object]:
    device = known.device
    return {
        "device": device.name,
        "label": device.label,
        "kind": device.kind,
        "precision": device.precision,
        "notes": device.notes,
        "metrics": known.metrics,
    }
