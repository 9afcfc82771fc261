"""Add a device to a benchmark: what to measure on it, and what the measurements tell.

`design` chooses architectures before anything is measured; `calibrate` makes of ten to a hundred
measurements a device that can be queried and searched like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hwbench import metrics as metric_names
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark.bundle import Bundle, Cell, Device, DeviceKind
from hwbench.benchmark.known_devices import FEW, card_cells, from_few, noises_for, prior_of
from hwbench.data.table import Table
from hwbench.errors import DataError
from hwbench.surrogates.fewshot.design import candidates_of, choose
from hwbench.surrogates.fewshot.intervals import HeldOut, leave_out, uncertainty_of
from hwbench.surrogates.fewshot.noise import Noise
from hwbench.surrogates.fewshot.posterior import fit
from hwbench.surrogates.fewshot.prior import Prior
from hwbench.surrogates.fitting.measured import Measured

__all__ = ["STEADY", "Calibrated", "Design", "Learnt", "calibrate", "design"]

STEADY: Final = "memory_bytes"
"""Does not drift: nothing of it depends on when it is measured."""

_HEADING: Final = "\n## Calibrated from few measurements: "
_DOUBT: Final = 0.2
"""A row trusted less than this counts as an outlier."""


@dataclass(frozen=True, eq=False)
class Design:
    """Architectures to measure.

    Attributes:
        codes: `n x n_choices`, those that tell most first.
        expected: Metric -> relative error (root mean square over the space) to expect from them,
            were the new device as different from the known ones as these are from each other.
        seconds: What measuring them takes by the given cost; None without one.
        note: The same in a sentence.
    """

    codes: Codes
    expected: Mapping[str, float]
    seconds: float | None
    note: str


def design(
    bundle: Bundle,
    metrics: Sequence[str],
    n: int,
    /,
    *,
    rng: np.random.Generator,
    kind: DeviceKind | None = None,
    budget_s: float | None = None,
    seconds_of: Callable[[Codes], FloatArray] | None = None,
) -> Design:
    """Choose `n` architectures to measure on a new device.

    Args:
        bundle: Benchmark whose devices are the prior.
        metrics: What is to be measured; metrics that need no device play no part.
        n: How many architectures; fewer come back if the budget allows no more.
        rng: Draws the candidates.
        kind: Kind of the new device: devices of its kind count more. None: all count alike.
        budget_s: Most seconds of measuring in all; needs `seconds_of`.
        seconds_of: Takes `N x n_choices` codes to the `(N,)` seconds measuring each takes.

    Raises:
        UnknownNameError: If a metric is not known.
        DataError: If no known device has any of the metrics, `n` cannot be chosen, or the budget
            is too small for a single architecture.
    """
    if budget_s is not None and seconds_of is None:
        raise DataError("a budget needs seconds_of, which says how long an architecture takes")
    names = [metric_names.get(metric).name for metric in metrics]
    priors = {name: prior_of(bundle, name, kind=kind) for name in dict.fromkeys(names)}
    known = {name: prior for name, prior in priors.items() if prior is not None}
    if not known:
        raise DataError(f"{bundle.name} knows no device with any of: {', '.join(metrics)}")
    space = bundle.space
    candidates = candidates_of(space, n, rng)
    seconds = None if seconds_of is None else np.asarray(seconds_of(candidates), dtype=np.float64)
    chosen = choose(list(known.values()), candidates, n, seconds=seconds, budget_s=budget_s)
    expected = dict(zip(known, chosen.expected, strict=True))
    total = None if seconds is None else float(seconds[chosen.rows].sum())
    return Design(candidates[chosen.rows], expected, total, _note(len(chosen.rows), expected))


@dataclass(frozen=True, eq=False)
class Learnt:
    """What calibration made of one table.

    Attributes:
        cell: The new cell.
        rows: Number of measurements.
        architectures: Number of different architectures.
        held_out: Error and coverage on architectures left out; None with fewer than three.
        drift: Standard deviation of drift that was taken out, relative.
        doubted: Rows that were taken for outliers.
    """

    cell: Cell
    rows: int
    architectures: int
    held_out: HeldOut | None
    drift: float
    doubted: int


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A benchmark with one more device.

    Attributes:
        bundle: The benchmark.
        learnt: What was learnt of each metric.
        skipped: Metric -> why it was left out.
    """

    bundle: Bundle
    learnt: tuple[Learnt, ...]
    skipped: Mapping[str, str]


