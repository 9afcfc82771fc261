"""Plots for papers: PNG, PDF or SVG with matplotlib (extra `report`).

One file a chapter and kind: `front`, `progress`, `attainment`, `parallel`, `layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hwbench import metrics
from hwbench.arrays import FloatArray
from hwbench.report import drawing
from hwbench.report.chapter import Chapter, Report, spread
from hwbench.report.curves import curves, measure
from hwbench.report.drawing import COLOURS, EXACT, GREY, Axis
from hwbench.search.indicators import attainment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "write_plots"]


_SEEN: Final = "#9cc3e6"


def write_plots(report: Report, folder: str | Path, /, *, suffix: str = "png") -> list[Path]:
    """Write all plots of a report.

    Args:
        report: What to draw.
        folder: Where to.
        suffix: "png", "pdf" or "svg".

    Returns:
        The files; a plot that says nothing about a problem (the attainment of one run, say) is
        left out.

    Raises:
        MissingExtraError: If matplotlib or moocore is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for chapter in report.chapters:
        for name, draw in PLOTS.items():
            figure = draw(chapter)
            if figure is not None:
                path = target / f"{chapter.label}-{name}.{suffix}"
                # No date inside, so that equal reports give equal files.
                figure.savefig(path, dpi=200, metadata=drawing.no_date(suffix))
                written.append(path)
    return written


def front(chapter: Chapter, /) -> Figure | None:
    """Draw what was evaluated, the front of each method, and the exact front."""
    if len(chapter.problem.objectives) < 2:
        return None
    figure, axes = drawing.figure(chapter.label, legend=True)
    x, y = drawing.axes_of(chapter)
    found = chapter.evaluator.evaluate(chapter.others(4000))
    holds = found.violations <= 0.0
    seen = found.objectives
    for points, colour, label in (
        (seen[~holds], GREY, "breaks a limit"),
        (seen[holds], _SEEN, "evaluated"),
    ):
        if len(points):
            axes.scatter(*_pair(points, x, y), s=6, color=colour, lw=0, label=label)
    for k, (method, codes) in enumerate(chapter.fronts.items()):
        points = chapter.points(codes)
        colour = COLOURS[k % len(COLOURS)]
        axes.scatter(*_pair(points, x, y), s=14, color=colour, lw=0, label=method, zorder=3)
    if chapter.exact is not None and len(chapter.problem.objectives) == 2:
        drawing.staircase(axes, chapter.points(chapter.exact), x, y, color=EXACT, label="exact")
    drawing.finish(figure, axes, x, y)
    return figure


def progress(chapter: Chapter, /) -> Figure | None:
    """Draw how far each method is from the best front over evaluations, with quartiles."""
    found = curves(chapter)
    if not found:
        return None
    figure, axes = drawing.figure(chapter.label, legend=True)
    for k, curve in enumerate(found):
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(curve.at, curve.middle, color=colour, label=curve.method)
        if chapter.several:
            axes.fill_between(curve.at, curve.low, curve.high, color=colour, alpha=0.15, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="evaluations", ylabel=measure(chapter))
    drawing.legend(figure, axes)
    return figure


def attained(chapter: Chapter, /) -> Figure | None:
    """Draw the surface that half the runs of each method attain, and the quartiles."""
    if len(chapter.problem.objectives) != 2 or not chapter.several:
        return None
    figure, axes = drawing.figure(chapter.label, legend=True)
    x, y = drawing.axes_of(chapter)
    for k, method in enumerate(chapter.methods):
        fronts = [chapter.points(run.codes[run.front()]) for run in chapter.of(method)]
        surfaces = attainment(fronts, levels=[25.0, 50.0, 75.0])
        colour = COLOURS[k % len(COLOURS)]
        for surface, width in zip(surfaces, (0.5, 1.4, 0.5), strict=True):
            label = method if width > 1 else None
            drawing.staircase(axes, surface, x, y, color=colour, label=label, lw=width)
    if chapter.exact is not None:
        drawing.staircase(axes, chapter.points(chapter.exact), x, y, color=EXACT, label="exact")
    drawing.finish(figure, axes, x, y)
    return figure


def parallel(chapter: Chapter, /) -> Figure | None:
    """Draw each architecture of the best front as a line through all its metrics, scaled."""
    codes = spread(chapter.best, 120)
    if len(codes) < 2:
        return None
    devices = dict.fromkeys(d for goal in chapter.problem.objectives for d in goal.devices)
    device = next(iter(devices), chapter.bench.devices[0] if chapter.bench.devices else None)
    names = chapter.bench.metrics(device)
    places = [(n, device if metrics.get(n).needs_device else None) for n in names]
    values = chapter.bench.predict_many(codes, places)
    figure, axes = drawing.figure(chapter.label, wide=True)
    drawing.parallel(axes, values, [_title(name, device) for name in names], names)
    return figure


def layers(chapter: Chapter, /) -> Figure | None:
    """Draw what the best architectures have in common: how often each value, layer by layer."""
    space = chapter.problem.space
    codes = chapter.best
    if not len(codes):
        return None
    choices = [*space.layered, *space.shared]
    figure, grid = drawing.grid(chapter.label, len(choices), first=len(space.layered))
    active = np.arange(space.max_depth) < space.depths(codes)[:, None]
    for axes, choice in zip(grid, choices, strict=True):
        found = np.asarray(space.values(codes, choice.name))
        per_layer = found.ndim == 2
        columns = found if per_layer else found[:, None]
        there = active if per_layer else np.ones_like(columns, dtype=bool)
        shares = np.stack([((columns == v) & there).sum(axis=0) for v in choice.values])
        drawing.shares(
            axes,
            shares / np.maximum(there.sum(axis=0), 1),
            [str(value) for value in choice.values],
            choice.name,
            per_layer=per_layer,
        )
    return figure


PLOTS: Final[Mapping[str, Callable[[Chapter], Any]]] = {
    "front": front,
    "progress": progress,
    "attainment": attained,
    "parallel": parallel,
    "layers": layers,
}
"""Name -> what draws it; None where there is nothing to draw."""


def _pair(points: FloatArray, x: Axis, y: Axis) -> tuple[FloatArray, FloatArray]:
    return x(points), y(points)


def _title(name: str, device: str | None) -> str:
    metric = metrics.get(name)
    return metric.label + (f"\n{device}" if metric.needs_device else "")
