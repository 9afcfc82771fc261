"""The figures of a pipeline, drawn with matplotlib (extra `report`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hwbench import metrics, units
from hwbench.pipeline.page import wording
from hwbench.pipeline.page.fields import Interval, of_seeds, of_visits
from hwbench.pipeline.page.pictures import svg_text
from hwbench.pipeline.page.reading import Story
from hwbench.pipeline.page.results import Architecture, Measured, Regret, Results
from hwbench.report import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Drawn", "hardware", "quality", "regret", "write_plots"]

_INK: Final = "#30363d"
_PAPER: Final = "#ffffff"
_PANEL: Final = (3.5, 3.2)
_ROW: Final = 0.21  # inches


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and what is told about it.

    Attributes:
        name: Of its file, unique.
        figure: matplotlib's.
        title: What it is.
        alt: What it shows, in a sentence.
        tips: Id of a part -> what is told when the pointer rests on it.
    """

    name: str
    figure: Figure
    title: str
    alt: str
    tips: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Point:
    """Where an architecture stands, with its bars, in SI units."""

    architecture: Architecture
    x: Interval
    y: Interval


_Reader = Callable[[Architecture], "Interval | None"]


def _surrogate(item: Architecture) -> Interval | None:
    return item.surrogate


def _inherited(item: Architecture) -> Interval | None:
    return None if item.inherited is None else Interval(*[item.inherited] * 3)


def _retrained(item: Architecture) -> Interval | None:
    return of_seeds(item.retrained)


_QUALITIES: Final[Mapping[str, tuple[str, _Reader]]] = {
    "surrogate": ("predicted perplexity (surrogate)", _surrogate),
    "inherited": ("perplexity with inherited weights", _inherited),
    "retrained": ("perplexity after retraining", _retrained),
}
_PAIRS: Final = (
    ("surrogate", "inherited"),
    ("surrogate", "retrained"),
    ("inherited", "retrained"),
)


def quality(results: Results, /) -> list[Drawn]:
    """Draw the three perplexities of each architecture against each other."""
    found = []
    for across, up in _PAIRS:
        (x_label, x), (y_label, y) = _QUALITIES[across], _QUALITIES[up]
        points = _points(results.architectures, x, y)
        if not points:
            continue
        name, title = f"quality-{up}-{across}", f"{up} against {across}"
        # The surrogate predicts the inherited perplexity; a retrained one is another scale.
        figure, axes = _panel(title, x_label, y_label, equal=points if up == "inherited" else ())
        tips = _scatter(axes, points, 1.0)
        told = f"{wording.counted(len(points), 'architecture')}: {y_label} up, {x_label} across."
        found.append(Drawn(name, figure, title, told, tips))
    return found


def hardware(results: Results, /) -> list[Drawn]:
    """Draw each metric as predicted against as measured."""
    names = dict.fromkeys(name for item in results.architectures for name in item.metrics)
    return [drawn for name in names if (drawn := _hardware(results, name)) is not None]


def _hardware(results: Results, name: str) -> Drawn | None:
    def x(item: Architecture) -> Interval | None:
        return of_visits(item.metrics.get(name, Measured(None, ())).measured)

    def y(item: Architecture) -> Interval | None:
        return item.metrics.get(name, Measured(None, ())).predicted

    points = _points(results.architectures, x, y)
    if not points or name not in metrics.METRICS:
        return None
    metric = metrics.get(name)
    factor, symbol = _shown(max(point.x.high for point in points), metric.unit)
    labels = [f"{word} {metric.label}" + (f" ({symbol})" if symbol else "") for word in _WORDS]
    figure, axes = _panel(metric.label, *labels, equal=points, factor=factor)
    tips = _scatter(axes, points, factor)
    told = f"{wording.counted(len(points), 'architecture')}: {labels[1]} up, {labels[0]} across."
    return Drawn(f"hardware-{metric.short}", figure, metric.label, told, tips)


_WORDS: Final = ("measured", "predicted")


def regret(results: Results, /) -> Drawn | None:
    """Draw how far the network of each method is from the best, problem by problem."""
    rows = [row for row in results.regret if row.from_best is not None]
    if not rows:
        return None
    problems = list(dict.fromkeys(row.problem for row in rows))
    figure, axes = drawing.figure("", wide=True)
    figure.set_size_inches(7.2, _ROW * (len(rows) + 1.4 * len(problems)) + 0.6)
    axes.axvline(0.0, color=_INK, lw=0.8, zorder=1)
    at, places, labels = 0.0, [], []
    for problem in problems:
        beside = axes.get_yaxis_transform()
        words = axes.text(-0.012, at, _plain(problem), fontsize=8, weight="bold", transform=beside)
        words.set(ha="right", va="center", color=_INK)
        at += 1.0
        for row in (row for row in rows if row.problem == problem):
            _lollipop(axes, at, row)
            places.append(at)
            labels.append(_plain(wording.method(row.by)))
            at += 1.0
        at += 0.4
    axes.set_yticks(places, labels)
    axes.set(ylim=(at - 0.6, -0.6), xlabel="perplexity above the best feasible retrained one (%)")
    axes.margins(x=0.16)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    title = "regret of each method after retraining"
    told = f"{wording.counted(len(problems), 'problem')}: {_told(rows)}"
    return Drawn("regret", figure, title, told)


