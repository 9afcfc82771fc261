"""Names for the array types of public signatures; shapes are said in the docstrings."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "BoolArray", "Codes", "FloatArray", "Int64Array", "IntArray"]

AnyArray: TypeAlias = NDArray[Any]
BoolArray: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.uint8]
"""Canonical codes, `n x n_choices` (or `n_choices` for one architecture)."""
FloatArray: TypeAlias = NDArray[np.float64]
Int64Array: TypeAlias = NDArray[np.int64]
IntArray: TypeAlias = NDArray[np.integer[Any]]
"""Integers of any width: what codes may come in as."""
