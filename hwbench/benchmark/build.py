"""From fitted cells to a bundle: names, devices, closed forms, report card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hwbench import __version__, metrics
from hwbench.benchmark.bundle import Bundle, Cell, Device
from hwbench.benchmark.card import CardLine, card_text
from hwbench.benchmark.closed_forms import closed_form
from hwbench.data.table import Protocol, Table
from hwbench.errors import SchemaError
from hwbench.spaces import Space
from hwbench.surrogates.predictor import Predictor
from hwbench.surrogates.uncertainty import Uncertainty

__all__ = ["Fitted", "build_bundle", "cell_name"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted cell with the table it came from.

    Attributes:
        table: What was measured.
        predictor: The surrogate.
        uncertainty: Its calibrated errors.
        figures: Its report card.
    """

    table: Table
    predictor: Predictor
    uncertainty: Uncertainty
    figures: Mapping[str, object]


def cell_name(table: Table, /) -> str:
    """Return the name of a table's cell: "latency_s.h100", "memory_bytes.bf16", "perplexity"."""
    if table.device is not None:
        return f"{table.metric}.{table.device}"
    needs_device = metrics.get(table.metric).needs_device
    return f"{table.metric}.{table.protocol.name}" if needs_device else table.metric


def build_bundle(
    name: str, space: Space, fitted: Sequence[Fitted], about: Mapping[str, Any], /
) -> Bundle:
    """Put fitted cells together.

    Args:
        name: Name of the bundle.
        space: Its space.
        fitted: The cells, each of another metric or device.
        about: The recipe's section `[bundle]`: `licence`, `citation`, `limits`, `source`, `devices`
            (name -> label, kind, notes), `serves` (cell -> devices, for a metric measured once for
            several) and `closed_forms` (formula -> devices, none for a metric without device).

    Raises:
        SchemaError: If a cell's devices are not known.
        BundleError: If the parts contradict each other.
    """
    here = {one.table.device for one in fitted if one.table.device is not None}
    forms = about.get("closed_forms", {}).items()
    cells = [_cell(one, about.get("serves", {}), here) for one in fitted]
    cells += [_closed(formula, devices, here) for formula, devices in forms]
    card = {"cells": {cell_name(one.table): dict(one.figures) for one in fitted}}
    limits = tuple(about.get("limits", ()))
    return Bundle(
        name=name,
        space=space,
        devices=_devices(fitted, here, about.get("devices", {})),
        cells=tuple(cell for cell in cells if cell is not None),
        fitted=date.today().isoformat(),
        version=__version__,
        provenance=dict(about.get("source", {})),
        licence=str(about.get("licence", "unknown")),
        citation=str(about.get("citation", "")),
        limits=limits,
        card=card,
        card_text=card_text(name, [_line(one) for one in fitted], limits),
    )


def _line(one: Fitted) -> CardLine:
    return CardLine(cell_name(one.table), one.table.protocol, one.figures)


def _cell(one: Fitted, serves: Mapping[str, Sequence[str]], here: set[str]) -> Cell | None:
    """Return the cell of a table; None if none of its devices was measured."""
    name, metric = cell_name(one.table), one.table.metric
    devices: tuple[str, ...] | None = None
    if one.table.device is not None:
        devices = (one.table.device,)
    elif metrics.get(metric).needs_device:
        if name not in serves:
            raise SchemaError(f"the recipe does not say which devices {name} serves")
        devices = tuple(device for device in serves[name] if device in here)
        if not devices:
            return None
    return Cell(name, metric, devices, one.predictor, one.uncertainty, one.table.protocol)


def _closed(formula: str, devices: Sequence[str], here: set[str]) -> Cell | None:
    """Return the cell of a formula; None if it is about devices that were not measured."""
    form = closed_form(formula)
    metric = metrics.get(form.metric)
    measured = tuple(device for device in devices if device in here)
    if metric.needs_device and not measured:
        return None
    protocol = Protocol(
        name="closed-form",
        batch_size=1,
        sequence_length=1024,
        precision="fp32",
        statistic=f"closed form: {form.text}",
        unit=metric.unit,
        source="hwbench.spaces.gpt_costs",
    )
    return Cell(
        formula, form.metric, measured if metric.needs_device else None, form, None, protocol
    )


def _devices(
    fitted: Sequence[Fitted], here: set[str], labels: Mapping[str, Mapping[str, Any]]
) -> tuple[Device, ...]:
    """Return the devices in the recipe's order, then others by name."""
    precision = {
        one.table.device: one.table.protocol.precision for one in fitted if one.table.device
    }
    order = [name for name in labels if name in here] + sorted(here - set(labels))
    devices = []
    for name in order:
        about = labels.get(name, {})
        kind = about.get("kind", "cpu")
        notes = tuple(about.get("notes", ()))
        label = about.get("label", name)
        devices.append(Device(name, label, kind, precision.get(name, "fp32"), notes))
    return tuple(devices)
