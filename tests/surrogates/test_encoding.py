"""One-hot encoding, against a hand-written row and scikit-learn's encoder."""

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from hwbench import spaces
from hwbench.errors import ShapeError, SpaceError
from hwbench.spaces import Choice, Space
from hwbench.surrogates import OneHot
from hwbench.surrogates.encoding import Inputs, check_matrix

TINY = Space(
    "tiny",
    (Choice("width", (8, 16)), Choice("depth", (1, 2))),
    (Choice("ratio", (1, 2, 4)),),
    depth="depth",
)


def test_row_by_hand():
    encode = OneHot.of(TINY)
    assert encode.names == (
        "width#0", "width#1", "depth#0", "depth#1",
        "ratio.0#0", "ratio.0#1", "ratio.0#2", "ratio.1#0", "ratio.1#1", "ratio.1#2",
    )  # fmt: skip
    got = encode(np.array([[1, 0, 2, 0], [0, 1, 0, 1]]))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got[0], [0, 1, 1, 0, 0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(got[1], [1, 0, 0, 1, 1, 0, 0, 0, 1, 0])


@pytest.mark.parametrize(("name", "n_features"), [("gpt-s", 80), ("gpt-m", 152), ("gpt-l", 224)])
def test_agrees_with_sklearn_where_all_layers_are_present(name, n_features, rng):
    space = spaces.get(name)
    codes = space.sample_codes(50, rng)
    codes[:, 1] = 2  # the largest depth
    categories = [np.arange(k) for k in space.cardinalities]
    expected = OneHotEncoder(categories=categories, sparse_output=False).fit_transform(codes)
    got = OneHot.of(space)(codes)
    assert got.shape == (50, n_features)
    np.testing.assert_array_equal(got, expected)


def test_absent_layers_are_zero_whatever_the_code_holds(rng):
    space = spaces.get("gpt-s")
    codes = space.sample_codes(200, rng)
    encode = OneHot.of(space)
    np.testing.assert_array_equal(encode(codes).sum(axis=1), space.active(codes).sum(axis=1))
    junk = np.where(space.active(codes), codes, 2)
    np.testing.assert_array_equal(encode(junk), encode(codes))


def test_wrong_codes():
    encode = OneHot.of(TINY)
    with pytest.raises(ShapeError, match=r"shape \(n, 4\), got \(4,\)"):
        encode(np.zeros(4, dtype=int))
    with pytest.raises(SpaceError, match="row 1, column 2"):
        encode(np.array([[0, 0, 0, 0], [0, 0, 3, 0]]))
    assert encode(np.zeros((0, 4), dtype=int)).shape == (0, 10)


def test_plain_matrices_are_checked():
    np.testing.assert_array_equal(check_matrix([[1, 2]], n_features=2), [[1.0, 2.0]])
    with pytest.raises(ShapeError, match=r"\(n, 3\), got \(1, 2\)"):
        check_matrix([[1, 2]], n_features=3)
    with pytest.raises(ShapeError, match="row 1, column 0"):
        check_matrix([[1.0], [1e300]], n_features=1)
    with pytest.raises(ShapeError, match="10 features, but the model reads 9"):
        Inputs.of(TINY, n_features=9)
