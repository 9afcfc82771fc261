"""From expanded terms to a `LayerwisePredictor`: pair tables sorted into a chain and the rest."""

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.spaces import Space
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor, Link, n_combinations
from hwbench.surrogates.terms import Tables

__all__ = ["predictor_of"]


def predictor_of(space: Space, tables: Tables, /, *, link: Link) -> LayerwisePredictor:
    """Return the tables as a predictor, at the float32 precision that ships.

    Layers a network of some depth lacks count 0, and equal pair tables are held once.
    """
    depth, slots = space.max_depth, n_combinations(space)[1] + 1
    adjacent = [pair for pair in sorted(tables.pairs) if pair[1] == pair[0] + 1]
    distant = [pair for pair in sorted(tables.pairs) if pair[1] > pair[0] + 1]
    by_layer = {pair[0]: tables.pairs[pair] for pair in adjacent}
    zero = np.zeros((len(tables.base), slots, slots))
    chain = [by_layer.get(layer, zero) for layer in range(depth - 1)] if adjacent else []
    chain_table, chain_group = _grouped(chain, slots)
    rest_table, rest_group = _grouped([tables.pairs[pair] for pair in distant], slots)
    return LayerwisePredictor(
        space,
        link,
        _single(tables.base),
        _single(tables.unary),
        chain_table,
        chain_group,
        rest_table,
        rest_group,
        np.array(distant, dtype=np.int64).reshape(-1, 2),
    )


def _single(values: FloatArray) -> FloatArray:
    return values.astype(np.float32).astype(np.float64)


def _grouped(entries: list[FloatArray], slots: int) -> tuple[FloatArray, Int64Array]:
    """Stack `C x (P + 1) x (P + 1)` tables of K pairs, one copy of equal ones: `G x K x ...`."""
    if not entries:
        return np.zeros((0, 0, slots, slots)), np.zeros(0, dtype=np.int64)
    stacked = _single(np.stack(entries, axis=1))  # (C, K, P + 1, P + 1)
    flat = stacked.reshape(len(stacked), -1)
    _, first, group = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    return stacked[first], group.astype(np.int64).reshape(-1)
