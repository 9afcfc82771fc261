"""How much the machine drifted while a campaign was measured, and whether its numbers are good.

Needs no surrogate: architectures that were measured more than once (anchors, further passes) tell
the machine from the architectures. The model is linear in the logarithm,

    log value = level of the architecture + drift at this time + noise,

with drift a random walk in time, and a step between two sessions of the campaign. Its strength
relative to the noise is estimated by restricted maximum likelihood (Patterson & Thompson 1971),
outlying rows are weighted down (Student's t, as Lange et al. 1989), and the levels are the
generalised least squares ones. Without repeated architectures nothing can be said, and the verdict
says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import DataError, ShapeError

__all__ = ["SessionDrift", "Verdict", "estimate"]

Verdict = Literal["good", "fair", "poor", "unknown"]
GOOD, FAIR = 0.005, 0.02
"""Relative error of an architecture's level up to which a session is good, or fair."""

_MOST_KNOTS: Final = 64
_RATIOS: Final = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 65)])
_FREEDOM: Final = 4.0
_ROUNDS: Final = 5
_FEWEST: Final = 4
_FINEST: Final = 1e-4
"""Scatter below this (a hundredth of a per cent) is not used to call a row an outlier."""
_NORMAL: Final = 0.8175
"""E[w r^2] / E[w] of the weights of `_student` for standard normal r: weighting down the tails of
ordinary noise makes it look smaller, and by this much."""


@dataclass(frozen=True, eq=False)
class SessionDrift:
    """Drift of a session and what is left without it. Relative numbers: 0.01 is one per cent.

    Attributes:
        drift: `(n,)` log drift at each row; its mean is 0.
        corrected: `(n,)` values free of drift.
        levels: `(k,)` estimated value of each architecture, in the order of their numbers.
        level_error: Standard error of a level, the common factor left out; median over the
            architectures. NaN if unknown.
        spread: Standard deviation of the drift.
        noise: Standard deviation of a measurement around level and drift.
        scatter: Standard deviation of repeated measurements around their architecture's mean, as
            measured; outliers count less, as for the noise.
        repeats: Degrees of freedom: measurements beyond the first of each architecture.
        outliers: Rows whose weight is below a third.
        verdict: "good" up to half a per cent of error in a level, "fair" up to two, else "poor";
            "unknown" with too few repeats.
        reasons: Why, and what would help; one sentence each.
    """

    drift: FloatArray
    corrected: FloatArray
    levels: FloatArray
    level_error: float
    spread: float
    noise: float
    scatter: float
    repeats: int
    outliers: int
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def left(self) -> float:
        """Share of the scatter's variance that is left when drift is removed; NaN if unknown."""
        return (self.noise / self.scatter) ** 2 if self.scatter > 0 else float("nan")


def estimate(
    values: FloatArray,
    architecture: Int64Array,
    at_s: FloatArray,
    /,
    *,
    session: Int64Array | None = None,
) -> SessionDrift:
    """Estimate the drift behind measurements.

    Args:
        values: `(n,)` measured values above 0, one a measurement, such as medians of the samples.
        architecture: `(n,)` numbers from 0 without gaps: the same number, the same architecture.
        at_s: `(n,)` when each was measured, in seconds after its session began.
        session: `(n,)` number of the session, ascending; None: all in one.

    Raises:
        ShapeError: If the lengths differ.
        DataError: If a value is not above 0, or there is none.
    """
    n = len(values)
    visit = np.zeros(n, dtype=np.int64) if session is None else np.asarray(session)
    if not n == len(architecture) == len(at_s) == len(visit):
        raise ShapeError("values, architecture, at_s and session need one length")
    if n == 0 or not (np.asarray(values) > 0).all():
        raise DataError("drift is a factor: values must be there and above 0")
    logs = np.log(np.asarray(values, dtype=np.float64))
    archs = np.asarray(architecture, dtype=np.int64)
    walk = _walk(_one_clock(np.asarray(at_s, dtype=np.float64), visit))
    basis = np.hstack([walk, _steps(visit)])
    return _judge(logs, archs, _fit(logs, archs, basis))


