"""The tables of one layer-wise model in one normal form, which both ways of asking read.

All terms of two layers, adjacent or not, become one list of pairs with one table each; formulas
become tables, too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.benchmark.bundle import Cell
from hwbench.benchmark.closed_forms import ClosedForm, tabulate
from hwbench.spaces import Space
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor

__all__ = ["Terms", "terms_of"]


@dataclass(frozen=True, eq=False)
class Terms:
    """Tables for C combinations of shared choices, L layers and Q slots a layer (one is "absent").

    Attributes:
        log: Whether the score is the logarithm of the value.
        base: `(C,)`.
        unary: `L x C x Q`.
        pairs: `K x 2` layers that have a term together.
        table: `K x G x Q x Q`.
        group: `(C,)` which of the G tables a shared combination uses.
    """

    log: bool
    base: FloatArray
    unary: FloatArray
    pairs: Int64Array
    table: FloatArray
    group: Int64Array

    @classmethod
    def of(cls, model: LayerwisePredictor, /) -> Self:
        """Bring a model into the normal form."""
        combinations, layers, slots = model.unary.shape
        near = np.stack([np.arange(layers - 1), np.arange(1, layers)], axis=1)
        parts = []
        if model.has_chain:
            parts.append((near, model.chain, model.chain_group))
        if model.has_rest:
            parts.append((model.rest_pairs, model.rest, model.rest_group))
        groups = [group for _, _, group in parts] or [np.zeros(combinations, dtype=np.int64)]
        # One row for each combination of groups that occurs.
        distinct, group = np.unique(np.stack(groups, axis=1), axis=0, return_inverse=True)
        tables = [table[distinct[:, i]] for i, (_, table, _) in enumerate(parts)]  # (G, K, Q, Q)
        return cls(
            log=model.link == "log",
            base=model.base,
            unary=np.ascontiguousarray(model.unary.transpose(1, 0, 2)),
            pairs=np.concatenate([np.zeros((0, 2), dtype=np.int64), *(p for p, _, _ in parts)]),
            table=np.concatenate(
                [np.zeros((0, len(distinct), slots, slots)), *(t.swapaxes(0, 1) for t in tables)]
            ),
            group=group.reshape(-1),
        )


def terms_of(cell: Cell, space: Space, /) -> Terms | None:
    """Return the tables of a cell; None if its model is not a sum over layers."""
    if isinstance(cell.model, ClosedForm):
        return Terms.of(tabulate(cell.model, space))
    if isinstance(cell.model, LayerwisePredictor):
        return Terms.of(cell.model)
    return None
