"""Lower bounds of one instance for given weights of its scores.

With weights w >= 0 the least weighted sum of scores over all choices bounds every architecture. It
is exact, by dynamic programming over layers, where only adjacent layers have terms together
(`ChainRelaxation`). Where all pairs do, terms are moved between pairs and layers without changing
any sum until the layers' own minima bound it well (`PairRelaxation`: max-product linear
programming, Globerson and Jaakkola, "Fixing max-product", 2007).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.search.exact.instance import Instance

__all__ = ["ChainRelaxation", "Cut", "PairForm", "PairRelaxation", "Relaxation", "relax"]


@dataclass(frozen=True, eq=False)
class Cut:
    """The minimum for some weights, which bounds the minimum for all others from above.

    Attributes:
        scores: `(J,)` of the minimiser: for weights w the minimum is at most `w @ scores + extra`.
        extra: 0 for an architecture; else what the relaxation gains by contradicting itself.
        choice: `(D,)` a choice for each layer, that of the minimiser or near it.
    """

    scores: FloatArray
    extra: float
    choice: Int64Array

    def at(self, weights: FloatArray, /) -> float:
        """Return the line's value for some weights."""
        return float(weights @ self.scores) + self.extra


class Relaxation(ABC):
    """Bounds the weighted sum of the scores of an instance from below."""

    @abstractmethod
    def cut(self, weights: FloatArray, /) -> Cut:
        """Minimise the relaxed sum for `(J,)` weights; `cut(w).at(w)` is the lower bound."""


