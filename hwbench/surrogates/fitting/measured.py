"""What a cell is fitted to: one value per architecture, and when it was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import BoolArray, Codes, FloatArray, Int64Array
from hwbench.data.table import Table
from hwbench.errors import DataError
from hwbench.spaces import Space

__all__ = ["Measured"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The rows of a table as a fit needs them.

    Attributes:
        space: The search space.
        codes: `n x n_choices` canonical codes.
        y: `(n,)` medians over the repeats, SI units, above 0.
        position: `(n,)` order of measurement.
        session: `(n,)` label of the visit to the machine (the file chunk).
        repeats: `n x r` raw repeats, cold starts left out; NaN where there are fewer.
        timed: Whether a machine was measured, so that one visit may differ from another.
    """

    space: Space
    codes: Codes
    y: FloatArray
    position: Int64Array
    session: Int64Array
    repeats: FloatArray
    timed: bool

    @classmethod
    def of(cls, table: Table, space: Space, /) -> Measured:
        """Take the rows of a table that have a positive value.

        Raises:
            DataError: If none has.
        """
        y = table.center()
        good = np.isfinite(y) & (y > 0)
        if not good.any():
            raise DataError(f"{table.metric} of {table.device}: no row has a positive value")
        kept = table.select(good)
        skip = min(table.protocol.skip_first, kept.repeats.shape[1] - 1)
        return cls(
            space,
            space.canonical(kept.codes),
            y[good],
            kept.position.astype(np.int64),
            kept.chunk.astype(np.int64),
            kept.repeats[:, skip:],
            table.device is not None,
        )

    def __len__(self) -> int:
        return len(self.y)

    def select(self, rows: NDArray[np.int64] | BoolArray, /) -> Measured:
        """Return some rows."""
        return replace(
            self,
            codes=self.codes[rows],
            y=self.y[rows],
            position=self.position[rows],
            session=self.session[rows],
            repeats=self.repeats[rows],
        )

    @property
    def group(self) -> Int64Array:
        """Index of the first shared choice (the embedding), `(n,)`."""
        return self.codes[:, 0].astype(np.int64)

    @property
    def n_sessions(self) -> int:
        """Number of visits."""
        return len(np.unique(self.session))