@dataclass(frozen=True, eq=False)
class _Fit:
    """What the model came to: drift, levels with their standard errors, noise, weights."""

    drift: FloatArray
    levels: FloatArray
    errors: FloatArray
    noise: float
    scatter: float
    weights: FloatArray


def _fit(logs: FloatArray, archs: Int64Array, basis: FloatArray) -> _Fit:
    weights = np.ones(len(logs))
    for _ in range(_ROUNDS):
        ratio, noise, scatter = _restricted_likelihood(logs, archs, basis, weights)
        drift, levels, errors = _solve(logs, archs, basis, weights, ratio)
        if (weights < 1.0).any():
            noise, scatter = noise / np.sqrt(_NORMAL), scatter / np.sqrt(_NORMAL)
        rest = logs - levels[archs] - drift
        weights = _student(rest, archs)
    middle = drift.mean()
    return _Fit(
        drift=drift - middle,
        levels=levels + middle,
        errors=noise * errors,
        noise=noise,
        scatter=scatter,
        weights=weights,
    )


def _one_clock(at_s: FloatArray, visit: Int64Array) -> FloatArray:
    """Put sessions behind each other, without the time between them."""
    clock, end = np.empty(len(at_s)), 0.0
    for number in np.unique(visit):
        rows = visit == number
        clock[rows] = end + at_s[rows] - at_s[rows].min()
        end = float(clock[rows].max())
    return clock


def _steps(visit: Int64Array) -> FloatArray:
    """Return `n x (sessions - 1)`: a machine may have changed at will between two sessions."""
    return (
        np.array([visit >= number for number in np.unique(visit)[1:]], dtype=np.float64)
        .reshape(-1, len(visit))
        .T
    )


def _walk(clock: FloatArray) -> FloatArray:
    """Return `n x m`: a random walk at the rows is this times independent unit normal numbers.

    The walk is known at up to 64 knots and straight between them; its variance grows by 1 over the
    whole campaign.
    """
    knots = np.unique(np.quantile(clock, np.linspace(0.0, 1.0, min(len(clock), _MOST_KNOTS))))
    length = max(float(knots[-1] - knots[0]), 1e-12)
    steps = np.sqrt(np.diff(knots) / length)
    at_knots = np.tril(np.ones((len(knots), len(steps))), -1) * steps
    columns = [np.interp(clock, knots, column) for column in at_knots.T]
    return np.array(columns).T if columns else np.zeros((len(clock), 0))


def _restricted_likelihood(
    logs: FloatArray, archs: Int64Array, basis: FloatArray, weights: FloatArray
) -> tuple[float, float, float]:
    """Return the likeliest variance of the drift over that of the noise, and two deviations.

    These are that of the noise, and what it would be were all drift noise.

    With the architectures' weighted means taken out, the likelihood of a ratio needs the singular
    values of the basis only.
    """
    root = np.sqrt(weights)
    y = root * (logs - _means(logs, archs, weights)[archs])
    z = root[:, None] * (basis - _means(basis, archs, weights)[archs])
    freedom = len(logs) - int(archs.max()) - 1
    if freedom < 1:
        return 0.0, float("nan"), float("nan")
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    parts = (u.T @ y) ** 2
    outside = max(float(y @ y - parts.sum()), 0.0)
    grown = 1.0 + _RATIOS[:, None] * s**2
    noise2 = ((parts / grown).sum(axis=1) + outside) / freedom + 1e-300
    badness = np.log(grown).sum(axis=1) + freedom * np.log(noise2)
    best = int(np.argmin(badness))
    deviations = np.sqrt(noise2 / weights.mean())  # the first ratio is 0: no drift
    return float(_RATIOS[best]), float(deviations[best]), float(deviations[0])


