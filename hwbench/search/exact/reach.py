"""What values a metric can take, and the architecture nearest to limits that none keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwbench.search.exact.branch import Outcome, minimise
from hwbench.search.exact.tables import dimensions_of, limit_dimension, model_of
from hwbench.search.problem import Objective, Problem

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.spaces.choice import Scalar

__all__ = ["nearest", "reachable"]


def reachable(
    bench: Benchmark,
    metric: str,
    device: str | None = None,
    /,
    *,
    fixed: Mapping[str, tuple[Scalar, ...]] | None = None,
) -> tuple[float, float]:
    """Return the smallest and the greatest value of a metric: both are values of architectures.

    Args:
        bench: The benchmark.
        metric: Name of a metric.
        device: The device; may be left out for a metric that needs none.
        fixed: Choice -> the values it may take; all by default.

    Raises:
        NoCertificateError: If the metric is not made of layer-wise tables.
        UnknownNameError: If the benchmark lacks the metric or device.
    """
    goal = Objective(metric, () if device is None else (device,))
    problem = Problem(bench.space, (goal,), fixed=fixed or {})
    ends = []
    for sign in (1.0, -1.0):
        (dimension,) = dimensions_of(bench, goal)
        parts = tuple((terms, sign) for terms, _ in dimension.parts)
        model = model_of(bench, problem, (replace(dimension, parts=parts),), ())
        best = minimise(model).best
        assert best is not None
        code = model.codes(best.c, best.choice[None, :])
        ends.append(float(bench.predict(code, goal.metric, device)[0]))
    return ends[0], ends[1]


def nearest(bench: Benchmark, problem: Problem, /) -> Outcome:
    """Find the architecture whose worst relative violation of the limits is smallest.

    Limits on metrics with logarithmic scores count by log(value / bound).
    """
    goals = []
    for limit in problem.limits:
        dimension, bounds = limit_dimension(bench, limit)
        # Limits that no architecture can keep for another reason than its value count as they are.
        known = np.where(np.isfinite(bounds), bounds, 0.0)
        if dimension.log:
            goals.append(replace(dimension, shift=-known))
            continue
        unit = abs(limit.bound)
        parts = tuple((terms, weight / unit) for terms, weight in dimension.parts)
        goals.append(replace(dimension, parts=parts, shift=-known / unit, log=True))
    return minimise(model_of(bench, problem, goals, ()))
