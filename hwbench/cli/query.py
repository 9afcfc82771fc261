"""`hwbench query`: metrics of architectures on devices."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypedDict

import click
import numpy as np

from hwbench import metrics
from hwbench.benchmark import Benchmark, load
from hwbench.cli._architectures import read_lines, read_word
from hwbench.cli._legend import batches
from hwbench.cli._output import (
    Column,
    command,
    json_option,
    quantity,
    write_fields,
    write_json,
    write_table,
)
from hwbench.spaces import Architecture
from hwbench.surrogates.uncertainty import Noise, Visit

__all__ = ["query"]

_ALL = "all"

Answer: TypeAlias = Sequence[tuple[str | None, dict[str, float]]]
"""Devices (None: no device) and their metrics."""


class _Options(TypedDict):
    """What every question is asked with."""

    metrics: Sequence[str] | None
    interval: float
    visit: Visit
    noise: Noise | None
    rng: np.random.Generator


@command(
    "query",
    examples=[
        "hwbench query gpt-s --device h100 --arch random --seed 0",
        "hwbench query gpt-s --arch largest --metric latency --metric perplexity",
        "hwbench query gpt-l --device a100 --archs archs.jsonl --json",
        "hwbench query gpt-s --device all --archs - --noise session --seed 7 --json",
    ],
)
@click.argument("bundle")
@click.option(
    "--arch",
    "words",
    multiple=True,
    metavar="ARCH",
    help="random, smallest, largest, the text of an architecture, HW-GPT-Bench's key, or @FILE; "
    "may be given again.",
)
@click.option(
    "--archs",
    "file",
    metavar="FILE",
    help="One architecture a line: its text, our JSON object or HW-GPT-Bench's; - for stdin.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="NAME",
    help='Only this device, or "all"; may be given again.  [default: all]',
)
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this metric; may be given again.  [default: all]",
)
@click.option(
    "--interval",
    type=float,
    default=0.9,
    show_default=True,
    help="Probability that a new measurement falls between the limits.",
)
@click.option(
    "--visit",
    type=click.Choice(["new", "measured"]),
    default="new",
    show_default=True,
    help="Limits for measurements in a visit to the device still to come, or in those that were "
    "measured (narrower).",
)
@click.option(
    "--noise",
    type=click.Choice(["repeat", "session"]),
    help="Draw one more repeat, or one of another visit to the device, instead of the prediction.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn."
)
@json_option
def query(
    bundle: str,
    words: tuple[str, ...],
    file: str | None,
    devices: tuple[str, ...],
    names: tuple[str, ...],
    interval: float,
    visit: Visit,
    noise: Noise | None,
    seed: int,
    as_json: bool,
) -> None:
    """Predict metrics of architectures on devices.

    BUNDLE is the name of a benchmark that ships with hwbench, or the folder of another. Each number
    comes with the limits of its interval; those of an exact metric equal it. A device that lacks a
    metric does not show it.
    """
    if not words and file is None:
        raise click.UsageError("name architectures with --arch or --archs")
    bench, rng = load(bundle), np.random.default_rng(seed)
    archs = [read_word(word, bench.space, rng) for word in words]
    archs += read_lines(file, bench.space) if file is not None else []
    places = _places(bench, devices, names)
    wanted = names or None

    def answer(arch: Architecture) -> Answer:
        options = _Options(metrics=wanted, interval=interval, visit=visit, noise=noise, rng=rng)
        if places is None:
            return [(None, bench.query(arch, **options))]
        return list(bench.query_devices(arch, places, **options).items())

    if as_json:
        write_json([record for arch in archs for record in _records(arch, answer(arch))])
        return
    for number, arch in enumerate(archs):
        if number:
            click.echo()
        _write(arch, answer(arch))
    if archs:
        click.echo(f"\n{_legend(bench, places, wanted, interval, visit, bundle)}")


def _places(
    bench: Benchmark, devices: Sequence[str], names: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the devices to ask for; None if nobody named one and no metric needs one."""
    if not devices and names and not any(metrics.get(name).needs_device for name in names):
        return None
    if not devices or _ALL in devices:
        return bench.devices
    return tuple(bench.device(name).name for name in devices)


def _records(arch: Architecture, answer: Answer) -> list[dict[str, object]]:
    text = str(arch)
    return [{"architecture": text, "device": device, **found} for device, found in answer]


def _write(arch: Architecture, answer: Answer) -> None:
    """Print what holds for all devices below each other, and one line a device."""
    common: dict[str, object] = {"architecture": str(arch)}
    for name in _names(answer, needs_device=False):
        _, found = answer[0]
        common[metrics.get(name).label] = "  ".join(_cells(found, name)).rstrip()
    write_fields(common)
    own = _names(answer, needs_device=True)
    if not own:
        return
    columns = [Column("device")]
    for name in own:
        columns += [Column(metrics.get(name).label, "right"), Column("")]
    click.echo()
    write_table(
        columns,
        [
            [device, *(cell for name in own for cell in _cells(found, name))]
            for device, found in answer
        ],
    )


def _names(answer: Answer, *, needs_device: bool) -> list[str]:
    """Name the metrics of an answer of one kind, in the order in which metrics are shown."""
    return [
        name
        for name, metric in metrics.METRICS.items()
        if metric.needs_device == needs_device and any(name in found for _, found in answer)
    ]


def _cells(found: Mapping[str, float], name: str) -> tuple[str, str]:
    """Format a value, and the limits of its interval unless it is exact."""
    unit = metrics.get(name).unit
    low, high = found.get(f"{name}_lower"), found.get(f"{name}_upper")
    if low is None or high is None or low == high:
        return quantity(found.get(name), unit), ""
    return quantity(found[name], unit), f"{quantity(low, unit)} to {quantity(high, unit)}"


def _legend(
    bench: Benchmark,
    places: tuple[str, ...] | None,
    names: Sequence[str] | None,
    interval: float,
    visit: Visit,
    bundle: str,
) -> str:
    """Say what the numbers are: the level of the intervals, and the batch of each metric."""
    asked = None if names is None else {metrics.get(name).name for name in names}
    said = batches(bench, places or (), asked)
    where = "" if visit == "new" else " in visits that were measured"
    note = f"{interval * 100:g} % intervals{where}"
    more = f"`hwbench card {bundle}` says how it was measured"
    return "; ".join([note, *said, more])