@final
class ChainRelaxation(Relaxation):
    """The exact minimum where only adjacent layers have terms together, or none."""

    def __init__(self, instance: Instance, /) -> None:
        self._instance = instance
        self._rows = np.arange(instance.unary.shape[0])
        self._near = near(instance)

    def cut(self, weights: FloatArray, /) -> Cut:
        """See `Relaxation.cut`."""
        instance = self._instance
        unary = instance.unary @ weights  # (D, n)
        choice = unary.argmin(axis=1) if self._near is None else self._viterbi(unary, weights)
        scores = instance.base + instance.unary[self._rows, choice].sum(axis=0)
        if self._near is not None:
            scores += self._near[self._rows[:-1], choice[:-1], choice[1:]].sum(axis=0)
        return Cut(scores, 0.0, choice)

    def _viterbi(self, unary: FloatArray, weights: FloatArray) -> Int64Array:
        assert self._near is not None
        tables = self._near @ weights + unary[1:, None, :]  # (D - 1, n, n)
        best, back = unary[0], []
        for table in tables:
            total = best[:, None] + table
            back.append(total.argmin(axis=0))
            best = total.min(axis=0)
        choice = [int(best.argmin())]
        for step in reversed(back):
            choice.append(int(step[choice[-1]]))
        return np.array(choice[::-1], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class PairForm:
    """Weighted scores as terms of layers and of pairs, moved so that their minima bound the sum.

    Attributes:
        constant: What is added to the terms.
        unary: `D x n`.
        table: `E x n x n`.
    """

    constant: float
    unary: FloatArray
    table: FloatArray

    @property
    def bound(self) -> float:
        """No choice has a smaller sum."""
        lowest = self.unary.min(axis=1).sum() + self.table.min(axis=(1, 2)).sum()
        return self.constant + float(lowest)

    def option_bounds(self, pairs: Int64Array, /) -> FloatArray:
        """Return `D x n`: no architecture with this choice in this layer has a smaller sum."""
        lowest = self.table.min(axis=(1, 2))
        found: FloatArray = self.unary - self.unary.min(axis=1, keepdims=True) + self.bound
        for (i, j), table, low in zip(pairs, self.table, lowest, strict=True):
            found[i] += table.min(axis=1) - low
            found[j] += table.min(axis=0) - low
        return found


@final
class PairRelaxation(Relaxation):
    """A bound where any two layers may have a term together; `tighten` improves it.

    Args:
        instance: The instance.
        weights: `(J,)` for which to begin.
    """

    def __init__(self, instance: Instance, weights: FloatArray, /) -> None:
        self._instance = instance
        depth, n, _ = instance.unary.shape
        self._rounds = _matchings(instance.pairs, depth)
        # What layers get from each pair; to begin with the mean over the other layer's choices.
        table = instance.table @ weights
        middle = table.mean(axis=(1, 2))[:, None]
        self._first = table.mean(axis=2) - 0.5 * middle
        self._second = table.mean(axis=1) - 0.5 * middle
        self._moved = np.zeros((depth, n))
        np.add.at(self._moved, instance.pairs[:, 0], self._first)
        np.add.at(self._moved, instance.pairs[:, 1], self._second)

    def form(self, weights: FloatArray, /) -> PairForm:
        """Return the terms for some weights."""
        instance = self._instance
        table = instance.table @ weights - self._first[:, :, None] - self._second[:, None, :]
        constant = float(instance.base @ weights)
        return PairForm(constant, instance.unary @ weights + self._moved, table)

    def cut(self, weights: FloatArray, /) -> Cut:
        """See `Relaxation.cut`; terms of layers and pairs are minimised each for itself."""
        instance, form = self._instance, self.form(weights)
        depth, n, _ = instance.unary.shape
        rows, edges = np.arange(depth), np.arange(len(instance.pairs))
        choice = form.unary.argmin(axis=1)
        p, q = np.divmod(form.table.reshape(len(edges), -1).argmin(axis=1), n)
        scores = instance.base + instance.unary[rows, choice].sum(axis=0)
        scores += instance.table[edges, p, q].sum(axis=0)
        extra = self._moved[rows, choice].sum()
        extra -= self._first[edges, p].sum() + self._second[edges, q].sum()
        return Cut(scores, float(extra), choice)

    def tighten(self, weights: FloatArray, /, *, rounds: int) -> None:
        """Move terms between pairs and layers; the bound for these weights never falls."""
        form, pairs = self.form(weights), self._instance.pairs
        unary, table = form.unary.copy(), form.table.copy()
        for _ in range(rounds):
            for edges in self._rounds:
                i, j = pairs[edges].T
                total = table[edges]
                total += unary[i][:, :, None]
                total += unary[j][:, None, :]
                first, second = 0.5 * total.min(axis=2), 0.5 * total.min(axis=1)
                self._first[edges] += first - unary[i]
                self._second[edges] += second - unary[j]
                unary[i], unary[j] = first, second
                total -= first[:, :, None]
                total -= second[:, None, :]
                table[edges] = total
        self._moved = unary - self._instance.unary @ weights


def relax(instance: Instance, /) -> Relaxation:
    """Return the relaxation that fits an instance."""
    if instance.is_chain:
        return ChainRelaxation(instance)
    weights = np.zeros(len(instance.base))
    weights[: instance.n_objectives] = 1.0 / instance.n_objectives
    return PairRelaxation(instance, weights)


def near(instance: Instance, /) -> FloatArray | None:
    """Return the terms of adjacent layers, `(D - 1) x n x n x J`; None if there are none."""
    if not len(instance.pairs):
        return None
    depth, n, j = instance.unary.shape
    table = np.zeros((depth - 1, n, n, j))
    table[instance.pairs[:, 0]] = instance.table
    return table


def _matchings(pairs: Int64Array, depth: int) -> list[Int64Array]:
    """Split pairs into groups in which no layer occurs twice, so that a group moves at once."""
    groups: list[list[int]] = []
    used: list[set[int]] = []
    # The order of a round-robin tournament: few groups for complete graphs.
    order = sorted(range(len(pairs)), key=lambda k: ((pairs[k].sum()) % max(depth - 1, 1), k))
    for k in order:
        layers = set(pairs[k].tolist())
        for group, busy in zip(groups, used, strict=True):
            if not busy & layers:
                group.append(k)
                busy |= layers
                break
        else:
            groups.append([k])
            used.append(layers)
    return [np.array(group, dtype=np.int64) for group in groups]
