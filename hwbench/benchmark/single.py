"""One architecture, all metrics: the tables of all cells side by side, read in one go.

Row (c, l, p) of the stacked tables holds one number for every cell, so that a query is one `take`
of L rows and one sum, whatever the number of devices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.benchmark.terms import Terms
from hwbench.spaces import Space
from hwbench.surrogates.layerwise_predictor import layer_index, n_combinations

__all__ = ["Stack"]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pair terms of all cells that have terms for the same K pairs.

    Attributes:
        cells: Numbers of these m cells.
        columns: Which of the stack's rows are those of the pairs.
        table: `(G * K * Q * Q) x m`.
        ones: `(K,)`.
    """

    cells: Int64Array
    columns: slice
    table: FloatArray
    ones: FloatArray


@dataclass(frozen=True, eq=False)
class Stack:
    """The tables of n cells; build it with `Stack.of`.

    Attributes:
        weights: `n_choices x (L + all K)` takes a code to the rows to read, but for `offset`.
            Whole numbers, kept as floats because numpy multiplies those faster.
        offset: `C x (L + all K)`.
        n_layers: L, or 1 in a space without layers.
        unary: `(C * L * Q) x n`; the base of a cell is part of its first layer.
        pairs: Cells with pair terms, by the pairs they have.
        n_log: How many cells, the first ones, have the logarithm as their score.
        ones: `(L,)` ones: a product with them is the fastest sum.
    """

    weights: FloatArray
    offset: FloatArray
    n_layers: int
    unary: FloatArray
    pairs: tuple[_Pairs, ...]
    n_log: int
    ones: FloatArray

    @classmethod
    def of(cls, space: Space, cells: Sequence[Terms], /) -> "Stack":
        """Put the tables of some cells side by side; logarithmic ones must come first."""
        unary = np.stack([_with_base(terms) for terms in cells], axis=-1)  # (L, C, Q, n)
        layers, combinations, slots, n = unary.shape
        layer = _layer_weights(space)
        absent = _absent(space, combinations)
        weights = [layer]
        offsets = [np.arange(combinations * layers).reshape(combinations, layers) * slots + absent]
        pairs: list[_Pairs] = []
        alike: dict[bytes, list[int]] = {}
        for number, terms in enumerate(cells):
            if len(terms.pairs):
                alike.setdefault(terms.pairs.tobytes(), []).append(number)
        start = layers
        for numbers in alike.values():
            found = [cells[i] for i in numbers]
            first, second = found[0].pairs.T
            columns = slice(start, start + len(first))
            start = columns.stop
            table, begin = _pair_table(found)
            pairs.append(_Pairs(np.array(numbers), columns, table, np.ones(len(first))))
            weights.append(layer[:, first] * slots + layer[:, second])
            offsets.append(begin + absent[:, first] * slots + absent[:, second])
        return cls(
            weights=np.concatenate(weights, axis=1).astype(np.float64),
            offset=np.concatenate(offsets, axis=1).astype(np.float64),
            n_layers=layers,
            unary=unary.swapaxes(0, 1).reshape(-1, n),
            pairs=tuple(pairs),
            n_log=sum(terms.log for terms in cells),
            ones=np.ones(layers),
        )

    def values(self, code: Codes, c: int, /) -> FloatArray:
        """Return the `(n,)` values of one architecture.

        Args:
            code: `(n_choices,)` canonical code.
            c: Number of its combination of shared choices.
        """
        places = np.dot(code, self.weights)
        places += self.offset[c]
        rows = places.astype(np.intp)
        score: FloatArray = self.ones.dot(self.unary.take(rows[: self.n_layers], axis=0))
        for pairs in self.pairs:
            found = pairs.table.take(rows[pairs.columns], axis=0)
            score[pairs.cells] += pairs.ones.dot(found)
        logarithms = score[: self.n_log]
        np.exp(logarithms, out=logarithms)
        return score


def _with_base(terms: Terms) -> FloatArray:
    """Return `L x C x Q` tables with the base in the first layer, which every network has."""
    if not len(terms.unary):
        return terms.base[None, :, None]
    unary = terms.unary.copy()
    unary[0] += terms.base[:, None]
    return unary


def _layer_weights(space: Space) -> Int64Array:
    """Return `n_choices x L`: what a column adds to the number of each layer's combination."""
    weights = np.zeros((space.n_choices, max(space.max_depth, 1)), dtype=np.int64)
    weight = 1
    for number in reversed(range(len(space.layered))):
        weights[space.layout.block(number)] = weight * np.eye(space.max_depth, dtype=np.int64)
        weight *= len(space.layered[number])
    return weights


def _absent(space: Space, combinations: int) -> Int64Array:
    """Return `C x L`: the number of an absent layer where a layer is absent, else 0."""
    if not space.layered:
        return np.zeros((combinations, 1), dtype=np.int64)
    sizes = [len(choice) for choice in space.shared]
    codes = np.zeros((combinations, space.n_choices), dtype=np.int64)
    codes[:, : len(sizes)] = np.indices(sizes).reshape(len(sizes), -1).T
    return layer_index(space, codes)[1] // n_combinations(space)[1] * n_combinations(space)[1]


def _pair_table(cells: Sequence[Terms]) -> tuple[FloatArray, Int64Array]:
    """Put the pair tables of m cells with the same K pairs side by side.

    Returns:
        The tables, `(G * K * Q * Q) x m`, and `C x K`: where those of a combination and pair begin.
    """
    k, _, slots, _ = cells[0].table.shape
    groups = np.stack([terms.group for terms in cells], axis=1)  # (C, m)
    distinct, group = np.unique(groups, axis=0, return_inverse=True)
    tables = [terms.table[:, distinct[:, i]] for i, terms in enumerate(cells)]
    table = np.stack(tables, axis=-1).swapaxes(0, 1)  # (G, K, Q, Q, m)
    begin = (group.reshape(-1, 1) * k + np.arange(k)) * slots**2
    return table.reshape(-1, len(cells)), begin
