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
from hwbench.search.exact.dominated import rivals, undominated
from hwbench.search.exact.instance import ROUNDING, Instance
from hwbench.search.exact.relax import PairForm, near

__all__ = ["Ceiling", "Found", "Search"]

_LEAST_WEIGHT: Final = 1e-6
_EXTRA: Final = 4


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

    @classmethod
    def of(cls, weights: FloatArray, most: FloatArray, form: PairForm | None = None) -> Ceiling:
        """Weigh the greatest values of the scores, `(J,)`, with room for rounding."""
        used = weights > 0
        parts = weights[used] * most[used]
        total = float(parts.sum())
        slack = ROUNDING * float(np.abs(parts).sum()) if np.isfinite(total) else 0.0
        return cls(weights, total + slack, form)


@dataclass(frozen=True, eq=False)
class Found:
    """What one pass over the layers found.

    Attributes:
        choices: `N x D` complete architectures that keep all ceilings.
        scores: `N x J` of them.
        dropped: Least first ceiling's sum of labels dropped for want of room; infinite if none
            was, and then no other architecture keeps all ceilings.
        n_labels: How many labels kept the ceilings, over all layers.
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
        self._dominance = dominance
        self._plain = [ceiling for ceiling in ceilings if ceiling.form is None]
        self._weights = np.array([c.weights for c in self._plain]).reshape(-1, len(instance.base))
        self._most = np.array([ceiling.most for ceiling in self._plain])
        self._tails = self._suffix() if self._plain else []
        self._ranking = ceilings[0].weights
        self._pairs = [_PairLabels(instance, c, self._options) for c in ceilings if c.form]

    def run(self, width: int, /) -> Found:
        """Extend labels through all layers, keeping at most `width` of them each time."""
        instance = self._instance
        depth = len(self._options)
        if self._empty:
            return Found(np.zeros((0, depth), dtype=np.int64), instance.base[None][:0], np.inf, 0)
        prefix = np.zeros((1, 0), dtype=np.uint16)
        scores, rank = instance.base[None, :], np.zeros(1)
        for pair in self._pairs:
            pair.begin()
        dropped, n_labels = np.inf, 1
        for layer in range(depth):
            scores, rank, keep = self._extend(layer, prefix, scores)
            kept = np.flatnonzero(keep)
            n_labels += len(kept)
            if self._pairs:
                kept, lost = _promising(kept, rank, _EXTRA * width)
                dropped = min(dropped, lost)
            elif self._dominance:
                last = self._near is None or layer == depth - 1
                state = None if last else kept % len(self._options[layer])
                kept = kept[undominated(scores[kept], rank[kept], state)]
            parent, option = np.divmod(kept, len(self._options[layer]))
            for pair in self._pairs:
                pair.keep(layer, parent, option, kept)
            if self._pairs and self._dominance:
                own = self._undominated(layer, scores[kept], rank[kept])
                kept = self._select(kept, own, layer)
            best, lost = _promising(np.arange(len(kept)), rank[kept], width)
            if len(best) < len(kept):
                dropped = min(dropped, lost)
                kept = self._select(kept, best, layer)
            parent, option = np.divmod(kept, len(self._options[layer]))
            chosen = self._options[layer][option].astype(np.uint16)
            prefix = np.concatenate([prefix[parent], chosen[:, None]], axis=1)
            scores, rank = scores[kept], rank[kept]
        choices = prefix.astype(np.int64)
        return Found(choices, self._complete(choices, scores, rank), dropped, n_labels)

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

    def _select(self, kept: Int64Array, places: Int64Array, layer: int) -> Int64Array:
        for pair in self._pairs:
            pair.select(places, layer)
        return kept[places]

    def _undominated(self, layer: int, scores: FloatArray, rank: FloatArray) -> Int64Array:
        """Return the labels to keep: one is dropped if another is no worse whatever follows.

        What a label adds in later layers differs between labels, so the worst case counts.
        """
        pair, weights = self._pairs[0], self._ranking
        places = np.arange(len(scores))
        simple = len(self._pairs) == 1 and self._instance.n_objectives == 1 and weights[0] > 0
        if not simple or len(scores) < 2:
            return places
        own = pair.total - scores[:, 1:] @ weights[1:]
        keep = np.ones(len(own), dtype=bool)
        for rival in rivals(own, scores[:, 1:], rank):
            left = np.flatnonzero(keep & (rival != places))
            excess = own[rival[left]] + pair.excess(left, rival[left], layer) - own[left]
            # Of two labels that are equal in all the first one stays.
            worse = (excess < 0) | ((excess == 0) & (rival[left] < left))
            keep[left[worse]] = False
        return np.flatnonzero(keep)

    def _complete(self, choices: Int64Array, scores: FloatArray, rank: FloatArray) -> FloatArray:
        """Return all scores of architectures; those followed along the layers lack pairs' terms."""
        if not self._pairs:
            return scores
        with_pairs = np.flatnonzero(self._instance.table.any(axis=(0, 1, 2)))
        weights = self._ranking
        if len(with_pairs) > 1 or weights[with_pairs[0]] < _LEAST_WEIGHT * weights.max():
            return self._instance.scores(choices)
        # The only score with terms of pairs follows from the weighted sum of all scores.
        (place,) = with_pairs
        others = scores @ np.where(np.arange(len(weights)) == place, 0.0, weights)
        scores[:, place] = (rank - others) / weights[place]
        return scores

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


def _promising(kept: Int64Array, rank: FloatArray, width: int) -> tuple[Int64Array, float]:
    """Return at most `width` of the kept labels, and the least rank of the others."""
    if len(kept) <= width:
        return kept, np.inf
    order = np.argpartition(rank[kept], width)
    return np.sort(kept[order[:width]]), float(rank[kept[order[width:]]].min())


class _PairLabels:
    """One ceiling in the form of layers and pairs, followed along the labels."""

    def __init__(self, instance: Instance, ceiling: Ceiling, options: list[Int64Array]) -> None:
        form = ceiling.form
        assert form is not None
        self.most = ceiling.most
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

    @property
    def total(self) -> FloatArray:
        """The sum of each label so far."""
        return self._sum

    def excess(self, label: Int64Array, rival: Int64Array, layer: int) -> FloatArray:
        """Return by how much more rivals of labels may at most cost in the layers after one."""
        excess = np.zeros(len(rival))
        for ahead in self._ahead[layer + 1 :]:
            excess += (ahead[rival] - ahead[label]).max(axis=1)
        return excess

    def select(self, places: Int64Array, layer: int) -> None:
        """Go on with some labels after `layer`."""
        self._sum = self._sum[places]
        for later in range(layer + 1, len(self._ahead)):
            self._ahead[later] = self._ahead[later][places]

    def keep(self, layer: int, parent: Int64Array, option: Int64Array, kept: Int64Array) -> None:
        """Go on with some of the extended labels."""
        self._sum = (self._sum[:, None] + self._ahead[layer]).reshape(-1)[kept]
        for later in range(layer + 1, len(self._ahead)):
            ahead = self._ahead[later][parent]
            table = self._table.get((layer, later))
            self._ahead[later] = ahead if table is None else ahead + table[option]
