"""`hwbench card`: what a benchmark consists of, how good it is, and how it was measured."""

from collections.abc import Iterable, Mapping

import click

from hwbench import metrics
from hwbench.benchmark import Benchmark, Cell, load
from hwbench.cli._output import Column, command, json_option, write_fields, write_json, write_table

__all__ = ["card"]

# Title -> where the figure stands in a cell's figures; "*" is the surrogate that was chosen.
_FIGURES = {
    "n": ("n",),
    "R2": ("architectures", "*", "r2"),
    "MAPE %": ("architectures", "*", "mape"),
    "tau": ("architectures", "*", "kendall"),
    "tau, no drift": ("architectures", "*", "kendall_drift_free"),
    "in 90 %": ("calibration", "coverage_90"),
    "model error %": ("parts", "model"),
}
_PERCENT = frozenset({"MAPE %", "in 90 %", "model error %"})


@command(
    "card",
    examples=[
        "hwbench card gpt-s",
        "hwbench card gpt-s --device h100",
        "hwbench card gpt-l --metric perplexity --json",
    ],
)
@click.argument("bundle")
@click.option("--device", metavar="NAME", help="Only what concerns this device.")
@click.option("--metric", metavar="NAME", help="Only this metric.")
@json_option
def card(bundle: str, device: str | None, metric: str | None, as_json: bool) -> None:
    """Show what a benchmark consists of and how good it is.

    BUNDLE is a name, or the folder of a bundle of your own. Of each surrogate: the figures on rows
    it had not seen (rank correlation tau, coverage of its 90 % intervals), and the protocol of the
    measurements. Ends with what the benchmark cannot tell. The whole report card, rivals included,
    is the file card.md of the bundle, and in --json.
    """
    bench = load(bundle)
    cells = _chosen(bench, device, metric)
    cells.sort(key=lambda cell: _rank(bench, cell))
    if as_json:
        write_json(_record(bench, cells))
        return
    _write_head(bench)
    click.echo()
    _write_figures(bench, cells)
    click.echo()
    _write_protocols(cells)
    if bench.bundle.limits:
        click.echo("\ncannot tell")
        click.echo("\n".join(f"- {limit}" for limit in bench.bundle.limits))


def _chosen(bench: Benchmark, device: str | None, metric: str | None) -> list[Cell]:
    if device is not None and metric is not None:
        return [bench.cell(metric, device)]
    if device is not None:
        return [bench.cell(name, device) for name in bench.metrics(device)]
    if metric is None:
        return list(bench.bundle.cells)
    wanted = metrics.get(metric).name
    found = [cell for cell in bench.bundle.cells if cell.metric == wanted]
    return found or [bench.cell(metric)]  # raises, and says what there is


def _rank(bench: Benchmark, cell: Cell) -> tuple[int, int]:
    """Order cells as metrics and devices are shown elsewhere."""
    first = 0 if cell.devices is None else min(map(bench.devices.index, cell.devices))
    return metrics.names().index(cell.metric), first


def _write_head(bench: Benchmark) -> None:
    bundle = bench.bundle
    write_fields(
        {
            "benchmark": bundle.name,
            "space": f"{bundle.space.name} ({bundle.space.size()} architectures)",
            "devices": ", ".join(bench.devices),
            "fitted": f"{bundle.fitted} with hwbench {bundle.version}",
            "sha256": bench.sha256,
            **{name: _flat(value) for name, value in bundle.provenance.items()},
            "licence": bundle.licence,
            "cite": bundle.citation,
        }
    )


def _write_figures(bench: Benchmark, cells: Iterable[Cell]) -> None:
    titles = [Column(title, "right") for title in _FIGURES]
    rows = []
    for cell in cells:
        figures = _figures(bench, cell)
        model = "formula" if cell.exact else figures.get("chosen")
        values = [_shown(title, _look_up(figures, path)) for title, path in _FIGURES.items()]
        rows.append([cell.metric, _places(cell, most=2), model, *values])
    write_table([Column("metric"), Column("devices"), Column("surrogate"), *titles], rows)


def _write_protocols(cells: Iterable[Cell]) -> None:
    """Print each protocol once, with all it holds for."""
    rows: dict[tuple[object, ...], list[str]] = {}
    for cell in cells:
        p = cell.protocol
        words = (p.batch_size, p.sequence_length, p.precision, p.network, p.statistic)
        rows.setdefault((cell.metric, *words), []).append(_places(cell))
    titles = ["metric", "batch", "tokens", "precision", "network", "what one number is", "of"]
    write_table(
        [Column(title) for title in titles],
        [[*key, ", ".join(dict.fromkeys(places))] for key, places in rows.items()],
    )


def _record(bench: Benchmark, cells: Iterable[Cell]) -> dict[str, object]:
    bundle = bench.bundle
    return {
        "name": bundle.name,
        "space": bundle.space.name,
        "network": bundle.space.network,
        "fitted": bundle.fitted,
        "version": bundle.version,
        "sha256": bench.sha256,
        "provenance": bundle.provenance,
        "licence": bundle.licence,
        "citation": bundle.citation,
        "limits": bundle.limits,
        "cells": [_cell_record(bench, cell) for cell in cells],
    }


def _cell_record(bench: Benchmark, cell: Cell) -> dict[str, object]:
    return {
        "cell": cell.name,
        "metric": cell.metric,
        "unit": metrics.get(cell.metric).unit,
        "devices": cell.devices,
        "exact": cell.exact,
        "model": cell.model_name,
        "relative_error": None if cell.uncertainty is None else cell.uncertainty.parts,
        "protocol": cell.protocol.to_dict(),
        "figures": _figures(bench, cell),
    }


def _figures(bench: Benchmark, cell: Cell) -> dict[str, object]:
    """Return the figures of a cell; none if the card of the bundle has none."""
    cells = bench.card.get("cells")
    found = cells.get(cell.name) if isinstance(cells, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def _look_up(figures: Mapping[str, object], path: Iterable[str]) -> object:
    found: object = figures
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(str(figures.get("chosen")) if name == "*" else name)
    return found


def _shown(title: str, value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return str(value)
    return f"{value * 100:.3g}" if title in _PERCENT else f"{value:.4f}"


def _places(cell: Cell, *, most: int | None = None) -> str:
    """Name the devices of a cell; from the one after the `most`-th on only how many there are."""
    if cell.devices is None:
        return "any"
    shown = cell.devices if most is None or len(cell.devices) <= most else cell.devices[:1]
    more = len(cell.devices) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
