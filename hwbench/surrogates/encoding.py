"""Turn codes into float features, for any model that knows nothing of spaces.

One column per (choice, value). A layer beyond the depth of its network has all its columns at zero,
so that the features of two equal networks are equal and an absent layer looks like no value at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Codes, Int64Array
from hwbench.errors import ShapeError
from hwbench.spaces import Space
from hwbench.surrogates._types import Float32Array

__all__ = [
    "Inputs",
    "OneHot",
    "check_codes",
    "check_matrix",
]


def check_codes(space: Space, codes: ArrayLike, /) -> Codes:
    """Check a batch of codes against its space, and return its canonical form.

    Args:
        space: The space the codes belong to.
        codes: `n x n_choices` integers; a single architecture is a batch of one row.

    Returns:
        New `n x n_choices` bytes, inactive entries zero.

    Raises:
        ShapeError: If `codes` is not a matrix with one column per choice.
        SpaceError: If an entry is not an index of its choice; says row and column.
    """
    batch = np.asarray(codes)
    if batch.ndim != 2 or batch.shape[1] != space.n_choices:
        raise ShapeError(
            f"codes of {space.name} need shape (n, {space.n_choices}), got {batch.shape};"
            " pass one architecture as codes[None, :]"
        )
    return space.canonical(batch)


def check_matrix(inputs: ArrayLike, /, *, n_features: int) -> Float32Array:
    """Check a plain feature matrix `n x n_features`, and return it as float32.

    Raises:
        ShapeError: If the shape is another one.
        ShapeError: If an entry is NaN or infinite (in float32).
    """
    matrix = np.asarray(inputs)
    if matrix.ndim != 2 or matrix.shape[1] != n_features:
        raise ShapeError(f"features need shape (n, {n_features}), got {matrix.shape}")
    with np.errstate(over="ignore"):
        single = matrix.astype(np.float32)
    if not np.isfinite(single).all():
        row, column = np.argwhere(~np.isfinite(single))[0]
        raise ShapeError(
            f"features must be finite, got {matrix[row, column]} in row {row}, column {column}"
        )
    return single


@dataclass(frozen=True, eq=False)
class OneHot:
    """One-hot encoding of the codes of one space; build it with `OneHot.of(space)`.

    Attributes:
        space: The space whose codes are encoded.
        column: `(n_features,)` the choice each feature looks at.
        level: `(n_features,)` the value index each feature stands for.
    """

    space: Space
    column: Int64Array
    level: Int64Array

    @classmethod
    def of(cls, space: Space, /) -> "OneHot":
        """Lay out the features: choices in the order of the code, values ascending."""
        cardinalities = np.asarray(space.cardinalities, dtype=np.int64)
        column = np.repeat(np.arange(space.n_choices, dtype=np.int64), cardinalities)
        starts = np.cumsum(cardinalities) - cardinalities
        return cls(space, column, np.arange(len(column), dtype=np.int64) - starts[column])

    @property
    def n_features(self) -> int:
        """Number of columns of the encoding."""
        return len(self.column)

    @property
    def names(self) -> tuple[str, ...]:
        """One name per feature, such as `mlp_ratio.0#2`: the column, then the value's index."""
        columns = self.space.columns
        return tuple(f"{columns[c]}#{v}" for c, v in zip(self.column, self.level, strict=True))

    def __call__(self, codes: ArrayLike, /) -> Float32Array:
        """Encode `n x n_choices` codes as `n x n_features` zeros and ones (float32).

        Raises:
            ShapeError: If `codes` has another shape.
            SpaceError: If an entry is not an index of its choice.
        """
        canonical = check_codes(self.space, codes)
        # An inactive entry gets a level no feature stands for.
        marked = np.where(self.space.active(canonical), canonical, np.uint8(255))
        hot = marked[:, self.column] == self.level.astype(np.uint8)  # (n, n_features)
        return np.asarray(hot, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a predictor does with its input: encode codes, or check a plain matrix.

    Attributes:
        n_features: Number of features the model behind it reads.
        encoder: The encoding, or None when the inputs are features already.
    """

    n_features: int
    encoder: OneHot | None

    @classmethod
    def of(cls, space: Space | None, /, *, n_features: int) -> "Inputs":
        """Inputs for a model of `n_features` features.

        Raises:
            ShapeError: If the space has another number of features.
        """
        encoder = None if space is None else OneHot.of(space)
        if encoder is not None and encoder.n_features != n_features:
            raise ShapeError(
                f"{encoder.space.name} has {encoder.n_features} features,"
                f" but the model reads {n_features}"
            )
        return cls(n_features, encoder)

    def __call__(self, inputs: ArrayLike, /) -> Float32Array:
        """Return `n x n_features` float32 features for codes or for a plain matrix."""
        if self.encoder is not None:
            return self.encoder(inputs)
        return check_matrix(inputs, n_features=self.n_features)
