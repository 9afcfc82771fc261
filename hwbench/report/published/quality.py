"""How good surrogates are, per device and metric, beside their rivals."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hwbench import metrics, units
from hwbench.report.published.defects import touching
from hwbench.report.published.document import Grid, Section

__all__ = ["by_metric", "by_space", "median", "number", "quality_section", "where"]

_LABELS = {"xgboost": "XGBoost", "mlp": "MLP", "forest": "forest"}


def quality_section(cells: Sequence[Mapping[str, Any]], rivals: Sequence[str], /) -> Section:
    """Return the section on accuracy.

    Args:
        cells: Figures, as `hwbench.report.published.cells.cells` returns them.
        rivals: Estimators whose scores stand beside ours.
    """
    names = ", ".join(_LABELS.get(name, name) for name in rivals)
    return Section(
        title="Surrogate quality per device and metric",
        paper="R2, errors and rank correlations of the surrogates per device: AutoGluon for "
        "latency and energy, ensembles of XGBoost, LightGBM and both, and multilayer perceptrons "
        "for perplexity and memory; fitted to four fifths of the architectures, scored on the "
        "rest.",
        ours="Fitted to four fifths of the architectures of the checkout, scored on the fifth left "
        "out, a row's truth being the median of its repeats without the cold one. The surrogate is "
        "the best candidate of the recipe on a validation fold, as in the shipped bundles"
        + (f"; {names} learned from and is scored on the same rows." if rivals else "."),
        differs="Other rows are held out; a truth is a median, where upstream's is a mean with "
        "cold starts; memory is in true bytes. Tau is Kendall's. Where tau is far below 1 the "
        "machine's drift is what is left: 'tau, drift-free' ranks against the values divided by "
        "the drift of their neighbours in time.",
        grids=(
            _short(cells, rivals),
            *(_grid(space, own, rivals) for space, own in by_space(cells).items()),
        ),
        defects=touching("quality"),
    )


def by_space(cells: Sequence[Mapping[str, Any]], /) -> dict[str, list[Mapping[str, Any]]]:
    """Return the cells of each space."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        found.setdefault(cell["space"], []).append(cell)
    return found


def by_metric(cells: Sequence[Mapping[str, Any]], /) -> dict[tuple[str, str], list[Any]]:
    """Return the cells of each space and metric; the metric as people name it."""
    found: dict[tuple[str, str], list[Any]] = {}
    for cell in cells:
        label = metrics.get(cell["metric"]).label
        found.setdefault((cell["space"], label), []).append(cell)
    return found


def median(values: Iterable[object], /) -> float | None:
    """Return the median of the numbers among values; None if there is none."""
    known = [value for value in values if isinstance(value, float | int)]
    return statistics.median(known) if known else None


def where(cell: Mapping[str, Any], /) -> tuple[str, str]:
    """Return metric and device of a cell, for people; a precision where there is no device."""
    label = metrics.get(cell["metric"]).label
    return label, cell["cell"].partition(".")[2] or "-"


def number(value: object, digits: int = 4) -> str:
    """Return a figure as text; "-" where there is none."""
    return f"{value:.{digits}f}" if isinstance(value, float | int) else "-"


def _short(cells: Sequence[Mapping[str, Any]], rivals: Sequence[str]) -> Grid:
    """Return medians over the devices."""
    heads = ["space", "metric", "cells", "R2", "tau", "MAPE %"]
    heads += [f"{_LABELS.get(name, name)}: {what}" for name in rivals for what in ("tau", "MAPE %")]
    rows = []
    for (space, label), own in by_metric(cells).items():
        scores = [cell["architectures"][cell["chosen"]] for cell in own]
        row = [space, label, str(len(own))]
        row += [number(median(s[name] for s in scores)) for name in ("r2", "kendall")]
        row.append(_percent(median(s["mape"] for s in scores)))
        for name in rivals:
            others = [cell["architectures"].get(name, {}) for cell in own]
            row.append(number(median(other.get("kendall") for other in others)))
            row.append(_percent(median(other.get("mape") for other in others)))
        rows.append(tuple(row))
    return Grid("In short: medians over devices", tuple(heads), tuple(rows), words=2)


def _grid(space: str, cells: Sequence[Mapping[str, Any]], rivals: Sequence[str]) -> Grid:
    heads = ["metric", "device", "rows", "surrogate", "R2", "tau", "tau, drift-free"]
    heads += ["MAE", "RMSE", "MAPE %"]
    for name in rivals:
        label = _LABELS.get(name, name)
        heads += [f"{label}: R2", "tau", "MAPE %"]
    rows = tuple(tuple(_row(cell, rivals)) for cell in cells)
    return Grid(f"{space}: held-out architectures", tuple(heads), rows, words=2)


def _row(cell: Mapping[str, Any], rivals: Sequence[str]) -> Iterator[str]:
    unit = metrics.get(cell["metric"]).unit
    own = cell["architectures"][cell["chosen"]]
    yield from where(cell)
    yield str(int(own["n"]))
    yield cell["chosen"]
    yield from (number(own[name]) for name in ("r2", "kendall"))
    yield number(own.get("kendall_drift_free"))
    yield from (units.format(own[name], unit) for name in ("mae", "rmse"))
    yield _percent(own["mape"])
    for name in rivals:
        other = cell["architectures"].get(name, {})
        yield number(other.get("r2"))
        yield number(other.get("kendall"))
        yield _percent(other.get("mape"))


def _percent(share: object) -> str:
    return f"{100.0 * share:.2f}" if isinstance(share, float) else "-"
