"""Input checks shared by the scores."""

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError, ShapeError


def finite(values: ArrayLike, /, *, name: str, ndim: int = 1) -> FloatArray:
    """Return `values` as finite float64 with `ndim` dimensions.

    Raises:
        ShapeError: If it has another number of dimensions.
        DataError: If it holds NaN or infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise ShapeError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise DataError(f"{name} holds {bad} value(s) that are not finite; drop them first")
    return array


def paired(truth: ArrayLike, predicted: ArrayLike, /) -> tuple[FloatArray, FloatArray]:
    """Return truth and prediction as finite vectors of one length.

    Raises:
        ShapeError: If they are not vectors of one length.
        DataError: If either holds NaN or infinity.
    """
    y, p = finite(truth, name="truth"), finite(predicted, name="predicted")
    if y.shape != p.shape:
        raise ShapeError(f"truth and predicted differ in length: {len(y)} and {len(p)}")
    return y, p