def calibrate(
    bundle: Bundle,
    tables: Sequence[Table],
    device: Device,
    /,
    *,
    name: str | None = None,
    replaces: bool = False,
) -> Calibrated:
    """Add a device to a benchmark from few measurements of it.

    Args:
        bundle: The benchmark; its devices are the prior.
        tables: What was measured on the new device, one table a metric; rows of the same
            architecture and their order tell of drift.
        device: The new device.
        name: Name of the new benchmark; None: the old one's.
        replaces: Forget what was calibrated before under the device's name.

    Raises:
        DataError: If the bundle knows the device already, a table is of another space, a metric
            comes twice, no table can be used, or one holds no positive value.
        MissingExtraError: If SciPy is not installed.
    """
    if replaces:
        bundle = _forget(bundle, device.name)
    _check_new(bundle, tables, device)
    learnt, skipped = [], {}
    for table in tables:
        data = Measured.of(table, bundle.space)
        if table.metric == STEADY:
            data = replace(data, timed=False)
        prior = prior_of(bundle, table.metric, kind=device.kind, measured=data)
        if prior is None:
            skipped[table.metric] = "no known device has it"
            continue
        noises = noises_for(bundle, table.metric, kind=device.kind)
        learnt.append(_learn(table, data, device, prior, noises))
    if not learnt:
        raise DataError(f"{bundle.name} knows no device with any of: {', '.join(skipped)}")
    return Calibrated(_with(bundle, device, learnt, name), tuple(learnt), skipped)


def _forget(bundle: Bundle, device: str) -> Bundle:
    """Return the bundle without a device that was calibrated from few measurements."""
    few = from_few(bundle)
    gone = {cell.name for cell in bundle.cells if cell.name in few and cell.devices == (device,)}
    if not gone:
        return bundle
    figures = {name: one for name, one in card_cells(bundle).items() if name not in gone}
    before, _, after = bundle.card_text.partition(f"{_HEADING}{device}\n")
    rest = after.find(_HEADING)
    return replace(
        bundle,
        devices=tuple(known for known in bundle.devices if known.name != device),
        cells=tuple(cell for cell in bundle.cells if cell.name not in gone),
        card={**bundle.card, "cells": figures},
        card_text=before + (after[rest:] if rest >= 0 else ""),
    )


def _check_new(bundle: Bundle, tables: Sequence[Table], device: Device) -> None:
    if any(device.name == known.name for known in bundle.devices):
        raise DataError(f"{bundle.name} has a device {device.name} already; choose another name")
    metrics = [table.metric for table in tables]
    for table in tables:
        if table.space != bundle.space.name:
            raise DataError(f"a table is of {table.space}, the benchmark of {bundle.space.name}")
        if metrics.count(table.metric) > 1:
            protocols = [t.protocol.name for t in tables if t.metric == table.metric]
            raise DataError(f"{table.metric} was measured as {', '.join(protocols)}: choose one")


def _learn(
    table: Table, data: Measured, device: Device, prior: Prior, noises: tuple[Noise, ...]
) -> Learnt:
    order = data.position if data.timed else None
    found = fit(prior, data.codes, data.y, order=order, noises=noises)
    known = uncertainty_of(found, data.repeats, data.y)
    cell = Cell(
        f"{table.metric}.{device.name}",
        table.metric,
        (device.name,),
        found.predictor(),
        known,
        table.protocol,
    )
    return Learnt(
        cell,
        len(data),
        len(np.unique(data.codes, axis=0)),
        leave_out(prior, data, noises),
        found.drift,
        int((found.trust < _DOUBT).sum()),
    )


def _with(bundle: Bundle, device: Device, learnt: Sequence[Learnt], name: str | None) -> Bundle:
    figures = card_cells(bundle)
    lines = [f"{_HEADING}{device.name}\n"]
    for one in learnt:
        figures[one.cell.name] = _figures(one)
        error = "-" if one.held_out is None else f"{100 * one.held_out.mape:.2g} %"
        lines.append(
            f"- {one.cell.name}: {one.rows} measurements of {one.architectures} architectures, "
            f"error on architectures left out {error}"
        )
    return replace(
        bundle,
        name=name or bundle.name,
        devices=(*bundle.devices, device),
        cells=(*bundle.cells, *(one.cell for one in learnt)),
        card={**bundle.card, "cells": figures},
        card_text=bundle.card_text + "\n".join(lines) + "\n",
    )


def _figures(one: Learnt) -> dict[str, object]:
    assert one.cell.uncertainty is not None
    figures: dict[str, object] = {
        "n": one.rows,
        "chosen": FEW,
        "parts": dict(one.cell.uncertainty.parts),
    }
    if one.held_out is not None:
        figures["architectures"] = {FEW: {"mape": one.held_out.mape}}
        figures["calibration"] = {"coverage_90": one.held_out.inside}
    return figures


def _note(n: int, expected: Mapping[str, float]) -> str:
    errors = ", ".join(f"{100 * error:.2g} % for {name}" for name, error in expected.items())
    return (
        f"{n} architectures; error to expect, relative: {errors} "
        "(if the device differs from the known ones as they differ from each other)"
    )
