"""Whether intervals hold what they say, per device and metric, beside an ensemble's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hwbench import metrics, units
from hwbench.report.published.defects import touching
from hwbench.report.published.document import Grid, Section
from hwbench.report.published.quality import by_metric, by_space, median, number, where

__all__ = ["calibration_section"]

_LEVELS: Final = ("50", "80", "90", "95")


def calibration_section(cells: Sequence[Mapping[str, Any]], members: int, /) -> Section:
    """Return the section on intervals.

    Args:
        cells: Figures, as `hwbench.report.published.cells.cells` returns them.
        members: Of the ensemble beside; 0 if there is none.
    """
    other = (
        f" The ensemble is {members} XGBoost models, each without one part of the rows, read as a "
        "normal distribution of their mean and standard deviation. That deviation says how far the "
        "models disagree about the mean, and not how far a measurement may lie from it."
        if members
        else ""
    )
    return Section(
        title="Calibration",
        paper="Calibration curves, miscalibration area and calibration errors (MACE, RMSCE) of the "
        "surrogates' means and deviations, read as normal distributions "
        "(plotting/plot_calibration.py).",
        ours="Share of held-out rows inside the central intervals of 50, 80, 90 and 95 %, area "
        "between calibration curve and diagonal (0 perfect, 0.5 worst), and mean continuous ranked "
        "probability score (CRPS). Each fold is judged by the errors of the others. 'Last visit' "
        "is the 90 % interval for a visit that was not measured, on the last one, which was left "
        f"out as a whole.{other}",
        differs="Upstream's deviations are learned from repeats within seconds, and its curves are "
        "of AutoGluon's predictions; the ensemble here stands for its ensembles, and is smaller.",
        grids=(
            _short(cells, members > 0),
            *(_grid(space, own, members > 0) for space, own in by_space(cells).items()),
        ),
        defects=touching("calibration"),
    )


def _short(cells: Sequence[Mapping[str, Any]], ensemble: bool) -> Grid:
    """Return medians over the devices."""
    heads = ["space", "metric", "cells", "90 %", "area", "last visit"]
    heads += ["ensemble: 90 %", "area"] if ensemble else []
    rows = []
    for (space, label), own in by_metric(cells).items():
        row = [space, label, str(len(own))]
        row.append(_percent(median(cell["calibration"]["coverage_90"] for cell in own)))
        row.append(number(median(cell["calibration"]["miscalibration_area"] for cell in own)))
        row.append(_percent(median(_last_visit(cell) for cell in own)))
        if ensemble:
            others = [cell.get("ensemble", {}) for cell in own]
            row.append(_percent(median(other.get("coverage_90") for other in others)))
            row.append(number(median(other.get("miscalibration_area") for other in others)))
        rows.append(tuple(row))
    return Grid("In short: medians over devices", tuple(heads), tuple(rows), words=2)


def _last_visit(cell: Mapping[str, Any]) -> object:
    """Return the coverage of the visit that was left out; None where no machine was measured."""
    visit = cell.get("time", {}).get("calibration", {}) if cell["device"] else {}
    return visit.get("coverage_90")


def _grid(space: str, cells: Sequence[Mapping[str, Any]], ensemble: bool) -> Grid:
    heads = ["metric", "device", *(f"{level} %" for level in _LEVELS), "area", "CRPS", "last visit"]
    if ensemble:
        heads += ["ensemble: 50 %", "90 %", "area", "CRPS"]
    rows = tuple(tuple(_row(cell, ensemble)) for cell in cells)
    return Grid(f"{space}: coverage of intervals", tuple(heads), rows, words=2)


def _row(cell: Mapping[str, Any], ensemble: bool) -> Iterator[str]:
    unit, own = metrics.get(cell["metric"]).unit, cell["calibration"]
    yield from where(cell)
    yield from (_percent(own[f"coverage_{level}"]) for level in _LEVELS)
    yield number(own["miscalibration_area"])
    yield units.format(own["crps"], unit)
    yield _percent(_last_visit(cell))
    if ensemble:
        other = cell.get("ensemble", {})
        yield from (_percent(other.get(f"coverage_{level}")) for level in ("50", "90"))
        yield number(other.get("miscalibration_area"))
        yield units.format(other["crps"], unit) if other else "-"


def _percent(share: object) -> str:
    return f"{100.0 * share:.1f}" if isinstance(share, float | int) else "-"
