"""Read architectures in any form into canonical codes."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwbench.arrays import Codes
from hwbench.errors import HwbenchError, ShapeError, SpaceError
from hwbench.spaces import Architecture, Space, read_architecture

__all__ = ["ArchitectureLike", "ArchitecturesLike", "check_codes", "read_code", "read_codes"]

ArchitectureLike: TypeAlias = Architecture | str | Mapping[str, object] | ArrayLike
"""An architecture: a value, our text or dict, HW-GPT-Bench's dict or key, or a row of indices."""

ArchitecturesLike: TypeAlias = Iterable[ArchitectureLike] | NDArray[np.integer]
"""Several architectures in any form, or a matrix of codes."""


def read_code(source: ArchitectureLike, space: Space, /) -> Codes:
    """Read one architecture as a canonical code, `(n_choices,)`.

    Raises:
        SpaceError: If it does not belong to the space.
        ShapeError: If it is an array of another shape.
    """
    if isinstance(source, Architecture):
        return space.encode([source]).reshape(-1)
    if isinstance(source, str | Mapping):
        return space.encode([read_architecture(source, space)]).reshape(-1)
    code = space.canonical(source)
    if code.ndim != 1:
        raise ShapeError(f"expected one code, ({space.n_choices},), got {code.shape}")
    return code


def read_codes(source: ArchitecturesLike, space: Space, /) -> Codes:
    """Read several architectures as canonical codes, `n x n_choices`.

    Raises:
        SpaceError: If one does not belong to the space; says which.
        ShapeError: If it is an array of another shape.
    """
    if isinstance(source, np.ndarray):
        return check_codes(source, space)
    if isinstance(source, str | Mapping | Architecture):
        raise SpaceError("expected several architectures, got one; put it into a list")
    items = list(source)
    codes = np.zeros((len(items), space.n_choices), dtype=np.uint8)
    for row, item in enumerate(items):
        try:
            codes[row] = read_code(item, space)
        except HwbenchError as error:
            raise type(error)(f"architecture {row}: {error}") from None
    return codes


def check_codes(codes: ArrayLike, space: Space, /) -> Codes:
    """Check a matrix of codes and return its canonical form, `n x n_choices`.

    Raises:
        ShapeError: If it has another shape.
        SpaceError: If an index does not exist; says row and column.
    """
    matrix = np.asarray(codes)
    if matrix.ndim != 2:
        raise ShapeError(f"codes need shape (n, {space.n_choices}), got {matrix.shape}")
    return space.canonical(matrix)
