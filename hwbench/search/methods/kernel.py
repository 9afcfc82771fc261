"""What two architectures have in common, for the Gaussian processes of Bayesian optimisation.

Metrics of networks are, for the most part, sums over layers that do not ask which layer it is. So a
kernel has two parts, both Matérn 5/2 (Rasmussen and Williams 2006, eq. 4.17): one sees the shared
choices and, of each layered choice, its sum over the layers; the other sees every layer and learns
what sums do not tell. Lengths belong to choices, not to columns: seven for a GPT, however deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.spaces import Space

__all__ = ["Features", "Gradient", "Kernel", "Part"]

_BEND: Final = 0.5  # of the second sum: that a metric bends is less likely than that it rises


@dataclass(frozen=True, eq=False)
class Features:
    """Turns codes into numbers, by groups of columns that share a length.

    Choices have an order, so a value becomes a number v in 0 to 1; an absent layer lies one step
    below the smallest value. Of each layered choice, the sums of v and of 4v(1 - v) / 2 over the
    present layers follow, over the root of their number: every function of three values is a
    combination of these two.

    Attributes:
        space: The space of the codes.
        step: `(n_choices,)` distance between two neighbouring values.
        shared: Columns of the shared choices, one each.
        layers: Columns of each layered choice.
        sums: Columns of its two sums.
    """

    space: Space
    step: FloatArray
    shared: tuple[slice, ...]
    layers: tuple[slice, ...]
    sums: tuple[slice, ...]

    @classmethod
    def of(cls, space: Space, /) -> Self:
        """Lay the choices of a space out."""
        n, count = space.n_choices, len(space.layered)
        return cls(
            space,
            1.0 / np.maximum(space.cardinalities - 1.0, 1.0),
            tuple(slice(column, column + 1) for column in range(len(space.shared))),
            tuple(space.layout.block(number) for number in range(count)),
            tuple(slice(n + 2 * number, n + 2 * number + 2) for number in range(count)),
        )

    def __call__(self, codes: Codes, /) -> FloatArray:
        """Return `n x (n_choices + 2 n_layered)` numbers."""
        active = self.space.active(codes)
        values = np.where(active, codes, -1.0) * self.step
        found = [values]
        for block in self.layers:
            v, there = values[:, block], active[:, block]
            bend = 4.0 * _BEND * v * (1.0 - v)
            sums = [np.where(there, each, 0.0).sum(axis=1) for each in (v, bend)]
            found.append(np.stack(sums, axis=1) / np.sqrt(v.shape[1]))
        return np.concatenate(found, axis=1)

    @property
    def groups(self) -> tuple[slice, ...]:
        """Columns that share a length: shared choices, sums, layers."""
        return self.shared + self.sums + self.layers

    def distances(self, a: FloatArray, b: FloatArray, /) -> FloatArray:
        """Return squared distances by group, `n_groups x n_a x n_b`."""
        found = np.empty((len(self.groups), len(a), len(b)))
        for number, group in enumerate(self.groups):
            x, y = a[:, group], b[:, group]
            squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2.0 * x @ y.T
            found[number] = np.maximum(squares, 0.0)
        return found


class Part(NamedTuple):
    """One Matérn kernel and its slope.

    Attributes:
        rows: Groups that it sees.
        value: `n_a x n_b`.
        slope: `n_a x n_b`; times the squared distance in a group, over the squared length, it is
            the derivative by the logarithm of the length.
    """

    rows: list[int]
    value: FloatArray
    slope: FloatArray


@dataclass(frozen=True, eq=False)
class Kernel:
    """The correlation of architectures, 1 of each with itself.

    Attributes:
        features: Of the codes.
        lengths: `(n_groups,)`; both parts share those of the shared choices.
        share: Of the variance that depends on single layers, in 0 to 1.
    """

    features: Features
    lengths: FloatArray
    share: float

    def __call__(self, a: FloatArray, b: FloatArray, /) -> FloatArray:
        """Return correlations of features, `n_a x n_b`."""
        one, two = self.parts(self.features.distances(a, b))
        return (1.0 - self.share) * one.value + self.share * two.value

    def parts(self, distances: FloatArray, /) -> tuple[Part, Part]:
        """Return the part that sees sums and the one that sees layers."""
        shared, layered = len(self.features.shared), len(self.features.layers)
        first = list(range(shared + layered))
        second = first[:shared] + list(range(shared + layered, len(self.lengths)))
        return self._part(first, distances), self._part(second, distances)

    def _part(self, rows: list[int], distances: FloatArray) -> Part:
        total = np.tensordot(self.lengths[rows] ** -2.0, distances[rows], axes=1)
        root = np.sqrt(5.0 * total)
        fall = np.exp(-root)
        value = (1.0 + root + 5.0 / 3.0 * total) * fall
        return Part(rows, value, 5.0 / 3.0 * (1.0 + root) * fall)


class Gradient(NamedTuple):
    """A correlation matrix and the way back from it.

    Attributes:
        kernel: Whose matrix.
        distances: `n_groups x n x n`.
        parts: Of the kernel.
    """

    kernel: Kernel
    distances: FloatArray
    parts: tuple[Part, Part]

    @classmethod
    def of(cls, kernel: Kernel, distances: FloatArray, /) -> Self:
        """Work the parts out."""
        return cls(kernel, distances, kernel.parts(distances))

    @property
    def matrix(self) -> FloatArray:
        """Correlations, `n x n`."""
        one, two = self.parts
        return (1.0 - self.kernel.share) * one.value + self.kernel.share * two.value

    def back(self, weights: FloatArray, /) -> FloatArray:
        """Return the derivative of `(weights * matrix).sum()`.

        Args:
            weights: `n x n`.

        Returns:
            `(n_groups + 1,)`: by the logarithm of each length, and of the share.
        """
        found = np.zeros(len(self.kernel.lengths) + 1)
        one, two = self.parts
        for part, share in ((one, 1.0 - self.kernel.share), (two, self.kernel.share)):
            pull = share * (weights * part.slope).ravel()
            found[part.rows] += self.distances[part.rows].reshape(len(part.rows), -1) @ pull
        found[:-1] /= self.kernel.lengths**2
        found[-1] = self.kernel.share * (weights * (two.value - one.value)).sum()
        return found
