"""Build architectures layer by layer and drop what provably cannot be better: label setting.

A label is a choice for the first layers. It is dropped if a lower bound of everything that can
follow breaks a limit or does not beat the best architecture known, or if another label with the
same future is at least as good in every score. All labels of a layer are extended at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hwbench.arrays import BoolArray, FloatArray, Int64Array, IntArray
from hwbench.search.exact.dominated import undominated
from hwbench.search.exact.relax import PairForm, near
from hwbench.search.exact.tables import Instance

__all__ = ["Ceiling", "Found", "Search"]

_ROUNDING: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Ceiling:
    """An inequality that every architecture worth finding fulfils: `weights @ scores <= most`.

    Attributes:
        weights: `(J,)`.
        most: The greatest sum allowed.
        form: The same sum moved between layers and pairs, where terms of pairs do not form a chain.
    """

    weights: FloatArray
    most: float
    form: PairForm | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What one pass over the layers found.

    Attributes:
        choices: `N x D` complete architectures that keep all ceilings.
        scores: `N x J` of them.
        dropped: Least first ceiling's sum of labels dropped for want of room; infinite if none
            was, and then no other architecture keeps all ceilings.
        n_labels: How many labels were kept over all layers.
    """

    choices: Int64Array
    scores: FloatArray
    dropped: float
    n_labels: int


class Search:
    """Passes over one instance.

    Args:
        instance: The instance.
        ceilings: What labels are held to; the first one ranks them.
        options: `D x n`, which choices are left in each layer.
        dominance: Whether of two labels with the same future the worse may be dropped.
    """

    def __init__(
        self,
        instance: Instance,
        ceilings: list[Ceiling],
        options: BoolArray,
        /,
        *,
        dominance: bool = True,
    ) -> None:
        self._instance = instance
        self._options = [np.flatnonzero(row) for row in options]
        self._empty = not options.any(axis=1).all()
        if self._empty:
            return
        self._near = near(instance) if instance.is_chain else None
        self._dominance = dominance and instance.is_chain
        self._plain = [ceiling for ceiling in ceilings if ceiling.form is None]
        self._weights = np.array([c.weights for c in self._plain]).reshape(-1, len(instance.base))
        most = np.array([ceiling.most for ceiling in self._plain])
        self._most = most + _ROUNDING * np.abs(most)
        self._tails = self._suffix() if self._plain else []
        self._pairs = [_PairLabels(instance, c, self._options) for c in ceilings if c.form]

    def run(self, width: int, /) -> Found:
        """Extend labels through all layers, keeping at most `width` of them each time."""
        instance = self._instance
        depth = len(self._options)
        if self._empty:
            return Found(np.zeros((0, depth), dtype=np.int64), instance.base[None][:0], np.inf, 0)
        prefix = np.zeros((1, 0), dtype=np.uint16)
        scores = instance.base[None, :]
        for pair in self._pairs:
            pair.begin()
        dropped, n_labels = np.inf, 1
        for layer in range(depth):
            scores, rank, keep = self._extend(layer, prefix, scores)
            kept = np.flatnonzero(keep)
            if self._dominance:
                last = self._near is None or layer == depth - 1
                state = None if last else kept % len(self._options[layer])
                kept = kept[undominated(scores[kept], rank[kept], state)]
            if len(kept) > width:
                order = np.argpartition(rank[kept], width)
                dropped = min(dropped, float(rank[kept[order[width:]]].min()))
                kept = np.sort(kept[order[:width]])
            parent, option = np.divmod(kept, len(self._options[layer]))
            chosen = self._options[layer][option].astype(np.uint16)
            prefix = np.concatenate([prefix[parent], chosen[:, None]], axis=1)
            scores = scores[kept]
            for pair in self._pairs:
                pair.keep(layer, parent, option, kept)
            n_labels += len(kept)
        choices = prefix.astype(np.int64)
        return Found(choices, instance.scores(choices), dropped, n_labels)

    def _extend(
        self, layer: int, prefix: IntArray, scores: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Return scores, rank and whether to keep, for each label with each choice of a layer."""
        options = self._options[layer]
        total = scores[:, None, :] + self._instance.unary[layer, options]  # (N, n, J)
        if self._near is not None and layer:
            total = total + self._near[layer - 1][prefix[:, -1]][:, options]
        keep = np.ones(total.shape[0] * total.shape[1], dtype=bool)
        rank = np.zeros(len(keep))
        if self._plain:
            bounds = total @ self._weights.T + self._tails[layer][options]  # (N, n, F)
            keep &= (bounds <= self._most).all(axis=2).reshape(-1)
            rank = bounds[..., 0].reshape(-1)
        total = total.reshape(len(keep), -1) if len(keep) else total.reshape(0, total.shape[2])
        for number, pair in enumerate(self._pairs):
            found = pair.extend(layer)
            keep &= found <= pair.most
            rank = found if number == 0 else rank
        return total, rank, keep

    def _suffix(self) -> list[FloatArray]:
        """Return for each layer `n x F`: the least that the layers after it add to each ceiling."""
        instance = self._instance
        depth, n, _ = instance.unary.shape
        tails = [np.zeros((n, len(self._plain)))]
        if not depth:
            return []
        for layer in range(depth - 1, 0, -1):
            options = self._options[layer]
            after = instance.unary[layer, options] @ self._weights.T + tails[0][options]
            if self._near is None:
                tails.insert(0, np.broadcast_to(after.min(axis=0), tails[0].shape))
            else:
                between = self._near[layer - 1][:, options] @ self._weights.T
                tails.insert(0, (between + after).min(axis=1))
        return tails


class _PairLabels:
    """One ceiling in the form of layers and pairs, followed along the labels."""

    def __init__(self, instance: Instance, ceiling: Ceiling, options: list[Int64Array]) -> None:
        form = ceiling.form
        assert form is not None
        self.most = ceiling.most + _ROUNDING * abs(ceiling.most)
        unary = [form.unary[layer, found] for layer, found in enumerate(options)]
        self._constant = form.constant
        self._unary = unary
        self._table: dict[tuple[int, int], FloatArray] = {}
        lowest = []
        for (i, j), table in zip(instance.pairs.tolist(), form.table, strict=True):
            found = table[np.ix_(options[i], options[j])]
            low = float(found.min()) if found.size else 0.0
            lowest.append(low)
            self._table[i, j] = found - low
        self._constant += sum(lowest)
        self._sum = np.zeros(1)
        self._ahead: list[FloatArray] = []

    def begin(self) -> None:
        """Start with the empty label."""
        self._sum = np.full(1, self._constant)
        self._ahead = [row[None, :].copy() for row in self._unary]

    def extend(self, layer: int) -> FloatArray:
        """Return the bound of each label with each choice of a layer, flat.

        What the labels cost in later layers is known but for the choice that is being made.
        """
        total = self._sum[:, None] + self._ahead[layer]
        for later in range(layer + 1, len(self._ahead)):
            total = total + self._ahead[later].min(axis=1)[:, None]
        return total.reshape(-1)

    def keep(self, layer: int, parent: Int64Array, option: Int64Array, kept: Int64Array) -> None:
        """Go on with some of the extended labels."""
        self._sum = (self._sum[:, None] + self._ahead[layer]).reshape(-1)[kept]
        for later in range(layer + 1, len(self._ahead)):
            ahead = self._ahead[later][parent]
            table = self._table.get((layer, later))
            self._ahead[later] = ahead if table is None else ahead + table[option]
