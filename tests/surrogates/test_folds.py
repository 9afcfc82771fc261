"""Folds: every row is held out once, blocks follow the order of measurement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import DataError
from hwbench.surrogates.folds import block_folds, out_of_fold, random_folds, splits


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 2**32))
def test_random_folds_are_even(n, n_folds, seed):
    if n_folds > n:
        with pytest.raises(DataError, match=f"n_samples={n}"):
            random_folds(n, n_folds, np.random.default_rng(seed))
        return
    fold = random_folds(n, n_folds, np.random.default_rng(seed))
    sizes = np.bincount(fold, minlength=n_folds)
    assert len(sizes) == n_folds
    assert sizes.max() - sizes.min() <= 1
    held = np.concatenate([rows for _, rows in splits(fold)])
    np.testing.assert_array_equal(np.sort(held), np.arange(n))


def test_blocks_are_stretches_of_time():
    position = [50, 0, 40, 10, 30, 20]
    np.testing.assert_array_equal(block_folds(position, 3), [2, 0, 2, 0, 1, 1])


def test_answers_come_from_models_that_have_not_seen_the_row():
    fold = np.array([1, 0, 1, 0, 2])
    seen_by = out_of_fold(set, lambda seen, rows: np.array([r in seen for r in rows]), fold)
    np.testing.assert_array_equal(seen_by, False)
    rows = out_of_fold(list, lambda _, rows: rows.astype(float), fold)
    np.testing.assert_array_equal(rows, np.arange(5.0))
