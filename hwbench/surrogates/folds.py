"""Folds, and answers for rows that a model has not seen."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import DataError

__all__ = [
    "Rows",
    "block_folds",
    "out_of_fold",
    "random_folds",
    "splits",
]

Rows = NDArray[np.int64]
Model = TypeVar("Model")


def random_folds(n: int, n_folds: int, rng: np.random.Generator, /) -> Int64Array:
    """Assign each of `n` rows to one of `n_folds` random folds of nearly one size; returns `(n,)`.

    Raises:
        DataError: If `n_folds` is not 2 to `n`.
    """
    _check(n, n_folds)
    return rng.permutation(np.arange(n, dtype=np.int64) % n_folds)


def block_folds(position: ArrayLike, n_folds: int, /) -> Int64Array:
    """Cut the order of measurement into `n_folds` blocks of nearly one size; returns `(n,)`.

    A row's neighbours in time, which share its drift, are held out with it.

    Raises:
        DataError: If `n_folds` is not 2 to the number of rows.
    """
    order = np.argsort(np.asarray(position), kind="stable")
    _check(len(order), n_folds)
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.arange(len(order)) * n_folds // len(order)
    return fold


def splits(fold: Int64Array, /) -> Iterator[tuple[Rows, Rows]]:
    """Yield the rows to learn from and the rows held out, fold by fold."""
    for k in np.unique(fold):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def out_of_fold(
    fit: Callable[[Rows], Model], answer: Callable[[Model, Rows], FloatArray], fold: Int64Array, /
) -> FloatArray:
    """Answer for every row by a model that has not seen it.

    Args:
        fit: Learns from the given rows.
        answer: Returns the model's answers for the given rows, one entry or one row each.
        fold: `(n,)` fold of each row.

    Returns:
        The answers, in the order of the rows.
    """
    parts = [(held, answer(fit(seen), held)) for seen, held in splits(fold)]
    order = np.argsort(np.concatenate([held for held, _ in parts]), kind="stable")
    joined: FloatArray = np.concatenate([values for _, values in parts])[order]
    return joined


def _check(n: int, n_folds: int) -> None:
    if not 2 <= n_folds <= n:
        raise DataError(f"cannot make {n_folds} folds of n_samples={n}; pass 2 to n_samples")