def _solve(
    logs: FloatArray, archs: Int64Array, basis: FloatArray, weights: FloatArray, ratio: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solve for drift and levels given the ratio of variances (Henderson's mixed-model equations).

    Returns:
        Drift at the rows, levels, and the levels' standard errors in units of the noise, without
        what is common to all levels.
    """
    k, m = int(archs.max()) + 1, basis.shape[1] if ratio > 0 else 0
    design = np.zeros((len(logs), k + m))
    design[np.arange(len(logs)), archs] = 1.0
    if m:
        design[:, k:] = basis * np.sqrt(ratio)
    gram = design.T @ (design * weights[:, None])
    gram[np.arange(k, k + m), np.arange(k, k + m)] += 1.0
    inverse = np.linalg.inv(gram)
    solution = inverse @ (design.T @ (weights * logs))
    centre = np.eye(k) - 1.0 / k
    errors = np.sqrt(np.maximum(np.diag(centre @ inverse[:k, :k] @ centre), 0.0))
    return design[:, k:] @ solution[k:], solution[:k], errors


def _means(values: FloatArray, archs: Int64Array, weights: FloatArray) -> FloatArray:
    """Return the weighted mean over the rows of each architecture, `k` or `k x m`."""
    k = int(archs.max()) + 1
    sums = np.zeros((k, *values.shape[1:]))
    np.add.at(sums, archs, values * weights.reshape(-1, *[1] * (values.ndim - 1)))
    total = np.bincount(archs, weights, minlength=k)
    return np.asarray(sums / total.reshape(-1, *[1] * (values.ndim - 1)))


def _student(rest: FloatArray, archs: Int64Array) -> FloatArray:
    """Return weights of a Student-t model, about 1 for ordinary rows.

    A row whose architecture was measured once fits exactly; it says nothing and keeps its weight.
    """
    repeated = np.bincount(archs)[archs] > 1
    if repeated.sum() <= _FEWEST:
        return np.ones(len(rest))
    spread = 1.4826 * float(np.median(np.abs(rest[repeated]))) + _FINEST
    weights = (_FREEDOM + 1.0) / (_FREEDOM + (rest / spread) ** 2)
    return np.where(repeated, np.minimum(weights, 1.0), 1.0)


def _judge(logs: FloatArray, archs: Int64Array, fit: _Fit) -> SessionDrift:
    repeats = len(logs) - int(archs.max()) - 1
    error = float(np.median(fit.errors))
    outliers = int((fit.weights < 1 / 3).sum())
    verdict, reasons = _verdict(error, fit, repeats, outliers, archs)
    return SessionDrift(
        drift=fit.drift,
        corrected=np.exp(logs - fit.drift),
        levels=np.exp(fit.levels),
        level_error=error,
        spread=float(fit.drift.std()),
        noise=fit.noise,
        scatter=fit.scatter,
        repeats=repeats,
        outliers=outliers,
        verdict=verdict,
        reasons=tuple(reasons),
    )


def _verdict(
    error: float, fit: _Fit, repeats: int, outliers: int, archs: Int64Array
) -> tuple[Verdict, Sequence[str]]:
    if repeats < _FEWEST or not np.isfinite(error):
        words = f"{repeats} repeated measurements are too few to tell drift from noise"
        return "unknown", [f"{words}: measure anchors, or a second pass"]
    reasons = [f"an architecture's level is known to {100 * error:.2g} %"]
    if error > GOOD:
        if fit.drift.std() > fit.noise:
            reasons.append("drift is larger than noise: visit an anchor more often")
        else:
            reasons.append("noise is larger than drift: more passes, or a quieter machine")
    once = int((np.bincount(archs) == 1).sum())
    if once:
        reasons.append(f"{once} architectures were measured once only")
    if outliers:
        reasons.append(f"{outliers} measurements lie far off and count less")
    if error <= GOOD:
        return "good", reasons
    return ("fair" if error <= FAIR else "poor"), reasons
