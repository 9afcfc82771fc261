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

__all__ = ["Fitted", "build_bundle", "cell_name", "check_about"]


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


def check_about(tables: Sequence[Table], about: Mapping[str, Any], /) -> None:
    """Check that tables of one space can become a bundle, before they are fitted.

    Args:
        tables: The tables.
        about: As in `build_bundle`.

    Raises:
        SchemaError: If two tables would be one cell, or a cell's devices are not known.
        UnknownNameError: If there is no such closed form.
        BundleError: If a device of the recipe is none.
    """
    names = [cell_name(table) for table in tables]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        protocols = [t.protocol.name for t in tables if cell_name(t) == twice[0]]
        raise SchemaError(
            f"{tables[0].space}: {twice[0]} was measured under several protocols "
            f"({', '.join(protocols)}); keep the table of one"
        )
    here = _measured(tables)
    for table in tables:
        _served(table, about.get("serves", {}), here)
    for formula, devices in about.get("closed_forms", {}).items():
        _closed(formula, devices, here, network="")
    _devices(tables, here, about.get("devices", {}))


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
    tables = [one.table for one in fitted]
    here = _measured(tables)
    forms = about.get("closed_forms", {}).items()
    cells = [_cell(one, about.get("serves", {}), here) for one in fitted]
    cells += [_closed(formula, devices, here, network=space.network) for formula, devices in forms]
    card = {"cells": {cell_name(one.table): dict(one.figures) for one in fitted}}
    limits = tuple(about.get("limits", ()))
    return Bundle(
        name=name,
        space=space,
        devices=_devices(tables, here, about.get("devices", {})),
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


def _measured(tables: Sequence[Table]) -> set[str]:
    """Return the devices that tables are about."""
    return {table.device for table in tables if table.device is not None}


def _cell(one: Fitted, serves: Mapping[str, Sequence[str]], here: set[str]) -> Cell | None:
    """Return the cell of a table; None if none of its devices was measured."""
    name, table = cell_name(one.table), one.table
    devices = _served(table, serves, here)
    if devices == ():
        return None
    return Cell(name, table.metric, devices, one.predictor, one.uncertainty, table.protocol)


def _served(
    table: Table, serves: Mapping[str, Sequence[str]], here: set[str]
) -> tuple[str, ...] | None:
    """Return the measured devices a table holds for; None if its metric needs none."""
    if table.device is not None:
        return (table.device,)
    if not metrics.get(table.metric).needs_device:
        return None
    name = cell_name(table)
    if name not in serves:
        raise SchemaError(f"the recipe does not say which devices {name} serves")
    return tuple(device for device in serves[name] if device in here)


def _closed(formula: str, devices: Sequence[str], here: set[str], *, network: str) -> Cell | None:
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
        network=network,
    )
    return Cell(
        formula, form.metric, measured if metric.needs_device else None, form, None, protocol
    )


def _devices(
    tables: Sequence[Table], here: set[str], labels: Mapping[str, Mapping[str, Any]]
) -> tuple[Device, ...]:
    """Return the devices in the recipe's order, then others by name."""
    precision = {table.device: table.protocol.precision for table in tables if table.device}
    order = [name for name in labels if name in here] + sorted(here - set(labels))
    devices = []
    for name in order:
        about = labels.get(name, {})
        kind = about.get("kind", "cpu")
        notes = tuple(about.get("notes", ()))
        label = about.get("label", name)
        devices.append(Device(name, label, kind, precision.get(name, "fp32"), notes))
    return tuple(devices)
