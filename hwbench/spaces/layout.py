"""How the choices of a space lie in a code: columns, cardinalities, which entries are active.

`Space` holds one `Layout` and passes the hot work to it; use the methods of `Space`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, BoolArray, Codes, Int64Array, IntArray
from hwbench.errors import ShapeError, SpaceError
from hwbench.spaces.choice import Choice

__all__ = ["Layout"]


@dataclass(frozen=True, eq=False)
class Layout:
    """The columns of a code: shared choices first, then each layered choice for layers 0 to L - 1.

    Attributes:
        n_shared: Number of shared choices.
        max_depth: L, the greatest number of layers.
        columns: Name of each column, "embed_dim" or "mlp_ratio.0".
        cardinalities: `(n_choices,)` number of values of each column.
        depth_column: Column that holds the depth; None if the space has no layers.
        depth_values: `(n_depths,)` number of layers for each index of that column.
        active: `n_depths x n_choices`, true where a network of that depth has the choice.
    """

    n_shared: int
    max_depth: int
    columns: tuple[str, ...]
    cardinalities: Int64Array
    depth_column: int | None
    depth_values: Int64Array
    active: BoolArray

    @classmethod
    def of(cls, shared: Sequence[Choice], layered: Sequence[Choice], depth: str | None) -> Layout:
        """Lay out the choices of a space; `depth` names one of `shared`, or is None."""
        names = [choice.name for choice in shared]
        column = None if depth is None else names.index(depth)
        values = [0] if column is None else [int(value) for value in shared[column].values]
        layers = max(values)
        per_layer = [f"{choice.name}.{layer}" for choice in layered for layer in range(layers)]
        counts = [len(c) for c in shared] + [len(c) for c in layered for _ in range(layers)]
        depths = np.array(values, dtype=np.int64)
        in_depth = np.arange(layers) < depths[:, None]  # (n_depths, L)
        shared_active = np.ones((len(values), len(names)), dtype=bool)
        active = np.concatenate([shared_active, *[in_depth] * len(layered)], axis=1)
        return cls(
            n_shared=len(names),
            max_depth=layers,
            columns=(*names, *per_layer),
            cardinalities=np.array(counts, dtype=np.int64),
            depth_column=column,
            depth_values=depths,
            active=active,
        )

    def check(self, codes: ArrayLike, /) -> IntArray:
        """Return codes as an integer array whose entries are all indices that exist.

        Entries of inactive layers are checked too. See `Space.validate`.
        """
        array: AnyArray = np.asarray(codes)
        n_choices = len(self.columns)
        if array.ndim == 0 or array.shape[-1] != n_choices:
            raise ShapeError(
                f"codes need {n_choices} columns as their last axis, got shape {array.shape}"
            )
        if array.dtype.kind not in "iu":
            if array.size:
                raise SpaceError(f"codes must be integers, got {array.dtype}")
            return array.astype(np.int64)
        # Bytes with bytes compare ten times faster than after a cast.
        last = self._last if array.dtype == np.uint8 else self.cardinalities - 1
        if (array > last).any() or (array.dtype.kind == "i" and (array < 0).any()):
            raise self._out_of_range(array)
        return array

    def canonical(self, codes: ArrayLike, /) -> Codes:
        """Return a checked copy with inactive entries at 0, as bytes."""
        array = self.check(codes).astype(np.uint8)
        self.clear(array)
        return array

    def clear(self, codes: Codes, /) -> None:
        """Set the inactive entries of checked codes to 0, in place."""
        if self.depth_column is not None:
            codes *= self.rows(codes)

    def rows(self, codes: IntArray, /) -> BoolArray:
        """Return `... x n_choices`, true where a checked code is active."""
        if self.depth_column is None:
            return np.ones(codes.shape, dtype=bool)
        return self.active[codes[..., self.depth_column]]

    def block(self, choice: int, /) -> slice:
        """Return the columns of the layered choice with this number."""
        start = self.n_shared + choice * self.max_depth
        return slice(start, start + self.max_depth)

    @cached_property
    def _last(self) -> Codes:
        """The last index of each column."""
        return (self.cardinalities - 1).astype(np.uint8)

    def _out_of_range(self, array: IntArray) -> SpaceError:
        bad = (array < 0) | (array >= self.cardinalities)
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        column = place[-1]
        row = f"row {', '.join(map(str, place[:-1]))}, " if len(place) > 1 else ""
        return SpaceError(
            f"{row}column {column} ({self.columns[column]}): index {int(array[place])} does not "
            f"exist; there are {int(self.cardinalities[column])} values (0 to "
            f"{int(self.cardinalities[column]) - 1})"
        )
