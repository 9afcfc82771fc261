"""From a prior and some measurements to the effects of a new device, and what stays unknown.

Gaussian process regression in the space of effects, with four things added:

- Noise has heavy tails (Student's t, by the variational scale mixture of Tipping & Lawrence 2005):
  a card that boosted its clock for one row must not bend the whole surrogate.
- Drift is estimated with the effects, where the order of measurement is known: a process of time
  whose size is learned, too (0 if there is none).
- Where architectures come more than once, what each differs by from a sum of effects is told from
  noise: its size is learned, too. Else repeats of few architectures would pass for knowledge.
- Settings (`Setting`) are not chosen but averaged over, each weighted by the evidence for it. The
  mean over settings is still a sum over layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.errors import DataError, ShapeError, require
from hwbench.surrogates.fewshot.noise import ANY_NOISE, Noise
from hwbench.surrogates.fewshot.prior import Prior, Setting
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor

__all__ = ["Believed", "FewShot", "fit"]

_DRIFTS = (0.0, 1.0, 3.0, 10.0)
"""Standard deviation of the drift in units of the noise."""

_OWN = (0.0, 0.003, 0.01, 0.03, 0.1)
"""Standard deviation of what an architecture has of its own, relative."""

_SPAN = 0.25
"""How long drift remembers, as a share of the campaign."""

_ENOUGH = 6
"""Rows from which drift is looked for."""

_ROUNDS = 12
_FEW = 3
_MANY = 40
"""Rows above which fewer settings do."""

_SETTLED = 1e-3
_HOPELESS = 12.0
"""Beliefs this far (in nats) behind the best after a few rounds are not followed up."""

_LEAST = 1e-3
"""Settings believed less than this, relative to the best, are left out."""


@final
@dataclass(frozen=True, eq=False)
class Believed:
    """What one setting makes of the measurements.

    Attributes:
        setting: The setting.
        scatter: The noise believed in.
        drift: Standard deviation of drift over that of noise.
        belief: Probability of the setting.
        mean: `(k,)` relative effects, the speed in them.
        covariance: `k x k`, of effects over speed.
        trust: `(n,)` weights of the rows, about 1 for ordinary ones.
        drifted: `(n,)` estimated log drift of the rows.
        alone: `(n,)` what the rows of other architectures predict for each row.
    """

    setting: Setting
    scatter: Noise
    drift: float
    belief: float
    mean: FloatArray
    covariance: FloatArray
    trust: FloatArray
    drifted: FloatArray
    alone: FloatArray


@final
@dataclass(frozen=True, eq=False)
class FewShot:
    """A calibrated device.

    Attributes:
        prior: What was known before.
        speed: Value of an average architecture, in the unit of the metric.
        believed: The settings that explain the measurements, with their beliefs.
        codes: `n x n_choices` what was measured.
        measured: `(n,)` the measurements, in units of `speed` and of the reference.
    """

    prior: Prior
    speed: float
    believed: tuple[Believed, ...]
    codes: Codes
    measured: FloatArray

    @cached_property
    def effects(self) -> FloatArray:
        """Mean relative effects over settings, in units of `speed`, `(k,)`."""
        total: FloatArray = np.sum([one.belief * one.mean for one in self.believed], axis=0)
        return total

    @property
    def noise(self) -> float:
        """Standard deviation of a measurement, relative, outliers left out."""
        return float(np.sqrt(sum(b.belief * b.scatter.scale**2 for b in self.believed)))

    @property
    def drift(self) -> float:
        """Standard deviation of drift, relative."""
        parts = (b.belief * (b.drift * b.scatter.scale) ** 2 for b in self.believed)
        return float(np.sqrt(sum(parts)))

    @property
    def drifted(self) -> FloatArray:
        """Estimated log drift of the measured rows, `(n,)`."""
        total: FloatArray = np.sum([b.belief * b.drifted for b in self.believed], axis=0)
        return total

    @property
    def trust(self) -> FloatArray:
        """How far each measured row was believed, `(n,)`; about 1 for ordinary ones."""
        total: FloatArray = np.sum([b.belief * b.trust for b in self.believed], axis=0)
        return total

    @property
    def left_out(self) -> FloatArray:
        """Log(measured / predicted) of each row, its architecture left out, `(n,)`.

        Beliefs and trust are those of all rows: a touch too good where rows are few.
        """
        alone = np.sum([one.belief * one.alone for one in self.believed], axis=0)
        return np.asarray(np.log(self.measured / np.maximum(alone, 1e-3)), dtype=np.float64)

    def predictor(self) -> LayerwisePredictor:
        """Return the device's tables."""
        return self.prior.basis.predictor(self.speed * self.prior.absolute(self.effects))

    def spread(self, features: FloatArray, /) -> FloatArray:
        """Return the `(n,)` standard error of predictions, relative.

        Args:
            features: `n x k` relative features, such as `prior.sample`.
        """
        effects = self.effects
        belief = np.array([one.belief for one in self.believed])
        off = features @ np.stack([one.mean - effects for one in self.believed], axis=1)
        covariance = np.sum([one.belief * one.covariance for one in self.believed], axis=0)
        square = off**2 @ belief + ((features @ covariance) * features).sum(axis=1)
        level = features @ effects
        return np.asarray(np.sqrt(square) / level, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The measurements: `n x k` relative features, `(n,)` values in units of a rough speed."""

    x: FloatArray
    z: FloatArray
    drift: FloatArray | None
    """`n x n` correlation of the drift of two rows; None: not looked for."""

    architecture: Int64Array
    """`(n,)` number of the architecture of each row."""

    @property
    def same(self) -> FloatArray:
        """Whether two rows are of one architecture, `n x n`."""
        return np.equal.outer(self.architecture, self.architecture).astype(np.float64)


def fit(
    prior: Prior,
    codes: Codes,
    y: ArrayLike,
    /,
    *,
    order: ArrayLike | None = None,
    noises: Sequence[Noise] = ANY_NOISE,
    settings: Sequence[Setting] | None = None,
) -> FewShot:
    """Calibrate a device.

    Args:
        prior: What the known devices say.
        codes: `n x n_choices` measured architectures; one may come more than once.
        y: `(n,)` measured values, above 0.
        order: `(n,)` when each row was measured: times or numbers. None: not known, then drift is
            part of the noise.
        noises: How measurements may scatter.
        settings: What is believed before measuring; None: those of the prior.

    Raises:
        DataError: If nothing was measured, or a value is not above 0.
        ShapeError: If there is not one value, or one time, a row.
        MissingExtraError: If SciPy is not installed.
    """
    values = np.asarray(y, dtype=np.float64)
    if values.shape != (len(codes),):
        raise ShapeError(f"need one value a row, ({len(codes)},); got shape {values.shape}")
    if not len(values) or not np.isfinite(values).all() or (values <= 0).any():
        raise DataError("few-shot calibration needs one value or more, all above 0")
    if settings is None:
        settings = prior.settings if len(values) <= _MANY else prior.few_settings
    x, reference = prior.relative(codes)
    speed = float(np.median(values / reference / (x @ prior.mean(settings[0]))))
    architecture = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    rows = _Rows(x, values / reference / speed, _correlation(order, len(values)), architecture)
    drifts = _DRIFTS if rows.drift is not None else (0.0,)
    if architecture.max() + 1 < len(values):
        own = _own(prior, rows, noises, drifts)
        noises = [replace(one, own=own) for one in noises]
    pairs = list(product(noises, drifts))
    found = _pruned([one for s in settings for one in _infer(prior, rows, s, pairs, _FEW)])
    hopeful: dict[Setting, list[_Pair]] = {state.setting: [] for _, state in found}
    for _, state in found:
        hopeful[state.setting].append((state.scatter, state.drift))
    found = [one for s in hopeful for one in _infer(prior, rows, s, hopeful[s], _ROUNDS)]
    scores = np.array([score for score, _ in found])
    belief = np.exp(scores - scores.max())
    kept = np.flatnonzero(belief >= _LEAST)
    belief /= belief[kept].sum()
    believed = tuple(_posterior(prior, rows, found[i][1], float(belief[i])) for i in kept)
    return FewShot(prior, speed, believed, codes, rows.z)


def _own(prior: Prior, rows: _Rows, noises: Sequence[Noise], drifts: Sequence[float]) -> float:
    """Return the size of what architectures have of their own that explains the rows best."""
    few = prior.few_settings
    found = [
        (score, own)
        for own in _OWN
        for setting in (few[0], few[-1])
        for score, _ in _infer(
            prior, rows, setting, [(replace(n, own=own), d) for n, d in product(noises, drifts)], 1
        )
    ]
    return max(found)[1]


@dataclass(frozen=True, eq=False)
class _State:
    setting: Setting
    scatter: Noise
    drift: float
    trust: FloatArray
    solved: FloatArray
    """`(n,)` inverse covariance of the rows times what the prior mean leaves."""


_Pair = tuple[Noise, float]


def _correlation(order: ArrayLike | None, n: int) -> FloatArray | None:
    if order is None or n < _ENOUGH:
        return None
    place = np.asarray(order, dtype=np.float64)
    if place.shape != (n,):
        raise ShapeError(f"need one time a row, ({n},); got shape {place.shape}")
    if not np.isfinite(place).all():
        raise DataError("times of measurement must be finite")
    span = float(np.ptp(place)) or 1.0
    return np.exp(-np.abs(place[:, None] - place[None, :]) / (_SPAN * span))


def _noise(rows: _Rows, scatter: Noise, drift: float, trust: FloatArray) -> FloatArray:
    """Return the `n x n` covariance of noise and drift."""
    covariance = np.diag(1.0 / trust)
    if rows.drift is not None and drift > 0:
        covariance = covariance + drift**2 * rows.drift
    return scatter.scale**2 * covariance + scatter.own**2 * rows.same


def _infer(
    prior: Prior, rows: _Rows, setting: Setting, pairs: Sequence[_Pair], n_rounds: int
) -> list[tuple[float, _State]]:
    """Return, for each noise and drift, the evidence (a variational bound) and fitted weights."""
    n = len(rows.z)
    kernel = rows.x @ prior.covariance(setting) @ rows.x.T
    off = rows.z - rows.x @ prior.mean(setting)
    square = np.array([scatter.scale**2 for scatter, _ in pairs])[:, None]  # (B, 1)
    freedom = np.array([scatter.freedom for scatter, _ in pairs])[:, None]
    drift = np.array([ratio**2 for _, ratio in pairs])[:, None, None] * square[..., None]
    own_square = np.array([scatter.own**2 for scatter, _ in pairs])[:, None, None]
    fixed = kernel + own_square * rows.same
    if rows.drift is not None:
        fixed = fixed + drift * rows.drift
    trust = np.ones((len(pairs), n))
    for _ in range(n_rounds):
        own = square / trust
        inverse = np.linalg.inv(fixed + own[:, :, None] * np.eye(n))
        left = own * (inverse @ off)  # what is left as noise of the row's own
        unsure = own - own**2 * np.diagonal(inverse, axis1=1, axis2=2)
        new = (freedom + 1.0) / (freedom + (left**2 + np.maximum(unsure, 0.0)) / square)
        change = float(np.abs(new - trust).max())
        trust = new
        if change < _SETTLED:
            break
    whole = fixed + (square / trust)[:, :, None] * np.eye(n)
    solved = np.linalg.solve(whole, np.broadcast_to(off[:, None], (len(pairs), n, 1)))[..., 0]
    scores = -0.5 * solved @ off - 0.5 * np.linalg.slogdet(whole)[1]
    scores = scores + _tails(trust, freedom)
    return [
        (
            float(scores[i]) + float(np.log(scatter.weight)),
            _State(setting, scatter, d, trust[i], solved[i]),
        )
        for i, (scatter, d) in enumerate(pairs)
    ]


def _pruned(found: list[tuple[float, _State]]) -> list[tuple[float, _State]]:
    best = max(score for score, _ in found)
    return [one for one in found if one[0] > best - _HOPELESS]


def _tails(trust: FloatArray, freedom: FloatArray) -> FloatArray:
    """Return what the weights of the rows add to the evidence.

    Each weight w has the prior Gamma(v/2, v/2) and the posterior Gamma(a, b) with a = (v + 1) / 2
    and mean `trust`: E[log p(w)] + entropy + (E[log w] - log E[w]) / 2.
    """
    special = require("scipy.special", "fit")
    half, a = freedom / 2.0, (freedom + 1.0) / 2.0
    log = special.digamma(a) - np.log(a / trust)
    prior = half * np.log(half) - special.gammaln(half) + (half - 1.0) * log - half * trust
    entropy = a - np.log(a / trust) + special.gammaln(a) + (1.0 - a) * special.digamma(a)
    total: FloatArray = np.sum(prior + entropy + 0.5 * (log - np.log(trust)), axis=1)
    return total


def _posterior(prior: Prior, rows: _Rows, state: _State, belief: float) -> Believed:
    covariance = prior.covariance(state.setting)
    cross = covariance @ rows.x.T  # (k, n)
    noise = _noise(rows, state.scatter, state.drift, state.trust)
    kernel = rows.x @ cross
    left = covariance - cross @ np.linalg.solve(kernel + noise, cross.T)
    mean = prior.mean(state.setting) + cross @ state.solved
    alone = rows.x @ prior.mean(state.setting) + _alone(kernel, noise, state.solved, rows)
    drifted = np.zeros(len(rows.z))
    if rows.drift is not None and state.drift > 0:
        drifted = (state.scatter.scale * state.drift) ** 2 * (rows.drift @ state.solved)
    return Believed(
        state.setting, state.scatter, state.drift, belief, mean, left, state.trust, drifted, alone
    )


def _alone(kernel: FloatArray, noise: FloatArray, solved: FloatArray, rows: _Rows) -> FloatArray:
    """Return what is predicted beyond the prior mean for each row from other architectures.

    Leaving rows B out changes the weights of the others by a block of the inverse (Rasmussen &
    Williams 2006, section 5.4.2); drift at the rows left out is not predicted.
    """
    inverse = np.linalg.inv(kernel + noise)
    found = np.empty(len(solved))
    for number in range(int(rows.architecture.max()) + 1):
        out = rows.architecture == number
        change = np.linalg.solve(inverse[np.ix_(out, out)], solved[out])
        found[out] = kernel[np.ix_(out, ~out)] @ (solved - inverse[:, out] @ change)[~out]
    return found
