"""Flag what is odd about repeats; nothing is changed or left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import BoolArray, FloatArray
from hwbench.data.table import Flag

__all__ = ["find_flags"]

_COLD = 1.05  # first repeat over the median of the others
_OUTLYING = 1.5  # repeat over the median, or the median over it
_APART = 0.02  # distance of two levels, over the median
_TIGHT = 0.25  # spread within both levels, over their distance
_FEWEST = 4


def find_flags(repeats: FloatArray, /, *, levels: bool = False) -> NDArray[np.uint8]:
    """Return the flags of each row.

    Args:
        repeats: `(n, r)` values in the order taken, NaN where there is none.
        levels: Look for two clean levels, too; it suits repeats that hardly scatter otherwise.

    Returns:
        `(n,)` bits of `Flag`; 0 for rows with fewer than four repeats.
    """
    flags = np.zeros(len(repeats), dtype=np.uint8)
    rows = np.flatnonzero((~np.isnan(repeats)).sum(axis=1) >= _FEWEST)
    if not len(rows):
        return flags
    known = repeats[rows]
    later = known[:, 1:]
    median = np.nanmedian(later, axis=1)
    cold = (known[:, 0] > np.nanmax(later, axis=1)) & (known[:, 0] > _COLD * median)
    high, low = np.nanmax(later, axis=1) / median, median / np.nanmin(later, axis=1)
    flags[rows[cold]] |= np.uint8(Flag.COLD_START)
    flags[rows[np.maximum(high, low) > _OUTLYING]] |= np.uint8(Flag.OUTLIER)
    if levels:
        flags[rows[_two_levels(known)]] |= np.uint8(Flag.TWO_STATES)
    return flags


def _two_levels(repeats: FloatArray) -> BoolArray:
    """Mark rows whose sorted values have one gap that dwarfs the spread on both sides of it."""
    ordered = np.sort(repeats, axis=1)  # NaN last
    gaps = np.nan_to_num(np.diff(ordered, axis=1), nan=-1.0)
    gap = gaps.max(axis=1)
    spread = np.nanmax(ordered, axis=1) - ordered[:, 0] - gap
    apart: BoolArray = gap > _APART * np.nanmedian(repeats, axis=1)
    tight: BoolArray = spread < _TIGHT * gap
    return apart & tight
