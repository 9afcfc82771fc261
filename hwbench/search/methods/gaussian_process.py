"""A small Gaussian process on codes, for Bayesian optimisation.

Hyperparameters, the kernel's and the noise, maximise the marginal likelihood (Rasmussen and
Williams 2006, eq. 5.8) by its gradient (their eq. 5.9); the variance of the process is the best one
for them, in closed form. Nine parameters for a GPT, however deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.search.methods.descent import descend
from hwbench.search.methods.kernel import Features, Gradient, Kernel

__all__ = ["GaussianProcess", "Posterior"]

_LENGTHS: Final = (0.05, 20.0, 1.0)  # smallest, largest, first guess
_SHARE: Final = (1e-3, 0.9, 0.1)
_NOISE: Final = (1e-6, 1e-1, 1e-4)
_JITTER: Final = 1e-9
_LEAST: Final = 1e-12


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """The posterior of one metric; fit it with `GaussianProcess.fit`.

    Attributes:
        kernel: With the features of the space.
        noise: Variance of the noise, in units of the process's.
        x: Features of the `n` architectures that it was fitted to.
        alpha: `(n,)` weights.
        inverse: `n x n` inverse of the kernel's Cholesky factor.
        center: Mean of the metric.
        scale: Standard deviation of the process.
    """

    kernel: Kernel
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
        steps: int = 15,
        most: int = 160,
    ) -> Self:
        """Fit to `n` architectures.

        Args:
            features: Of the space.
            codes: `n x n_choices`.
            y: `(n,)` metric.
            rng: Draws the rows for the likelihood, if there are more than `most`.
            start: `parameters` of a similar process, to start from.
            steps: Of the search for hyperparameters, at most.
            most: Rows that the likelihood looks at.
        """
        x = features(codes)
        center, spread = float(y.mean()), float(y.std()) or 1.0
        z = (y - center) / spread
        chosen = np.sort(rng.permutation(len(x))[:most])
        near = features.distances(x[chosen], x[chosen])
        kernel, noise = _maximise(features, start, near, z[chosen], steps)
        inverse = np.linalg.inv(np.linalg.cholesky(_noisy(kernel(x, x), noise)))
        alpha = inverse.T @ (inverse @ z)
        scale = spread * float(np.sqrt(max(float(z @ alpha) / len(z), _LEAST)))
        return cls(kernel, noise, x, alpha * spread, inverse, center, scale)

    @property
    def parameters(self) -> FloatArray:
        """Logarithms of lengths, share and noise, `(n_groups + 2,)`."""
        parameters: FloatArray = np.log(np.r_[self.kernel.lengths, self.kernel.share, self.noise])
        return parameters

    def posterior(self, codes: Codes, /) -> Posterior:
        """Return what is believed of `n` candidates."""
        x = self.kernel.features(codes)
        near = self.kernel(x, self.x)
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
        x: `N` rows of features.
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
        near = process.kernel(self.x, self.x[[row]])[:, 0]
        shared = near - self.white @ self.white[row]
        column = shared / np.sqrt(self.left[row] + process.noise)
        left = np.maximum(self.left - column**2, _LEAST)
        white = np.concatenate([self.white, column[:, None]], axis=1)
        return Posterior(process, self.x, self.mean, white, left)


def _noisy(correlations: FloatArray, noise: float) -> FloatArray:
    return correlations + (noise + _JITTER) * np.eye(len(correlations))


def _read(features: Features, parameters: FloatArray) -> tuple[Kernel, float]:
    values = np.exp(parameters)
    return Kernel(features, values[:-2], float(values[-2])), float(values[-1])


def _loss(
    parameters: FloatArray, features: Features, near: FloatArray, z: FloatArray
) -> tuple[float, FloatArray]:
    """Return the negative log marginal likelihood, but constants, and its gradient.

    The variance of the process is the one that maximises it.
    """
    kernel, noise = _read(features, parameters)
    forth = Gradient.of(kernel, near)
    factor = np.linalg.cholesky(_noisy(forth.matrix, noise))
    inverse = np.linalg.inv(factor)
    precision = inverse.T @ inverse
    alpha = precision @ z
    variance = max(float(z @ alpha) / len(z), _LEAST)
    pull = 0.5 * (precision - np.outer(alpha, alpha) / variance)
    loss = 0.5 * len(z) * np.log(variance) + np.log(np.diag(factor)).sum()
    return float(loss), np.append(forth.back(pull), noise * np.trace(pull))


def _maximise(
    features: Features,
    start: FloatArray | None,
    near: FloatArray,
    z: FloatArray,
    steps: int,
) -> tuple[Kernel, float]:
    """Find the hyperparameters of the greatest likelihood nearby."""
    ranges = np.log(np.array([*[_LENGTHS] * len(features.groups), _SHARE, _NOISE]))
    low, high, guess = ranges.T
    found = descend(
        lambda parameters: _loss(parameters, features, near, z),
        guess if start is None else start,
        low=low,
        high=high,
        steps=steps,
    )
    return _read(features, found)
