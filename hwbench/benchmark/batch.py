"""Many architectures at once: table look-ups over blocks of rows that stay in the cache."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark.terms import Terms
from hwbench.spaces import Space
from hwbench.surrogates.layerwise_predictor import n_combinations

__all__ = ["Scorer", "predict_columns"]

Indices: TypeAlias = NDArray[np.intp]

_ROWS: Final = 4096  # a block's indices, 8 bytes a row and layer, stay in the second-level cache


@dataclass(frozen=True, eq=False)
class Scorer:
    """A model laid out for look-ups by row; built from `Terms`.

    Attributes:
        terms: The tables.
        unary: For each layer, `(C * Q,)`.
        pairs: For each pair, its layers and a table `(G * Q * Q,)`.
    """

    terms: Terms
    unary: tuple[FloatArray, ...]
    pairs: tuple[tuple[int, int, FloatArray], ...]

    @classmethod
    def of(cls, terms: Terms, /) -> "Scorer":
        """Lay out the tables."""
        pairs = zip(terms.pairs.tolist(), terms.table, strict=True)
        return cls(
            terms,
            tuple(table.ravel() for table in terms.unary),
            tuple((i, j, table.ravel()) for (i, j), table in pairs),
        )

    def __call__(self, c: Indices, p: Sequence[Indices], /) -> FloatArray:
        """Return the `(n,)` values of one block.

        Args:
            c: `(n,)` combination of shared choices.
            p: For each layer, the `(n,)` combination of its choices.
        """
        slots = self.terms.unary.shape[-1]
        score = self.terms.base[c]
        first = c * slots
        for table, chosen in zip(self.unary, p, strict=True):
            # All indices are known to exist; "clip" saves numpy a second look.
            score += table.take(first + chosen, mode="clip")
        if self.pairs:
            group = self.terms.group[c] * slots
            rows = [(group + chosen) * slots for chosen in p]
            for i, j, table in self.pairs:
                score += table.take(rows[i] + p[j], mode="clip")
        return np.exp(score, out=score) if self.terms.log else score


def predict_columns(
    space: Space,
    codes: Codes,
    models: Sequence[Scorer | Callable[[Codes], FloatArray]],
    /,
) -> FloatArray:
    """Predict several metrics of the same architectures.

    Args:
        space: The space of the codes.
        codes: `n x n_choices` canonical codes.
        models: Tables, or functions that take codes to `(n,)` values.

    Returns:
        `n x len(models)`.
    """
    values = np.empty((len(codes), len(models)), order="F")
    tables = [(k, model) for k, model in enumerate(models) if isinstance(model, Scorer)]
    for k, model in enumerate(models):
        if not isinstance(model, Scorer):
            values[:, k] = model(codes)
    for start in range(0, len(codes) if tables else 0, _ROWS):
        block = slice(start, start + _ROWS)
        c, p = _indices(space, codes[block])
        for k, scorer in tables:
            values[block, k] = scorer(c, p)
    return values


def _indices(space: Space, codes: Codes) -> tuple[Indices, list[Indices]]:
    """As `layer_index`, with one contiguous array for each layer."""
    layout = space.layout
    columns = np.ascontiguousarray(codes.T).astype(np.intp)  # (n_choices, n)
    c = np.zeros(len(codes), dtype=np.intp)
    for column, choice in enumerate(space.shared):
        c = c * len(choice) + columns[column]
    p = np.zeros((layout.max_depth, len(codes)), dtype=np.intp)
    for number, choice in enumerate(space.layered):
        p = p * len(choice) + columns[layout.block(number)]
    if layout.depth_column is not None:
        depth = layout.depth_values[columns[layout.depth_column]]
        absent = n_combinations(space)[1]
        for layer in range(int(layout.depth_values.min()), layout.max_depth):
            p[layer][depth <= layer] = absent
    return c, list(p)
