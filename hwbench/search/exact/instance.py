"""What is left of a problem once the shared choices are made: tables over the choices of layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hwbench.arrays import BoolArray, FloatArray, Int64Array

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
        n_held: How many of the others, the first ones, share one bound: a second objective's.
    """

    c: int
    base: FloatArray
    unary: FloatArray
    pairs: Int64Array
    table: FloatArray
    n_objectives: int
    bounds: FloatArray
    n_held: int = 0

    @property
    def loose_bounds(self) -> FloatArray:
        """The bounds with room for rounding, so that no proof hangs on the last digits."""
        return self.bounds + self._slack

    @property
    def tight_bounds(self) -> FloatArray:
        """The bounds less the room for rounding: what keeps these keeps the bounds for certain."""
        return self.bounds - self._slack

    @property
    def _slack(self) -> FloatArray:
        return ROUNDING * np.abs(np.where(np.isfinite(self.bounds), self.bounds, 0.0))

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


def reduced(instance: Instance, /) -> Instance | None:
    """Leave out what does not matter: scores below others, limits that always hold.

    Returns:
        None if a limit cannot hold.
    """
    k, held = instance.n_objectives, instance.n_held
    lowest, highest = _ends(instance.base, instance.unary, instance.table)
    if (lowest[k:] > instance.loose_bounds).any():
        return None
    keep = np.concatenate([np.ones(k, dtype=bool), highest[k:] > instance.tight_bounds])
    keep[:k] = _greatest(instance, slice(0, k))
    keep[k : k + held] = _greatest(instance, slice(k, k + held))
    used = instance.table[..., keep].any(axis=(1, 2, 3))
    if keep.all() and used.all():
        return instance
    return replace(
        instance,
        base=instance.base[keep],
        unary=instance.unary[..., keep],
        pairs=instance.pairs[used],
        table=instance.table[used][..., keep],
        n_objectives=int(keep[:k].sum()),
        bounds=instance.bounds[keep[k:]],
        n_held=int(keep[k : k + held].sum()),
    )


def _greatest(instance: Instance, group: slice) -> BoolArray:
    """Mark the scores of a group that another one of it does not always exceed."""
    base, unary = instance.base[group], instance.unary[..., group]
    table = instance.table[..., group]
    keep = np.ones(len(base), dtype=bool)
    for number in range(len(base)):
        for other in np.flatnonzero(keep):
            parts = [part[..., number] - part[..., other] for part in (base, unary, table)]
            _, most = _ends(*(part[..., None] for part in parts))
            if other != number and most[0] <= 0:
                keep[number] = False
                break
    return keep


def _ends(base: FloatArray, unary: FloatArray, table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return scores, `(J,)` each, that no architecture falls below and none exceeds."""
    lowest = base + unary.min(axis=1).sum(axis=0) + table.min(axis=(1, 2)).sum(axis=0)
    highest = base + unary.max(axis=1).sum(axis=0) + table.max(axis=(1, 2)).sum(axis=0)
    return lowest, highest
