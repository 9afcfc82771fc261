"""From held-out errors to an `Uncertainty`: whole distribution, and its named parts."""

from __future__ import annotations

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import require
from hwbench.spaces import Space
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.fitting.splits import Held
from hwbench.surrogates.terms import shared_indicator
from hwbench.surrogates.uncertainty import LEVELS, Uncertainty, quantile_grid

__all__ = ["calibrate", "robust_sd", "stretched"]

_ENOUGH = 500
"""Held-out rows from which a group of networks gets a distribution of its own."""


def calibrate(data: Measured, held: Held, /, *, visit_stretch: float) -> Uncertainty:
    """Build the uncertainty of a surrogate from its held-out errors.

    Args:
        data: What was measured.
        held: Out-of-fold predictions.
        visit_stretch: See `stretched`; used where a machine was measured.
    """
    errors = held.errors(data.y)
    total, group = _by_group(errors, data.group, data.space)
    stretch = visit_stretch if data.timed else 1.0
    repeats = np.log(data.repeats / data.y[:, None])
    repeats = repeats[np.isfinite(repeats)] if data.repeats.shape[1] > 1 else np.zeros(1)
    whole, model = robust_sd(errors), float(np.sqrt(np.mean(held.spread**2)))
    session = float(np.sqrt(max(whole**2 - model**2, 0.0)))
    share = session / whole if whole > 0 else 0.0
    return Uncertainty(
        group=group,
        total=total,
        visit=stretched(total, stretch),
        session=quantile_grid((errors - np.median(errors)) * share),
        repeat=quantile_grid(repeats),
        parts={"model": model, "session": session, "repeat": robust_sd(repeats)},
    )


def stretched(grid: FloatArray, factor: float, /) -> FloatArray:
    """Widen quantiles: the normal score of each level is multiplied by `factor`.

    A visit to the machine that was not measured shifts all its numbers together. With the few
    visits of a campaign the size of that shift is hardly known; the factor is measured over many
    devices by leaving visits out.
    """
    stats = require("scipy.stats", "fit")
    levels = stats.norm.cdf(factor * stats.norm.ppf(LEVELS))
    return np.stack([np.interp(levels, LEVELS, row) for row in np.atleast_2d(grid)])


def robust_sd(errors: FloatArray, /) -> float:
    """Return half the width of the central 68.27 % of errors: the standard deviation, if normal."""
    low, high = np.quantile(errors, [0.158655, 0.841345])
    return float(high - low) / 2.0


def _by_group(errors: FloatArray, group: Int64Array, space: Space) -> tuple[FloatArray, Int64Array]:
    """Return one distribution for each value of the first shared choice, or one for all."""
    indicator = shared_indicator(space, space.shared[0].name)  # (C, n)
    counts = np.bincount(group, minlength=indicator.shape[1])
    if counts.min() < _ENOUGH:
        return quantile_grid(errors)[None, :], np.zeros(len(indicator), dtype=np.int64)
    grids = np.stack([quantile_grid(errors[group == g]) for g in range(len(counts))])
    return grids, np.argmax(indicator, axis=1).astype(np.int64)
