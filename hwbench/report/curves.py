"""Missing hypervolume (or regret) over evaluations, each method with its band over the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.report.chapter import Chapter
from hwbench.search.indicators import Scale, checkpoints, hypervolume
from hwbench.search.study.traces import run_regret, run_trace

__all__ = ["LEAST", "Curve", "curves", "measure"]


LEAST: Final = 1e-4
"""Curves are for log axes: what is nearer than this counts as this far."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One method over its seeds.

    Attributes:
        method: Its name.
        at: `(k,)` numbers of evaluations.
        low: `(k,)` first quartile of the seeds.
        middle: `(k,)` median.
        high: `(k,)` third quartile.
    """

    method: str
    at: Int64Array
    low: FloatArray
    middle: FloatArray
    high: FloatArray


def measure(chapter: Chapter, /) -> str:
    """Say what the curves of a chapter show."""
    if len(chapter.problem.objectives) > 1:
        return "missing hypervolume, share of the best front's"
    return "distance to the optimum" if chapter.exact is not None else "distance to the best found"


def curves(chapter: Chapter, /) -> tuple[Curve, ...]:
    """Return what `measure` says after ever more evaluations, one curve a method.

    The quartiles of seeds that have found nothing feasible yet are NaN.

    Raises:
        MissingExtraError: If moocore is not installed.
    """
    if not len(chapter.best):
        return ()
    best = chapter.points(chapter.best)
    scale = Scale.of(best)
    found = []
    for method in chapter.methods:
        runs = chapter.of(method)
        at = checkpoints(max(run.budget for run in runs))
        if best.shape[1] == 1:
            optimum = float(best[0, 0])
            traces = [run_regret(run, chapter.evaluator, optimum, at) for run in runs]
        else:
            whole = hypervolume(scale(best), ref=scale.ref)
            shares = [run_trace(run, chapter.evaluator, scale, at) / whole for run in runs]
            traces = [1.0 - share for share in shares]
        quartiles = _quartiles(np.maximum(np.stack(traces), LEAST))
        found.append(Curve(method, at, *quartiles))
    return tuple(found)


def _quartiles(traces: FloatArray) -> list[FloatArray]:
    # Infinite: nothing feasible yet. No interpolation, which has no value between a number and it.
    low, middle, high = np.percentile(traces, [25, 50, 75], axis=0, method="nearest")
    return [np.where(np.isfinite(q), q, np.nan) for q in (low, middle, high)]
