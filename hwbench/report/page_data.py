"""What the page knows, as JSON values: architectures once, with every metric on every device.

Numbers have five significant digits; architectures are codes, one base-36 digit a choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from hwbench import __version__
from hwbench.arrays import Codes, FloatArray
from hwbench.report.chapter import Chapter, Report, spread
from hwbench.report.columns import Columns
from hwbench.report.curves import Curve, curves, measure
from hwbench.spaces import Space
from hwbench.spaces.choice import to_text

__all__ = ["page_data"]

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_FINEST: Final = 1 / 400  # of the extent of a front: what the eye tells apart on the page
_OTHERS: Final = 0.4  # share of the page for architectures that are on no front


def page_data(report: Report, /, *, most: int) -> dict[str, object]:
    """Return the data of a page.

    Args:
        report: What to show.
        most: Architectures to hold, about; all chapters together.
    """
    first = report.chapters[0]
    members = [_Members(chapter, most // len(report.chapters)) for chapter in report.chapters]
    codes = np.unique(np.concatenate([member.codes for member in members]), axis=0)
    number = {code.tobytes(): k for k, code in enumerate(codes)}
    columns = Columns(first.bench, codes)
    columns.chapters(report.chapters)
    return {
        "title": report.title,
        "footer": _footer(report),
        "command": _command(first),
        "benchmark": {"name": first.bench.name, "sha256": first.bench.sha256},
        "space": _space(first.problem.space),
        "columns": [column.to_dict() for column in columns.columns],
        "codes": ["".join(_DIGITS[i] for i in code) for code in codes],
        "values": [_numbers(values) for values in columns.values],
        "problems": [_problem(report, member, columns, number) for member in members],
        "ranking": report.ranking,
    }


class _Members:
    """The architectures of a chapter that the page holds."""

    def __init__(self, chapter: Chapter, most: int) -> None:
        self.chapter = chapter
        share = max(int(most * (1.0 - _OTHERS)) // (len(chapter.methods) + 1), 2)
        self.fronts = {name: spread(codes, share) for name, codes in chapter.fronts.items()}
        exact = np.zeros((0, chapter.problem.space.n_choices), dtype=np.uint8)
        self.exact = exact if chapter.exact is None else spread(chapter.exact, share)
        used = sum(map(len, self.fronts.values())) + len(self.exact)
        self.others = chapter.others(max(most - used, 0)) if most > used else exact[:0]
        self.codes: Codes = np.concatenate([*self.fronts.values(), self.exact, self.others])


def _problem(
    report: Report, member: _Members, columns: Columns, number: dict[bytes, int]
) -> dict[str, object]:
    chapter = member.chapter
    found: dict[int, list[int]] = {}
    for k, codes in enumerate(member.fronts.values()):
        for code in codes:
            found.setdefault(number[code.tobytes()], []).append(k)
    bounds = [
        {"column": columns.limit(limit), "sense": limit.sense, "bound": limit.bound}
        for limit in chapter.problem.limits
    ]
    traces = curves(chapter) if chapter.several else ()
    return {
        "label": chapter.label,
        "text": str(chapter.problem),
        "objectives": [columns.objective(goal) for goal in chapter.problem.objectives],
        "limits": bounds,
        "methods": list(member.fronts),
        "points": _rows(member.codes, number),
        "exact": _rows(member.exact, number),
        "line": _line(chapter),
        "found": {str(point): methods for point, methods in found.items()},
        "curves": [_curve(curve, chapter) for curve in traces],
        "measure": measure(chapter),
        "figures": _figures(report, chapter),
    }


def _line(chapter: Chapter) -> list[list[float | int | None]]:
    """Return places of the exact front of two objectives as shown, too close ones left out."""
    goals = chapter.problem.objectives
    if chapter.exact is None or len(goals) != 2:
        return []
    points = chapter.points(chapter.exact)
    step = np.ptp(points, axis=0) * _FINEST
    kept: list[int] = []
    for k in range(len(points)):
        if kept and np.all(np.abs(points[k] - points[kept[-1]]) <= step):
            continue
        if kept and kept[-1] != k - 1:
            kept.append(k - 1)  # the near side of a jump
        kept.append(k)
    kept = list(dict.fromkeys([*kept, len(points) - 1]))
    signs = np.array([goal.sign for goal in goals])
    return [_numbers(place) for place in points[kept] * signs]


def _figures(report: Report, chapter: Chapter) -> dict[str, object]:
    rows = report.figures.get(chapter.label, {})
    titles = list(dict.fromkeys(title for row in rows.values() for title in row))
    cells = [
        {"method": chapter.methods.index(name), "cells": [row.get(title, "-") for title in titles]}
        for name, row in rows.items()
    ]
    return {"titles": titles, "rows": cells}


def _curve(curve: Curve, chapter: Chapter) -> dict[str, object]:
    return {
        "method": chapter.methods.index(curve.method),
        "at": curve.at.tolist(),
        "low": _numbers(curve.low),
        "middle": _numbers(curve.middle),
        "high": _numbers(curve.high),
    }


def _rows(codes: Codes, number: dict[bytes, int]) -> list[int]:
    return list(dict.fromkeys(number[code.tobytes()] for code in codes))


def _numbers(values: FloatArray) -> list[float | int | None]:
    return [_short(value) for value in values.tolist()]


def _short(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.5g}")
    return int(rounded) if rounded.is_integer() else rounded


def _space(space: Space) -> dict[str, object]:
    def texts(choices: Iterable[object]) -> list[str]:
        return [to_text(value) for value in choices]  # type: ignore[arg-type]

    return {
        "name": space.name,
        "depth": space.depth,
        "layers": space.max_depth,
        "shared": [{"name": c.name, "values": texts(c.values)} for c in space.shared],
        "layered": [{"name": c.name, "values": texts(c.values)} for c in space.layered],
    }


def _command(chapter: Chapter) -> str:
    return f"hwbench query {chapter.bench.name}"


def _footer(report: Report) -> str:
    bench = report.chapters[0].bench
    digest = f" (sha256 {bench.sha256[:12]})" if bench.sha256 else ""
    words = f"Numbers are predictions of the benchmark {bench.name}{digest}, to five digits."
    return f"{words} {report.note} Written by hwbench {__version__}.".replace("  ", " ")
