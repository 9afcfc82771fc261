"""What `hwbench supernet train` pays for: read from its options, taken from a bundle's surrogate.

A supernet knows no bundles, so the command hands the tables of a cell over to the training;
`run.json` holds which bundle they are from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from hwbench import metrics, spaces, units
from hwbench.errors import DataError

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.supernet.cost import Cost
    from hwbench.supernet.runs import PenaltyChoice

__all__ = ["Paid", "read_penalty"]

_COUNTED: Final = ("params", "flops")
_PLACED: Final = ("latency_s", "energy_j", "memory_bytes")


@dataclass(frozen=True)
class Paid:
    """A penalty.

    Attributes:
        choice: What the card of the run says; None for no penalty.
        cost: What it is on, if a bundle gives it.
    """

    choice: PenaltyChoice | None = None
    cost: Cost | None = None


def read_penalty(
    space: str, *, strength: float | None, on: str, limit: str | None, bundle: str | None
) -> Paid:
    """Read the options of a penalty.

    Args:
        space: Name of the space of the run.
        strength: What `--penalty` says.
        on: "params", "flops", or such as "latency@h100".
        limit: A quantity such as "8ms".
        bundle: Name or folder of a bundle.

    Raises:
        UsageError: If options do not go together.
        HwbenchError: If there is no such metric, bundle or device, or they do not fit the space.
    """
    if strength is None:
        if limit is not None or bundle is not None:
            name = "--bundle" if limit is None else "--limit"
            raise click.UsageError(f"{name} needs --penalty: how much going beyond it costs")
        return Paid()
    name, _, place = (part.strip() for part in on.partition("@"))
    metric = metrics.get(name)
    bound = None if limit is None else _bound(limit, metric)
    if metric.name in _COUNTED:
        return _counted(metric, place, strength, bound, bundle)
    if metric.name not in _PLACED:
        known = ", ".join([*_COUNTED, *(f"{metrics.get(n).short}@DEVICE" for n in _PLACED)])
        raise DataError(f"a penalty is on a cost ({known}), not on {metric.name}")
    if bundle is None or not place:
        raise click.UsageError(
            f"{metric.short} needs a device and a bundle that knows it: "
            f"--penalty-on {metric.short}@DEVICE --bundle NAME"
        )
    return _placed(space, metric, place, strength, bound, bundle)


def _counted(
    metric: metrics.Metric, place: str, strength: float, bound: float | None, bundle: str | None
) -> Paid:
    from hwbench.supernet.runs import PenaltyChoice

    if place or bundle is not None:
        raise click.UsageError(f"{metric.name} is counted: it needs no device and no --bundle")
    return Paid(PenaltyChoice(metric.name, strength, bound))


def _placed(
    space: str, metric: metrics.Metric, place: str, strength: float, bound: float | None, word: str
) -> Paid:
    from hwbench.benchmark import load
    from hwbench.search.supernet_evaluator import Questions
    from hwbench.supernet.runs import BundleChoice, PenaltyChoice

    bench = load(word)
    Questions(spaces.get(space), bench)  # complains where the bundle is of another space
    device = bench.device(place).name
    cost = _table(bench, metric, device)
    assert bench.sha256 is not None
    kept = BundleChoice(bench.name, bench.sha256)
    return Paid(PenaltyChoice(f"{metric.name}@{device}", strength, bound, kept), cost)


def _table(bench: Benchmark, metric: metrics.Metric, device: str) -> Cost:
    """Return a cell as a function of weights of choices.

    Raises:
        DataError: If its surrogate is no sum over layers.
    """
    from hwbench.benchmark.terms import terms_of
    from hwbench.supernet.cost import TableCost

    cell = bench.cell(metric.name, device)
    terms = terms_of(cell, bench.space)
    if terms is None or len(terms.pairs):
        raise DataError(
            f"{metric.short} on {device} in {bench.name} comes from a surrogate that is no sum "
            f"over layers ({cell.model_name}), so an expectation of it has no closed form: fit a "
            "layer-wise one without terms of two layers"
        )
    unary = terms.unary.transpose(1, 0, 2)  # (C, L, Q)
    return TableCost(bench.space, terms.base, unary, link="log" if terms.log else "identity")


def _bound(text: str, metric: metrics.Metric) -> float:
    bound = units.parse(text, metric.unit, bare=metric.name in _COUNTED)
    if not bound > 0:
        raise click.UsageError(f"--limit must be positive, got {text}")
    return bound
