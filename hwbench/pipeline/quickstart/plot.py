"""The plot of a quickstart: the exact front, what was measured, the answer and its limit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hwbench.pipeline.quickstart.result import Check
from hwbench.report import drawing
from hwbench.report.drawing import COLOURS, EXACT, GREY, Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hwbench.data import Table
    from hwbench.report import Chapter
    from hwbench.search import Problem
    from hwbench.search.exact import ExactResult

__all__ = ["write_plot"]


def write_plot(
    path: Path,
    chapter: Chapter,
    problem: Problem,
    checks: Sequence[Check],
    best: ExactResult,
    measured: Table,
    /,
) -> Path:
    """Draw perplexity over latency.

    Args:
        path: Where to.
        chapter: The front and the run beside it; its objectives are perplexity and latency.
        problem: What the answer was searched for.
        checks: Predictions of the answer against measurements.
        best: The answer.
        measured: Latencies that were measured.

    Returns:
        Where it lies.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    figure, axes = drawing.figure(f"{chapter.bench.name} on this machine", legend=True)
    x, y = drawing.axes_of(chapter)
    drawing.staircase(
        axes, chapter.points(chapter.best), x, y, color=EXACT, label="best possible, predicted"
    )
    run = chapter.runs[0]
    points = run.objectives[run.front()]
    axes.scatter(
        x(points), y(points), s=8, color=GREY, lw=0, label=f"{run.method}, {len(run)} evaluations"
    )
    _measured(axes, chapter, measured, x)
    for limit in problem.limits:
        if limit.metric == "latency_s":
            axes.axvline(limit.bound / x.factor, color=COLOURS[9], lw=0.8, ls="--", label="limit")
    for check in checks:
        if check.metric == "latency_s":
            _answer(axes, check, best.values["perplexity"], x)
    drawing.finish(figure, axes, x, y)
    figure.savefig(path, dpi=200, metadata=drawing.no_date("png"))
    return path


def _measured(axes: Axes, chapter: Chapter, table: Table, x: Axis) -> None:
    codes, number = np.unique(table.codes, axis=0, return_inverse=True)
    center, number = table.center(), number.reshape(-1)
    latency = [float(np.median(center[number == k])) for k in range(len(codes))]
    perplexity = chapter.bench.predict_many(codes, [("perplexity", None)])[:, 0]
    axes.scatter(
        np.array(latency) / x.factor,
        perplexity,
        s=14,
        color=COLOURS[0],
        lw=0,
        label="measured to learn from",
    )


def _answer(axes: Axes, check: Check, perplexity: float, x: Axis) -> None:
    ends = [[check.predicted - check.lower], [check.upper - check.predicted]]
    axes.errorbar(
        check.predicted / x.factor,
        perplexity,
        xerr=np.array(ends) / x.factor,
        fmt="o",
        ms=4,
        color=COLOURS[2],
        capsize=2,
        label="answer, predicted",
        zorder=5,
    )
    at = np.array(check.measured) / x.factor
    height = np.full(len(at), perplexity)
    axes.scatter(at, height, s=30, marker="x", color="black", label="answer, measured", zorder=6)
