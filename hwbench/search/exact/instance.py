"""What is left of a problem once the shared choices are made: tables over the choices of layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array

__all__ = ["ROUNDING", "Instance", "reduced"]

ROUNDING: Final = 1e-12
"""Relative: sums that differ by less may differ by rounding only."""


@dataclass(frozen=True, eq=False)
class Instance:
    """The problem that is left for one combination of shared choices.

    With D layers, n choices a layer, J scores, E pairs:

    Attributes:
        c: Number of the combination.
        base: `(J,)`.
        unary: `D x n x J`.
        pairs: `E x 2` layers, the earlier one first.
        table: `E x n x n x J`.
        n_objectives: How many scores are objectives: the greatest of them is minimised.
        bounds: `(J - n_objectives,)` greatest scores allowed of the others.
    """

    c: int
    base: FloatArray
    unary: FloatArray
    pairs: Int64Array
    table: FloatArray
    n_objectives: int
    bounds: FloatArray

    @property
    def loose_bounds(self) -> FloatArray:
        """The bounds with room for rounding, so that no proof hangs on the last digits."""
        return self.bounds + ROUNDING * np.abs(self.bounds)

    @property
    def is_chain(self) -> bool:
        """Whether only adjacent layers have terms together."""
        return bool((self.pairs[:, 1] - self.pairs[:, 0] == 1).all())

    def scores(self, p: Int64Array, /) -> FloatArray:
        """Return the `N x J` scores of `N x D` choices."""
        total = np.broadcast_to(self.base, (len(p), len(self.base))).copy()
        for layer in range(self.unary.shape[0]):
            total += self.unary[layer, p[:, layer]]
        for (i, j), table in zip(self.pairs, self.table, strict=True):
            total += table[p[:, i], p[:, j]]
        return total


def reduced(instance: Instance, /, *, always: int = 0) -> Instance | None:
    """Drop limits that always hold, but for the first few; None if one cannot hold."""
    k = instance.n_objectives
    lowest = instance.base + instance.unary.min(axis=1).sum(axis=0)
    lowest = lowest + instance.table.min(axis=(1, 2)).sum(axis=0)
    highest = instance.base + instance.unary.max(axis=1).sum(axis=0)
    highest = highest + instance.table.max(axis=(1, 2)).sum(axis=0)
    slack = ROUNDING * np.abs(np.nan_to_num(instance.bounds, posinf=0.0, neginf=0.0))
    if (lowest[k:] > instance.bounds + slack).any():
        return None
    keep = np.concatenate([np.ones(k, dtype=bool), highest[k:] > instance.bounds - slack])
    keep[: k + always] = True
    used = instance.table[..., keep].any(axis=(1, 2, 3))
    if keep.all() and used.all():
        return instance
    return replace(
        instance,
        base=instance.base[keep],
        unary=instance.unary[..., keep],
        pairs=instance.pairs[used],
        table=instance.table[used][..., keep],
        bounds=instance.bounds[keep[k:]],
    )
