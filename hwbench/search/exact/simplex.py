"""A small linear programme: the weights where a set of cutting planes promises most.

    maximise t   with   t - w @ s[i] <= e[i],   0 <= w <= cap,   sum of the first weights = 1

It has few variables and many rows, so its dual is solved, by the simplex method with a basis as
small as the number of variables (Dantzig and Wolfe's master problem). A start is known, there is no
first phase. Calling a general solver for it takes fifty times as long.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hwbench.arrays import FloatArray

__all__ = ["highest_point"]

_TOLERANCE: Final = 1e-11
_MOST_PIVOTS: Final = 300
_PATIENCE: Final = 40


def highest_point(
    scores: FloatArray, extra: FloatArray, /, *, n_sum: int, cap: float
) -> tuple[FloatArray, float] | None:
    """Return the weights `(J,)` and t; None if rounding keeps the simplex method from ending.

    Args:
        scores: `M x J`, the s of each plane.
        extra: `(M,)`, the e of each plane.
        n_sum: How many weights, the first ones, add up to 1.
        cap: The largest weight allowed.
    """
    m, j = scores.shape
    eye = np.eye(j)
    total = np.where(np.arange(j) < n_sum, 1.0, 0.0)[:, None]
    # Columns: planes, upper bounds, lower bounds, the sum (free, hence twice). Rows: t, then w.
    matrix = np.zeros((1 + j, m + 2 * j + 2))
    matrix[0, :m] = 1.0
    matrix[1:] = np.concatenate([-scores.T, eye, -eye, total, -total], axis=1)
    cost = np.concatenate([extra, np.full(j, cap), np.zeros(j), [1.0, -1.0]])
    right = np.zeros(1 + j)
    right[0] = 1.0
    basis = np.concatenate([[0], np.where(scores[0] >= 0, m, m + j) + np.arange(j)])
    values, stuck = np.inf, 0
    for _ in range(_MOST_PIVOTS):
        square = matrix[:, basis]
        try:
            point = np.linalg.solve(square.T, cost[basis])  # (1 + J,): t and w
            level = np.linalg.solve(square, right)
        except np.linalg.LinAlgError:
            return None
        reduced = cost - point @ matrix
        worst = _TOLERANCE * (1.0 + np.abs(cost))
        if (reduced >= -worst).all():
            return np.clip(point[1:], 0.0, cap), float(point[0])
        stuck = stuck + 1 if point[0] >= values - _TOLERANCE else 0
        values = min(values, float(point[0]))
        # Bland's rule ends every cycle, the steepest column is faster before there is one.
        entering = int(np.argmax(reduced < -worst) if stuck > _PATIENCE else np.argmin(reduced))
        column = np.linalg.solve(square, matrix[:, entering])
        rising = column > _TOLERANCE
        if not rising.any():
            return None
        ratio = np.where(rising, np.maximum(level, 0.0) / np.where(rising, column, 1.0), np.inf)
        ties = np.flatnonzero(ratio <= ratio.min() + 1e-15)
        basis[ties[basis[ties].argmin()]] = entering
    return None
