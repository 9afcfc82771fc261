"""What the known devices of a benchmark tell about another: values of a metric, and their scatter.

Cells that few measurements made are left out: what they say is mostly the others' prior.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from hwbench.benchmark.bundle import Bundle, Cell, DeviceKind
from hwbench.benchmark.closed_forms import ClosedForm, tabulate
from hwbench.errors import require
from hwbench.spaces import Space
from hwbench.surrogates.fewshot.noise import Noise, noises_of
from hwbench.surrogates.fewshot.prior import Prior
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.predictor import Predictor

__all__ = ["FEW", "card_cells", "from_few", "noises_for", "prior_of"]

FEW: Final = "few-shot"
"""What the report card says of cells that few measurements made."""


def prior_of(
    bundle: Bundle,
    metric: str,
    /,
    *,
    kind: DeviceKind | None,
    without: str | None = None,
    measured: Measured | None = None,
) -> Prior | None:
    """Return what the devices of a bundle say of a metric; None if they say nothing.

    What a closed form counts (the bytes of the weights) is a part of what is measured (the peak of
    a process): with measurements, it enters as the line through them.

    Args:
        bundle: The bundle.
        metric: Exact name of the metric.
        kind: Kind of the new device; None: all devices count alike.
        without: A device to leave out.
        measured: What was measured on the new device.
    """
    known, same = {}, set()
    for cell, alike in _cells(bundle, metric, kind, without):
        known[cell.name] = _known(cell, bundle.space, measured)
        if alike:
            same.add(cell.name)
    return Prior.of(bundle.space, known, same=same or None) if known else None


def noises_for(
    bundle: Bundle, metric: str, /, *, kind: DeviceKind | None, without: str | None = None
) -> tuple[Noise, ...]:
    """Return how measurements of a metric may scatter, learned from a bundle's devices.

    Args:
        bundle: The bundle.
        metric: Exact name of the metric.
        kind: Kind of the new device; None: all devices count alike.
        without: A device to leave out.
    """
    known, same = {}, set()
    for cell, alike in _cells(bundle, metric, kind, without):
        if cell.uncertainty is None:
            continue
        known[cell.name] = cell.uncertainty
        if alike:
            same.add(cell.name)
    return noises_of(known, same=same or None)


def card_cells(bundle: Bundle, /) -> dict[str, object]:
    """Return the figures of the report card by name of the cell; empty if it has none."""
    cells = bundle.card.get("cells")
    return dict(cells) if isinstance(cells, Mapping) else {}


def from_few(bundle: Bundle, /) -> set[str]:
    """Name the cells that few measurements made."""
    return {
        name
        for name, one in card_cells(bundle).items()
        if isinstance(one, Mapping) and one.get("chosen") == FEW
    }


def _cells(
    bundle: Bundle, metric: str, kind: DeviceKind | None, without: str | None
) -> Iterator[tuple[Cell, bool]]:
    """Yield the cells to learn a metric from, and whether they are of devices of the kind."""
    kinds = {device.name: device.kind for device in bundle.devices}
    few = from_few(bundle)
    for cell in bundle.cells:
        devices = [device for device in cell.devices or () if device != without]
        if cell.metric == metric and devices and cell.name not in few:
            yield cell, kind is None or any(kinds[device] == kind for device in devices)


def _known(cell: Cell, space: Space, measured: Measured | None) -> Predictor:
    if not isinstance(cell.model, ClosedForm):
        return cell.model
    table = tabulate(cell.model, space)
    if measured is None:
        return table
    # Least squares of relative errors; neither part of the sum can be negative.
    parts = np.stack([np.ones(len(measured)), table.predict(measured.codes)], axis=1)
    nnls = require("scipy.optimize", "fit").nnls
    fixed, slope = nnls(parts / measured.y[:, None], np.ones(len(measured)))[0]
    return replace(table, base=fixed + slope * table.base, unary=slope * table.unary)
