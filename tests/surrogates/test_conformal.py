"""Conformal intervals: bounds by hand, coverage on simulated data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hwbench.errors import BundleError, DataError, ShapeError
from hwbench.surrogates import calibration, scores
from hwbench.surrogates.boosting import XGBoost, XGBoostQuantiles
from hwbench.surrogates.calibration import Margins, Residuals, lower_bound, upper_bound
from hwbench.surrogates.conformal import QuantileConformal, ResidualConformal


def test_bounds_by_hand():
    values = [5.0, 1.0, 4.0, 2.0, 3.0, 9.0, 8.0, 7.0, 6.0]  # n = 9
    assert upper_bound(values, 0.9) == 9.0  # ceil(10 * 0.9) = 9th smallest
    assert upper_bound(values, 0.7) == 7.0  # exactly 7, not pushed to 8 by rounding
    assert upper_bound(values, 0.71) == 8.0
    assert upper_bound(values, 0.95) == math.inf
    assert lower_bound(values, 0.9) == 1.0
    assert upper_bound([], 0.5) == math.inf
    with pytest.raises(DataError, match="inside"):
        upper_bound(values, 1.0)


@pytest.mark.parametrize(("n", "level"), [(9, 0.9), (19, 0.5), (30, 0.8), (99, 0.95)])
def test_finite_sample_coverage_is_exact(n, level, rng):
    # Of n + 1 exchangeable scores, the k-th smallest of n, k = ceil((n + 1) level), bounds the last
    # with probability k / (n + 1). 20,000 draws; 4.9 sigma: false alarms < 1e-6.
    draws = 20_000
    data = rng.normal(size=(draws, n + 1))
    held = np.mean([row[-1] <= upper_bound(row[:-1], level) for row in data])
    exact = math.ceil(round((n + 1) * level, 9)) / (n + 1)
    assert exact >= level
    assert abs(held - exact) < 4.9 * math.sqrt(exact * (1 - exact) / draws)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40), st.floats(0.01, 0.98))
def test_wider_levels_hold_narrower_ones(values, level):
    residuals = Residuals(np.sort(np.array(values)), log=False)
    center = np.zeros(1)
    low, high = residuals.interval(center, level=level)
    lower, upper = residuals.interval(center, level=level + 0.01)
    assert lower[0] <= low[0] <= high[0] <= upper[0]


def test_residuals_by_hand():
    measured, predicted = np.array([2.0, 2.0, 9.0]), np.array([1.0, 4.0, 3.0])
    plain = Residuals.of(measured, predicted, log=False)
    np.testing.assert_allclose(plain.values, [-2, 1, 6])
    low, high = plain.interval(np.array([10.0]), np.array([2.0]), level=0.5)  # 1st and 3rd of 3
    assert (low[0], high[0]) == (10 - 4, 10 + 12)
    ratios = Residuals.of(measured, predicted, log=True)
    np.testing.assert_allclose(np.exp(ratios.values), [0.5, 2, 3])
    low, high = ratios.interval(np.array([10.0]), level=0.5)
    assert (low[0], high[0]) == pytest.approx((5, 30))
    np.testing.assert_allclose(
        plain.quantiles(np.array([10.0, 20.0]), levels=[0.5]), [[11.0], [21.0]]
    )
    with pytest.raises(DataError, match="above 0"):
        Residuals.of(measured, -predicted, log=True)
    with pytest.raises(BundleError, match="ascending"):
        Residuals(np.array([1.0, 0.0]), log=False)
    with pytest.raises(ShapeError, match="spread"):
        plain.interval(measured, np.ones((3, 1)), level=0.5)


def test_samples_follow_the_residuals(rng):
    residuals = Residuals(np.array([-1.0, 0.0, 3.0]), log=False)
    drawn = residuals.samples(np.array([10.0, 20.0]), np.array([1.0, 2.0]), n=3000, rng=rng)
    assert drawn.shape == (2, 3000)
    assert set(drawn[0]) == {9.0, 10.0, 13.0}
    assert set(drawn[1]) == {18.0, 20.0, 26.0}
    counts = [np.count_nonzero(drawn[0] == v) for v in (9.0, 10.0, 13.0)]
    assert stats.chisquare(counts).pvalue > 1e-6


def test_margins_by_hand():
    # Heads say [0, 10]; scores max(low - y, y - high) are -5, -1, 2, 4; the third at level 0.5.
    heads, measured = np.tile([0.0, 5.0, 10.0], (4, 1)), np.array([5.0, 1.0, 12.0, -4.0])
    margins = Margins.of(measured, heads, head_levels=(0.25, 0.5, 0.75), levels=(0.5,), log=False)
    assert margins.values == pytest.approx([2.0])
    low, high = margins.interval(heads[:1], head_levels=(0.25, 0.5, 0.75), level=0.5)
    assert (low[0], high[0]) == (-2.0, 12.0)
    with pytest.raises(DataError, match=r"there are \(0.5,\)"):
        margins.interval(heads, head_levels=(0.25, 0.5, 0.75), level=0.9)
    with pytest.raises(BundleError, match="hold no interval"):
        calibration.tails((0.25, 0.75), 0.9)


def test_margins_that_would_cross_meet_in_the_middle():
    margins = Margins((0.5,), np.array([-8.0]), log=False)
    low, high = margins.interval(np.array([[0.0, 10.0]]), head_levels=(0.25, 0.75), level=0.5)
    assert (low[0], high[0]) == (5.0, 5.0)


def _data(n, rng):
    """Noise that grows with x0 and is skewed: a normal +- z sd would be wrong."""
    x = rng.uniform(0, 1, size=(n, 3))
    return x, 10 + x[:, 1] + (0.1 + x[:, 0]) * rng.exponential(size=n)


@pytest.mark.parametrize("method", ["split", "out-of-fold", "blocks"])
@pytest.mark.parametrize(
    "make",
    [
        lambda m: ResidualConformal(XGBoost(n_trees=30), method=m, n_folds=5, random_state=0),
        lambda m: ResidualConformal(
            XGBoost(n_trees=30),
            spread=XGBoost(n_trees=20),
            method=m,
            n_folds=5,
            log_residuals=True,
            random_state=0,
        ),
        lambda m: QuantileConformal(
            XGBoostQuantiles(n_trees=30), method=m, levels=(0.5, 0.9), random_state=0
        ),
    ],
    ids=["residuals", "with-spread", "quantiles"],
)
def test_coverage(method, make, rng):
    # Coverage given the held-out rows is Beta, sd sqrt(.9 * .1 / 400) = .015 for split (2000 rows);
    # with 5 sd of that and of 4000 test rows (.005) the false-alarm rate is below 1e-5.
    x, y = _data(2000, rng)
    model = make(method).fit(x, y, position=np.arange(2000))
    new_x, new_y = _data(4000, rng)
    predictor = model.predictor()
    for level, slack in ((0.5, 5 * math.hypot(0.025, 0.008)), (0.9, 5 * math.hypot(0.015, 0.005))):
        low, high = model.predict_interval(new_x, level=level)
        assert abs(scores.coverage(new_y, low, high) - level) < slack
        for ours, theirs in zip(predictor.interval(new_x, level=level), (low, high), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_spread_widens_where_the_noise_is(rng):
    x, y = _data(2000, rng)
    model = ResidualConformal(
        XGBoost(n_trees=30), spread=XGBoost(n_trees=30), n_folds=5, random_state=0
    ).fit(x, y)
    low, high = model.predict_interval([[0.05, 0.5, 0.5], [0.95, 0.5, 0.5]])
    width = high - low
    assert width[1] > 2 * width[0]
    plain = ResidualConformal(XGBoost(n_trees=30), n_folds=5, random_state=0).fit(x, y)
    low, high = plain.predict_interval([[0.05, 0.5, 0.5], [0.95, 0.5, 0.5]])
    assert (high - low)[1] == pytest.approx((high - low)[0])


def test_quantiles_and_samples_agree(rng):
    x, y = _data(500, rng)
    model = ResidualConformal(XGBoost(n_trees=20), n_folds=3, random_state=0).fit(x, y)
    predictor = model.predictor()
    levels = [0.1, 0.5, 0.9]
    q = model.predict_quantiles(x[:5], levels=levels)
    np.testing.assert_allclose(predictor.quantiles(x[:5], levels=levels), q, rtol=1e-5)
    drawn = np.quantile(predictor.samples(x[:5], n=20_000, rng=rng), levels, axis=1).T
    np.testing.assert_allclose(drawn, q, atol=0.1)


def test_bad_settings(rng):
    x, y = _data(30, rng)
    with pytest.raises(DataError, match="position"):
        ResidualConformal(method="blocks").fit(x, y)
    with pytest.raises(DataError, match="out-of-fold"):
        ResidualConformal(method="other").fit(x, y)
    with pytest.raises(DataError, match="share"):
        ResidualConformal(method="split", calibration_share=0.0).fit(x, y)
    with pytest.raises(DataError, match="inside"):
        QuantileConformal(levels=(1.0,)).fit(x, y)
