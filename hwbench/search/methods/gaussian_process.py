"""A small Gaussian process on codes, in numpy, for Bayesian optimisation.

Choices have an order, so a code becomes numbers in 0 to 1; an absent layer lies one step below the
smallest value. The kernel is a Matérn 5/2 (Rasmussen and Williams 2006, eq. 4.17) with one length
for each choice, shared by its layers: five lengths for a GPT, however deep. They maximise the
marginal likelihood (their eq. 5.8) together with the noise, by a search that needs no gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.spaces import Space

__all__ = ["Features", "GaussianProcess", "Posterior"]

_START: Final = 0.5  # a length at which codes on opposite ends are weakly correlated
_NOISE: Final = (1e-6, 1e-1)
_LENGTHS: Final = (0.05, 50.0)
_JITTER: Final = 1e-9
_LEAST: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Features:
    """Turns codes into numbers, by groups of columns that share a length.

    Attributes:
        space: The space of the codes.
        groups: The columns of each choice.
        step: `(n_choices,)` distance between two neighbouring values.
    """

    space: Space
    groups: tuple[slice, ...]
    step: FloatArray

    @classmethod
    def of(cls, space: Space, /) -> Self:
        """Lay the choices of a space out."""
        n_shared = len(space.shared)
        groups = [slice(column, column + 1) for column in range(n_shared)]
        groups += [space.layout.block(number) for number in range(len(space.layered))]
        return cls(space, tuple(groups), 1.0 / np.maximum(space.cardinalities - 1.0, 1.0))

    def __call__(self, codes: Codes, /) -> FloatArray:
        """Return `n x n_choices` numbers."""
        values: FloatArray = np.where(self.space.active(codes), codes, -1.0) * self.step
        return values

    def distances(self, a: FloatArray, b: FloatArray, /) -> FloatArray:
        """Return squared distances by group, `n_groups x n_a x n_b`."""
        found = np.empty((len(self.groups), len(a), len(b)))
        for number, group in enumerate(self.groups):
            x, y = a[:, group], b[:, group]
            squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2.0 * x @ y.T
            found[number] = np.maximum(squares, 0.0)
        return found


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """The posterior of one metric; fit it with `GaussianProcess.fit`.

    Attributes:
        features: Of the codes.
        lengths: `(n_groups,)`.
        noise: Variance of the noise, in units of the metric's variance.
        x: `n x n_choices` features it was fitted to.
        alpha: `(n,)` weights.
        inverse: `n x n` inverse of the kernel's Cholesky factor.
        center: Mean of the metric.
        scale: Standard deviation of the process.
    """

    features: Features
    lengths: FloatArray
    noise: float
    x: FloatArray
    alpha: FloatArray
    inverse: FloatArray
    center: float
    scale: float

    @classmethod
    def fit(
        cls,
        features: Features,
        codes: Codes,
        y: FloatArray,
        /,
        *,
        rng: np.random.Generator,
        start: FloatArray | None = None,
        rounds: int = 3,
        most: int = 160,
    ) -> Self:
        """Fit to `n` architectures.

        Args:
            features: Of the space.
            codes: `n x n_choices`.
            y: `(n,)` metric.
            rng: Draws the rows for the likelihood, if there are more than `most`.
            start: `parameters` of a similar process, to start from.
            rounds: Passes over the hyperparameters.
            most: Rows that the likelihood looks at.
        """
        x = features(codes)
        center, spread = float(y.mean()), float(y.std()) or 1.0
        z = (y - center) / spread
        chosen = np.sort(rng.permutation(len(x))[:most])
        near = features.distances(x[chosen], x[chosen])
        if start is None:
            start = np.log(np.r_[np.full(len(features.groups), _START), 1e-4])
            rounds += 2
        best = _maximise(start, near, z[chosen], rounds)
        lengths, noise = np.exp(best[:-1]), float(np.exp(best[-1]))
        kernel = _matern(features.distances(x, x), lengths)
        kernel[np.diag_indices(len(x))] += noise + _JITTER
        factor = np.linalg.cholesky(kernel)
        inverse = np.linalg.inv(factor)
        alpha = inverse.T @ (inverse @ z)
        variance = float(z @ alpha) / len(z)
        scale = spread * float(np.sqrt(max(variance, 1e-12)))
        return cls(features, lengths, noise, x, alpha * spread, inverse, center, scale)

    @property
    def parameters(self) -> FloatArray:
        """Logarithms of lengths and noise."""
        parameters: FloatArray = np.log(np.append(self.lengths, self.noise))
        return parameters

    def posterior(self, codes: Codes, /) -> Posterior:
        """Return what is believed of `n` candidates."""
        x = self.features(codes)
        near = _matern(self.features.distances(x, self.x), self.lengths)
        white = near @ self.inverse.T
        mean = np.asarray(self.center + near @ self.alpha, dtype=np.float64)
        left: FloatArray = np.maximum(1.0 - (white**2).sum(axis=1), _LEAST)
        return Posterior(self, x, mean, white, left)

    def predict(self, codes: Codes, /) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the noise-free metric, `(n,)` each."""
        found = self.posterior(codes)
        return found.mean, found.deviation


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a process believes of `N` candidates.

    Attributes:
        process: The process.
        x: `N x n_choices` features.
        mean: `(N,)`.
        white: `N x n` whitened covariances with what was observed; `N x N` of the candidates among
            each other is their kernel less `white @ white.T`.
        left: `(N,)` variance, in units of the process's.
    """

    process: GaussianProcess
    x: FloatArray
    mean: FloatArray
    white: FloatArray
    left: FloatArray

    @property
    def deviation(self) -> FloatArray:
        """Standard deviation, `(N,)`."""
        return np.asarray(self.process.scale * np.sqrt(self.left), dtype=np.float64)

    def take(self, rows: Int64Array, /) -> Posterior:
        """Return what is believed of some of the candidates."""
        return Posterior(
            self.process, self.x[rows], self.mean[rows], self.white[rows], self.left[rows]
        )

    def believe(self, row: int, /) -> Posterior:
        """Return the posterior if a candidate turns out as expected.

        Means stay, variances fall ("kriging believer", Ginsbourger et al. 2010), so that the next
        pick of a batch goes elsewhere.
        """
        process = self.process
        near = _matern(process.features.distances(self.x, self.x[[row]]), process.lengths)[:, 0]
        shared = near - self.white @ self.white[row]
        column = shared / np.sqrt(self.left[row] + process.noise)
        left = np.maximum(self.left - column**2, _LEAST)
        white = np.concatenate([self.white, column[:, None]], axis=1)
        return Posterior(process, self.x, self.mean, white, left)


def _matern(distances: FloatArray, lengths: FloatArray) -> FloatArray:
    total = np.tensordot(lengths**-2.0, distances, axes=1)
    root = np.sqrt(5.0 * total)
    return np.asarray((1.0 + root + 5.0 / 3.0 * total) * np.exp(-root), dtype=np.float64)


def _likelihood(parameters: FloatArray, near: FloatArray, z: FloatArray) -> float:
    """Return the log marginal likelihood with the best variance of the process, but constants."""
    kernel = _matern(near, np.exp(parameters[:-1]))
    kernel[np.diag_indices(len(z))] += np.exp(parameters[-1]) + _JITTER
    try:
        factor = np.linalg.cholesky(kernel)
    except np.linalg.LinAlgError:
        return -np.inf
    white = np.linalg.solve(factor, z)
    variance = max(float(white @ white) / len(z), 1e-12)
    return float(-0.5 * len(z) * np.log(variance) - np.log(np.diag(factor)).sum())


def _maximise(start: FloatArray, near: FloatArray, z: FloatArray, rounds: int) -> FloatArray:
    """Improve one hyperparameter after the other, with a step that shrinks."""
    low = np.log(np.r_[np.full(len(start) - 1, _LENGTHS[0]), _NOISE[0]])
    high = np.log(np.r_[np.full(len(start) - 1, _LENGTHS[1]), _NOISE[1]])
    best = np.clip(start, low, high)
    value = _likelihood(best, near, z)
    step = 1.2
    for _ in range(rounds):
        for k in range(len(best)):
            for sign in (1.0, -1.0):
                trial = best.copy()
                trial[k] = np.clip(
                    best[k] + sign * step * (2.0 if k == len(best) - 1 else 1.0), low[k], high[k]
                )
                found = _likelihood(trial, near, z)
                if found > value:
                    best, value = trial, found
                    break
        step *= 0.6
    return best
