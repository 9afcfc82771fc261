"""What a limit asks of a prediction, at a confidence and with a margin.

Errors of surrogates are relative and their distribution depends only on the shared choices, so a
limit on measurements is a limit on predictions, with one bound for each combination of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.search.problem import Limit
from hwbench.spaces import Space

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark

__all__ = ["allowed", "margin", "shared_number", "tightening", "violation"]


def tightening(bench: Benchmark, limit: Limit, /) -> FloatArray:
    """Return the factor on a prediction before it is held to the bound.

    A limit "max" at confidence q asks that the q-quantile of a measurement keeps the bound, a
    limit "min" the (1 - q)-quantile; the measurement is one in a new visit to the device. The
    margin then multiplies by 1 + margin or 1 - margin.

    Returns:
        `(C,)`, one for each combination of shared choices, numbered as `shared_number` does.

    Raises:
        UnknownNameError: If the benchmark lacks the metric or the device.
    """
    factors = np.full(_combinations(bench.space), margin(limit))
    uncertainty = bench.uncertainty(limit.metric, limit.device)
    if limit.confidence is None or uncertainty is None:
        return factors
    level = limit.confidence if limit.sense == "max" else 1.0 - limit.confidence
    return factors * uncertainty.quantile(level)[uncertainty.group]


def margin(limit: Limit, /) -> float:
    """Return the factor on a value that keeps the margin of a limit: 1 + margin or 1 - margin."""
    return 1.0 + limit.margin if limit.sense == "max" else 1.0 - limit.margin


def allowed(bench: Benchmark, limit: Limit, /) -> FloatArray:
    """Return the greatest ("min": smallest) prediction that keeps a limit, `(C,)`.

    Raises:
        UnknownNameError: As `tightening`.
    """
    bounds: FloatArray = limit.bound / tightening(bench, limit)
    return bounds


def violation(values: FloatArray, limit: Limit, /) -> FloatArray:
    """Return by how much values break the bound of a limit, relative to it; 0 where they keep it.

    Args:
        values: `(n,)` in SI units, tightened already.
        limit: The limit.
    """
    beyond = values - limit.bound if limit.sense == "max" else limit.bound - values
    return np.maximum(beyond / limit.bound, 0.0)


def shared_number(space: Space, codes: Codes, /) -> Int64Array:
    """Return the number of the combination of shared choices of each code, `(n,)`.

    The last shared choice counts fastest, as in the tables of layer-wise surrogates.
    """
    number = np.zeros(len(codes), dtype=np.int64)
    for column, choice in enumerate(space.shared):
        number = number * len(choice) + codes[:, column]
    return number


def _combinations(space: Space) -> int:
    return int(np.prod([len(choice) for choice in space.shared], dtype=np.int64))
