"""How sure a calibrated device is: the posterior as an `Uncertainty`, and held-out errors.

The intervals are Bayesian: drawn from the posterior over settings, effects and noise. With ten rows
there is nothing to conform to; what keeps them honest is that noise and kinship were learned from
known devices, and that leaving each of these out in turn shows what they cover
(`benchmarks/few_shot.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.surrogates.fewshot.noise import Noise
from hwbench.surrogates.fewshot.posterior import Believed, FewShot, fit
from hwbench.surrogates.fewshot.prior import Prior
from hwbench.surrogates.fitting.calibrate import robust_sd, stretched
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.folds import random_folds
from hwbench.surrogates.terms import shared_indicator
from hwbench.surrogates.uncertainty import LEVELS, Uncertainty, quantile_grid

__all__ = ["HeldOut", "leave_out", "uncertainty_of"]

VISIT_STRETCH = 1.25
"""How much wider an interval is for another visit: as `visit_stretch` of the recipe that ships."""

_DRAWS = 6000
_SEED = 20240518
_FOLDS = 10
_CONFORMING = 30
"""Architectures from which intervals are held against errors on those left out."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows predicted without their architecture.

    Attributes:
        errors: `(n,)` log(measured / predicted).
        inside: Share of the rows inside their 90 % interval.
    """

    errors: FloatArray
    inside: float

    @property
    def mape(self) -> float:
        """Mean absolute error relative to what was measured."""
        return float(np.mean(np.abs(np.expm1(-self.errors))))


def uncertainty_of(found: FewShot, repeats: FloatArray, y: FloatArray, /) -> Uncertainty:
    """Return the predictive distribution of a calibrated device.

    Args:
        found: The device.
        repeats: `n x r` raw repeats behind its rows; NaN where there are fewer.
        y: `(n,)` their medians.
    """
    prior, rng = found.prior, np.random.default_rng(_SEED)
    level = prior.sample @ found.effects
    groups = np.unique(prior.leading)
    draws = [_draw(found, np.flatnonzero(prior.leading == g), rng) for g in groups]
    total = np.stack([quantile_grid(model + noise) for model, noise in draws])
    total *= _factor(found, total, groups)
    noise = np.concatenate([noise for _, noise in draws])
    logs = np.log(repeats / y[:, None])
    logs = logs[np.isfinite(logs)] if repeats.shape[1] > 1 else np.zeros(1)
    model = float(np.sqrt(np.mean(found.spread(prior.sample[level > 0]) ** 2)))
    return Uncertainty(
        group=_group(prior),
        total=total,
        visit=stretched(total, VISIT_STRETCH),
        session=quantile_grid(noise),
        repeat=quantile_grid(logs),
        parts={"model": model, "session": robust_sd(noise), "repeat": robust_sd(logs)},
    )


def leave_out(
    prior: Prior, data: Measured, noises: Sequence[Noise], /, *, level: float = 0.9
) -> HeldOut | None:
    """Predict every architecture from the others, in ten parts or one at a time.

    Args:
        prior: What was known before.
        data: What was measured.
        noises: How measurements may scatter.
        level: Level of the intervals that are checked.

    Returns:
        None if there are fewer than three architectures.
    """
    _, number = np.unique(data.codes, axis=0, return_inverse=True)
    number = number.reshape(-1)
    count = int(number.max()) + 1
    if count < 3:
        return None
    fold = random_folds(count, min(_FOLDS, count), np.random.default_rng(_SEED))[number]
    errors, inside = np.zeros(len(data)), np.zeros(len(data), dtype=np.bool_)
    for k in np.unique(fold):
        rows, others = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        seen = data.select(others)
        order = seen.position if seen.timed else None
        found = fit(prior, seen.codes, seen.y, order=order, noises=noises)
        known = uncertainty_of(found, seen.repeats, seen.y)
        errors[rows] = np.log(data.y[rows] / found.predictor().predict(data.codes[rows]))
        low, high = known.bounds(level, visit="measured")
        group = data.group[rows]
        inside[rows] = (errors[rows] >= np.log(low[group])) & (errors[rows] <= np.log(high[group]))
    return HeldOut(errors, float(inside.mean()))


def _draw(
    found: FewShot, rows: Int64Array, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw errors of the model and of a measurement, for architectures of one group."""
    belief = np.array([one.belief for one in found.believed])
    counts = rng.multinomial(_DRAWS, belief / belief.sum())
    drawn = [
        _errors(found, one, found.prior.sample[rng.choice(rows, count)], rng)
        for one, count in zip(found.believed, counts, strict=True)
        if count
    ]
    return np.concatenate([m for m, _ in drawn]), np.concatenate([n for _, n in drawn])


def _errors(
    found: FewShot, one: Believed, x: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    level = x @ found.effects
    own = np.sqrt(np.einsum("nk,kl,nl->n", x, one.covariance, x))
    own = np.sqrt(own**2 + one.scatter.own**2)
    model = (x @ one.mean - level + own * rng.standard_normal(len(x))) / level
    noise = one.scatter.scale * rng.standard_t(one.scatter.freedom, len(x))
    noise += one.scatter.scale * one.drift * rng.standard_normal(len(x))
    return np.asarray(np.log1p(np.maximum(model, -0.9))), noise


def _factor(found: FewShot, total: FloatArray, groups: Int64Array) -> float:
    """Return by how much errors on architectures left out exceed the intervals.

    With enough architectures there is something to conform to: the factor is the one that makes
    the 90 % interval hold as many of them as it would have to (Papadopoulos 2008; the rank
    corrected for finite samples). It stands for what the posterior cannot know: that effects which
    add up are not the whole truth.
    """
    if len(np.unique(found.codes, axis=0)) < _CONFORMING:
        return 1.0
    errors = found.left_out
    row = np.searchsorted(groups, found.codes[:, 0]).clip(0, len(groups) - 1)
    ends = [np.array([np.interp(p, LEVELS, grid) for grid in total])[row] for p in (0.05, 0.95)]
    scores = np.sort(errors / np.where(errors < 0, *ends))
    return float(scores[int(np.ceil(0.9 * (len(scores) + 1))) - 1])


def _group(prior: Prior) -> Int64Array:
    """Return the row of the distributions that each shared combination uses, `(C,)`."""
    space = prior.basis.space
    first = np.argmax(shared_indicator(space, space.shared[0].name), axis=1)
    there = np.unique(prior.leading)
    found = np.searchsorted(there, first).clip(0, len(there) - 1)
    return np.asarray(found, dtype=np.int64)
