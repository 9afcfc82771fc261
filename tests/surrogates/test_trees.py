"""Sums of trees: by hand, and against XGBoost and scikit-learn on inputs near the thresholds."""

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import BundleError, DataError
from hwbench.surrogates import pack, unpack
from hwbench.surrogates.boosting import XGBoost, XGBoostQuantiles
from hwbench.surrogates.estimator import threads
from hwbench.surrogates.forest import RandomForest, strict_threshold
from hwbench.surrogates.target import Target
from hwbench.surrogates.tree_predictor import TreePredictor, Trees


@pytest.fixture
def stump_and_leaf():
    """x0 < 0.5 ? 1 : (x1 < 2 ? 10 : 100), plus a tree that is a leaf of 1000."""
    return Trees.of(
        roots=np.array([4, 0]),
        left=np.array([-1, -1, -1, -1, 1, 2]),
        right=np.array([-1, -1, -1, -1, 5, 3]),
        feature=np.array([0, 0, 0, 0, 0, 1]),
        threshold=np.array([0, 0, 0, 0, 0.5, 2.0], dtype=np.float32),
        value=np.array([1000.0, 1.0, 10.0, 100.0, 7.0, 7.0]),
        leaf=np.array([True, True, True, True, False, False]),
    )


def test_sum_by_hand(stump_and_leaf):
    x = np.array([[0, 5], [0.5, 1.9], [1, 2], [0.49, 0]], dtype=np.float32)
    np.testing.assert_array_equal(stump_and_leaf.sum(x), [1001, 1010, 1100, 1001])
    assert (stump_and_leaf.n_trees, stump_and_leaf.depth) == (2, 2)


def test_many_rows_go_through_in_blocks(stump_and_leaf, monkeypatch, rng):
    x = rng.normal(size=(37, 2)).astype(np.float32)
    whole = stump_and_leaf.sum(x)
    monkeypatch.setattr("hwbench.surrogates.tree_predictor._CELLS", 10)
    np.testing.assert_array_equal(stump_and_leaf.sum(x), whole)


@pytest.mark.parametrize(
    "change",
    [
        {"left": [0, 1, 2, 3, 4]},
        {"left": [0, 1, 2, 3, 4, 99]},
        {"left": [1, 1, 2, 3, 4, 5]},
        {"feature": [9, 0, 0, 0, 0, 0]},
        {"feature": [-1, 0, 0, 0, 0, 0]},
        {"threshold": [0.0] * 6},
        {"value": [np.nan] * 6},
    ],
)
def test_arrays_that_are_no_trees_are_refused(stump_and_leaf, change):
    arrays, document = pack(TreePredictor(None, 2, stump_and_leaf, Target(False, 0.0, 1.0)))
    name, values = next(iter(change.items()))
    with pytest.raises(BundleError):
        unpack({**arrays, name: np.array(values)}, document, space=None)


@given(st.floats(-1e6, 1e6), st.lists(st.floats(-1e6, 1e6, width=32), max_size=20))
def test_strict_threshold_is_exact(threshold, values):
    strict = strict_threshold(np.array([threshold]))[0]
    near = np.float32(threshold)
    around = [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))]
    x = np.array([*values, *around], dtype=np.float32)
    np.testing.assert_array_equal(x < strict, x.astype(np.float64) <= threshold)


@pytest.fixture(scope="module")
def plain():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 40, size=(400, 5)) / 8  # many ties, thresholds between them
    return x, np.sin(x[:, 0]) + x[:, 1] * (x[:, 2] > 2) + 0.1 * rng.normal(size=400)


@pytest.mark.parametrize(
    "model",
    [
        XGBoost(n_trees=80, max_depth=6, random_state=1),
        XGBoostQuantiles(n_trees=40, levels=(0.1, 0.5, 0.9), random_state=1),
        RandomForest(n_trees=15, min_leaf=1, random_state=1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_plain_features_agree_with_the_library(model, plain):
    x, y = plain
    expected = model.fit(x, y).predict(x)
    np.testing.assert_allclose(model.predictor().predict(x), expected, rtol=1e-5, atol=1e-6)


def test_estimator_is_xgboost_itself(plain):
    x, y = plain
    settings = {"n_trees": 30, "max_depth": 4, "learning_rate": 0.3, "row_share": 1.0}
    ours = XGBoost(**settings, min_leaf=1, random_state=0).fit(x, y)
    theirs = xgboost.XGBRegressor(
        n_estimators=30, max_depth=4, learning_rate=0.3, min_child_weight=1, n_jobs=1, base_score=0
    ).fit(x, (y - y.mean()) / y.std())
    expected = theirs.predict(x).astype(float) * y.std() + y.mean()
    np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-4, atol=1e-5)


def test_quantiles_do_not_cross_and_straddle(plain):
    x, y = plain
    model = XGBoostQuantiles(n_trees=60, levels=(0.1, 0.5, 0.9), random_state=0).fit(x, y)
    q = model.predict_quantiles(x)
    assert q.shape == (400, 3)
    assert (np.diff(q, axis=1) >= 0).all()
    np.testing.assert_array_equal(model.predict(x), q[:, 1])
    np.testing.assert_allclose(model.predictor().quantiles(x), q, rtol=1e-4, atol=1e-5)
    inside = np.mean((q[:, 0] <= y) & (y <= q[:, 2]))  # fitted rows: not calibrated, but near 80 %
    assert 0.6 < inside <= 1


def test_log_target_has_relative_errors(plain):
    x, y = plain
    model = XGBoost(n_trees=20, log_target=True, random_state=0).fit(x, np.exp(y))
    assert (model.predict(x) > 0).all()
    with pytest.raises(DataError, match="log_target=False"):
        model.fit(x, y - 100)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"max_depth": 0}, "max_depth"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"row_share": 1.5}, "row_share"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_settings_out_of_range(settings, text, plain):
    with pytest.raises(DataError, match=text):
        XGBoost(**settings).fit(*plain)


def test_levels_must_ascend(plain):
    for levels in ((), (0.5, 0.5), (0.0, 0.5), (0.9, 0.1)):
        with pytest.raises(DataError, match="ascend"):
            XGBoostQuantiles(levels=levels).fit(*plain)


def test_small_batches_run_on_one_thread():
    assert threads(-1, 10) == threads(None, 10**6) == threads(8, 10) == 1
    assert threads(3, 10**6) == 3
    assert threads(-1, 10**6) >= 1
