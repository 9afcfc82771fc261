"""The hand that draws: one style for all plots, axes in people's units, nothing global changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hwbench import metrics, units
from hwbench.arrays import FloatArray
from hwbench.errors import require
from hwbench.report.chapter import Chapter
from hwbench.search import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "EXACT", "GREY", "Axis"]

COLOURS: Final = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6bb1"),
    *("#999933", "#b3446c", "#44aa99", "#6b7280", "#b07aa1"),
)
"""Those of the page; told apart with most kinds of colour blindness (Okabe and Ito first)."""
EXACT: Final = "#c2410c"
GREY: Final = "#c3cad2"
_INK: Final = "#30363d"
_LINE: Final = "#d9dee5"
_MANY_LAYERS: Final = 24  # beyond, cells are too narrow for the usual size of letters


@dataclass(frozen=True)
class Axis:
    """Turns a column of minimised objectives into what stands at an axis.

    Attributes:
        column: Number of the objective.
        sign: 1, or -1 for a metric that is maximised.
        factor: One shown unit in SI units.
        label: With the unit.
    """

    column: int
    sign: float
    factor: float
    label: str

    def __call__(self, points: FloatArray, /) -> FloatArray:
        """Return shown values `(n,)` of `n x m` objectives."""
        shown: FloatArray = points[:, self.column] * self.sign / self.factor
        return shown


def axes_of(chapter: Chapter, /) -> tuple[Axis, Axis]:
    """Return the axes of the second objective (across) and the first (up)."""
    goals = chapter.problem.objectives
    sizes = np.abs(chapter.points(chapter.best)).max(axis=0, initial=0.0)
    made = [_axis(k, goal, float(sizes[k])) for k, goal in enumerate(goals[:2])]
    return made[1], made[0]


def _axis(column: int, goal: Objective, size: float) -> Axis:
    metric = metrics.get(goal.metric)
    symbol = units.format(size, metric.unit).partition(" ")[2]
    factor = units.parse(f"1 {symbol}", metric.unit) if symbol else 1.0
    place = f" on {', '.join(goal.devices)}" if goal.devices else ""
    if len(goal.devices) > 1:
        place = f", {'worst' if goal.aggregate == 'max' else 'mean'} of {', '.join(goal.devices)}"
    return Axis(
        column, goal.sign, factor, metric.label + place + (f" ({symbol})" if symbol else "")
    )


def figure(title: str, /, *, legend: bool = False, wide: bool = False) -> tuple[Figure, Axes]:
    """Make a figure with one pair of axes."""
    made = _new((7.2, 3.4) if wide else (6.2 if legend else 5.0, 3.6))
    axes = made.add_subplot()
    axes.set_title(title, fontsize=9, loc="left", color=_INK)
    _tidy(axes)
    return made, axes


def grid(title: str, n: int, /, *, first: int) -> tuple[Figure, list[Axes]]:
    """Make a figure with a row of axes for each choice; the first ones are wide."""
    wide, narrow = max(first, 1), n - first
    made = _new((7.2, 1.75 * wide + (1.6 if narrow else 0.0)))
    made.suptitle(title, fontsize=9, x=0.01, ha="left", color=_INK)
    rows = made.add_gridspec(wide + (1 if narrow else 0), max(narrow, 1))
    found = [made.add_subplot(rows[k, :]) for k in range(first)]
    found += [made.add_subplot(rows[wide if first else 0, k]) for k in range(narrow)]
    return made, found


def staircase(
    axes: Axes,
    points: FloatArray,
    x: Axis,
    y: Axis,
    /,
    *,
    color: str,
    label: str | None = None,
    lw: float = 1.2,
) -> None:
    """Draw what a front attains: it keeps its level until its next point."""
    ordered = points[np.argsort(points[:, x.column], kind="stable")]
    axes.step(x(ordered), y(ordered), where="post", color=color, lw=lw, label=label, zorder=4)


def parallel(axes: Axes, values: FloatArray, titles: Sequence[str], names: Sequence[str]) -> None:
    """Draw parallel coordinates, each axis from its best (below) to its worst value."""
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    better_high = np.array([metrics.get(name).direction == "maximize" for name in names])
    scaled = np.where(better_high, 1.0 - scaled, scaled)
    at = np.arange(len(names))
    colours = require("matplotlib", "report").colormaps["viridis"]
    for line, shade in zip(scaled, np.linspace(0.0, 0.92, len(scaled)), strict=True):
        axes.plot(at, line, color=colours(shade), lw=0.8, alpha=0.6)
    for k, name in enumerate(names):
        unit = metrics.get(name).unit
        best, worst = (high[k], low[k]) if better_high[k] else (low[k], high[k])
        axes.axvline(k, color=_LINE, lw=0.8, zorder=0)
        axes.text(k, -0.04, units.format(best, unit), ha="center", va="top", fontsize=7)
        axes.text(k, 1.04, units.format(worst, unit), ha="center", va="bottom", fontsize=7)
    axes.set_xticks(at, titles, fontsize=7)
    axes.tick_params(axis="x", pad=12)
    axes.set(yticks=[], ylim=(-0.02, 1.02), ylabel="best  →  worst")
    axes.title.set_position((0.0, 1.1))
    axes.set_title(axes.get_title("left"), fontsize=9, loc="left", pad=18, color=_INK)
    for side in axes.spines.values():
        side.set_visible(False)


def shares(
    axes: Axes, found: FloatArray, values: Sequence[str], title: str, *, per_layer: bool
) -> None:
    """Draw shares, `values x layers`, as shaded cells with their percent."""
    size = 7 if found.shape[1] <= _MANY_LAYERS else 5
    axes.imshow(found, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", origin="lower")
    for (row, column), share in np.ndenumerate(found):
        if share >= 0.005:
            ink = "white" if share > 0.6 else _INK
            text = f"{share * 100:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
    axes.set_yticks(range(len(values)), values, fontsize=7)
    layers = range(found.shape[1]) if per_layer else []
    axes.set_xticks(layers, [str(k + 1) for k in layers], fontsize=size)
    where = " (layers that are there)" if per_layer else ""
    axes.set_title(f"{title}, % of the front{where}", fontsize=8)
    if per_layer:
        axes.set_xlabel("layer", fontsize=7)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def finish(made: Figure, axes: Axes, x: Axis, y: Axis, /) -> None:
    """Name the axes and add the legend."""
    axes.set_xlabel(x.label)
    axes.set_ylabel(y.label)
    legend(made, axes)


def legend(made: Figure, axes: Axes, /) -> None:
    """Put the legend beside the axes, where it hides nothing."""
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7, frameon=False, markerscale=1.6
    )


def no_date(suffix: str, /) -> dict[str, Any]:
    """Return what keeps the time of drawing out of a file."""
    if suffix == "pdf":
        return {"CreationDate": None}
    return {"Date": None} if suffix == "svg" else {"Software": None}


def _new(size: tuple[float, float]) -> Figure:
    made: Figure = require("matplotlib.figure", "report").Figure(figsize=size, layout="constrained")
    return made


def _tidy(axes: Axes) -> None:
    axes.grid(color=_LINE, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=7, color=_LINE)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    for side in axes.spines.values():
        side.set_color(_LINE)