def _plain(text: str) -> str:
    """Keep matplotlib from reading formulas into a name."""
    return text.replace("$", r"\$")


def _told(rows: Iterable[Regret]) -> str:
    cells = [f"{r.problem}, {wording.method(r.by)} {wording.percent(r.from_best)}" for r in rows]
    return "; ".join(cells) + "."


def _lollipop(axes: Axes, at: float, row: Regret) -> None:
    """Draw one regret, with a bar from its least to its greatest seed."""
    value, low, high = (100 * end for end in _ends(row))
    kept = row.kept is not False
    colour = drawing.COLOURS[0] if kept else drawing.EXACT
    axes.plot([0.0, value], [at, at], color=colour, lw=3.0, alpha=0.3, solid_capstyle="butt")
    axes.plot([low, high], [at, at], color=colour, lw=1.1)
    axes.plot([value], [at], "o" if kept else "X", ms=6, mfc=colour, mec=_PAPER, mew=0.6)
    words = wording.percent(row.from_best) + ("" if kept else ", breaks a limit")
    place = (max(value, high, 0.0), at)
    told = axes.annotate(words, place, xytext=(7, 0), textcoords="offset points")
    told.set(fontsize=7, va="center", color=_INK)


def _ends(row: Regret) -> Interval:
    """Return a regret and those of its least and greatest seed."""
    share = row.from_best or 0.0
    if not row.perplexity or row.low is None or row.high is None or share <= -1.0:
        return Interval(share, share, share)
    best = row.perplexity / (1.0 + share)
    return Interval(share, row.low / best - 1.0, row.high / best - 1.0)


def _points(found: Iterable[Architecture], x: _Reader, y: _Reader) -> list[_Point]:
    pairs = ((item, x(item), y(item)) for item in found)
    return [_Point(item, a, b) for item, a, b in pairs if a is not None and b is not None]


def _panel(
    title: str, x: str, y: str, /, *, equal: Sequence[_Point] = (), factor: float = 1.0
) -> tuple[Figure, Axes]:
    figure, axes = drawing.figure(title)
    figure.set_size_inches(*_PANEL)
    axes.set(xlabel=x, ylabel=y)
    if equal:
        ends = [v / factor for p in equal for v in (p.x.low, p.x.high, p.y.low, p.y.high)]
        low, high = min(ends), max(ends)
        axes.plot([low, high], [low, high], color=_INK, lw=0.9, ls=(0, (4, 3)), label="equal")
    return figure, axes


def _scatter(axes: Axes, points: Sequence[_Point], factor: float) -> dict[str, str]:
    """Draw points with their bars; return what to tell of each, by its id."""
    tips: dict[str, str] = {}
    named: set[str] = set()
    for k, point in enumerate(points):
        mark, colour, label = _STYLES[point.architecture.picked]
        x, y = ([value / factor for value in side] for side in (point.x, point.y))
        axes.plot(x[1:], [y[0]] * 2, color=colour, lw=0.9, alpha=0.55)
        axes.plot([x[0]] * 2, y[1:], color=colour, lw=0.9, alpha=0.55)
        (drawn,) = axes.plot(x[:1], y[:1], mark, ms=5.0, mfc=colour, mec=_PAPER, mew=0.6, zorder=3)
        drawn.set(gid=f"point-{k}", label="_" if label in named else label)
        named.add(label)
        roles = ", ".join(point.architecture.roles)
        tips[f"point-{k}"] = point.architecture.arch + (f" ({roles})" if roles else "")
    axes.legend(fontsize=7, frameon=False, labelcolor=_INK)
    return tips


_STYLES: Final = {
    False: ("o", drawing.COLOURS[0], "drawn at random"),
    True: ("D", drawing.EXACT, "picked for a problem"),
}


def _shown(size: float, unit: str) -> tuple[float, str]:
    symbol = units.format(size, unit).partition(" ")[2]
    return (units.parse(f"1 {symbol}", unit) if symbol else 1.0), symbol


def write_plots(story: Story, folder: str | Path, /, *, suffix: str = "png") -> list[Path]:
    """Write all figures as files.

    Args:
        story: What to draw; nothing is drawn before the verification.
        folder: Where to.
        suffix: "png", "pdf" or "svg".

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    results = story.results
    if results is None:
        return []
    found = [*quality(results), *hardware(results), regret(results)]
    written = []
    for drawn in filter(None, found):
        path = target / f"{drawn.name}.{suffix}"
        if suffix == "svg":
            path.write_text(svg_text(drawn.figure), encoding="utf-8")
        else:
            drawn.figure.savefig(path, dpi=200, metadata=drawing.no_date(suffix))
        written.append(path)
    return written
