"""Scores, against scipy, scikit-learn, closed forms and hand calculations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from hwbench.errors import DataError, ShapeError
from hwbench.surrogates import scores

VECTORS = st.lists(st.floats(-1e6, 1e6).map(lambda v: round(v, 3)), min_size=3, max_size=30).map(
    np.array
)


def test_point_scores_agree_with_sklearn_and_scipy(rng):
    y = rng.lognormal(size=200)
    p = y * rng.lognormal(0, 0.2, size=200)
    got = scores.point_scores(y, p, tolerance=0.01)
    assert got.n == 200
    assert got.r2 == pytest.approx(metrics.r2_score(y, p))
    assert got.mae == pytest.approx(metrics.mean_absolute_error(y, p))
    assert got.rmse == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert got.mape == pytest.approx(metrics.mean_absolute_percentage_error(y, p))
    assert got.kendall == pytest.approx(stats.kendalltau(y, p).statistic)
    assert got.spearman == pytest.approx(stats.spearmanr(y, p).statistic)
    # NAS-Bench-301 rounds the predictions to 2 decimals.
    assert got.sparse_kendall == pytest.approx(stats.kendalltau(np.round(p, 2), y).statistic)


def test_kendall_by_hand():
    # Pairs of (1,2,3,4) and (1,3,2,4): 5 concordant, 1 discordant.
    assert scores.kendall([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)


def test_sparse_kendall_ignores_small_swaps():
    y, p = [1.0, 2.0, 3.0], [1.0, 3.04, 3.01]
    assert scores.kendall(y, p) == pytest.approx(1 / 3)
    # Rounded to (1, 3, 3): two concordant pairs, one tie: tau-b = 2 / sqrt(3 * 2).
    assert scores.sparse_kendall(y, p, tolerance=0.1) == pytest.approx(2 / math.sqrt(6))
    with pytest.raises(DataError, match="above 0"):
        scores.sparse_kendall(y, p, tolerance=0.0)


def test_kendall_within_groups_by_hand():
    y = [1, 2, 3, 10, 20, 5]
    p = [1, 3, 2, 20, 10, 5]
    groups = [768, 768, 768, 1024, 1024, 1280]
    taus = scores.kendall_by_group(y, p, groups)
    assert taus[768.0] == pytest.approx(1 / 3)
    assert taus[1024.0] == pytest.approx(-1.0)
    assert math.isnan(taus[1280.0])
    assert scores.kendall_within(y, p, groups) == pytest.approx((3 * (1 / 3) + 1 * -1.0) / 4)


def test_undefined_scores_are_nan_and_zero_truth_makes_mape_infinite():
    for score in (scores.r2, scores.kendall, scores.spearman):
        assert math.isnan(score([2.0, 2.0], [1.0, 2.0]))
        assert math.isnan(score([2.0], [1.0]))
    for score in (scores.mae, scores.rmse, scores.mape):
        assert math.isnan(score([], []))
    assert math.isnan(scores.point_scores([], []).sparse_kendall)
    assert scores.mape([0.0, 1.0], [1.0, 1.0]) == math.inf
    assert math.isnan(scores.kendall_within([1.0, 2.0], [1.0, 2.0], [0, 1]))
    assert scores.point_scores([0.0, 0.0, 1.0], [1.0, 2.0, 3.0]).n == 3


def test_bad_input_is_refused():
    with pytest.raises(ShapeError, match="differ in length: 2 and 3"):
        scores.mae([1, 2], [1, 2, 3])
    with pytest.raises(ShapeError, match="dimension"):
        scores.mae([[1, 2]], [[1, 2]])
    with pytest.raises(DataError, match="truth holds 1 value"):
        scores.mae([1, float("nan")], [1, 2])
    with pytest.raises(ShapeError, match="groups"):
        scores.kendall_within([1, 2], [1, 2], [1])
    with pytest.raises(DataError, match="NaN"):
        scores.coverage([1.0], [float("nan")], [2.0])
    with pytest.raises(DataError, match="ascend"):
        scores.miscalibration_area([0.5, 0.4], [0.5, 0.4])
    with pytest.raises(DataError, match="inside"):
        scores.pinball([1.0], [[1.0]], [1.0])
    with pytest.raises(ShapeError):
        scores.crps_samples([1.0], [[1.0]], fair=True)


@given(VECTORS)
def test_perfect_predictions(y):
    got = scores.point_scores(y, y)
    assert got.mae == got.rmse == 0
    if len(set(y)) > 1:
        assert got.r2 == 1
        assert got.kendall == pytest.approx(1)


@given(VECTORS, st.floats(0.1, 100))
def test_errors_scale_with_the_unit_and_ranks_do_not(y, scale):
    p = y[::-1]
    before, after = scores.point_scores(y, p), scores.point_scores(scale * y, scale * p)
    assert after.mae == pytest.approx(scale * before.mae)
    assert after.r2 == pytest.approx(before.r2, nan_ok=True)
    assert after.kendall == pytest.approx(before.kendall, nan_ok=True)


def test_coverage_and_interval_score_by_hand():
    y, low, high = [1.0, 2.0, 3.0], [0.0, 2.0, 3.5], [1.0, math.inf, 4.0]
    assert scores.coverage(y, low, high) == pytest.approx(2 / 3)
    # Widths 2 and 1, the second missed by 0.5: (2 + 1 + 2 / 0.1 * 0.5) / 2.
    got = scores.interval_score([1.0, 5.5], [0.0, 4.0], [2.0, 5.0], level=0.9)
    assert got == pytest.approx(6.5)
    assert math.isnan(scores.coverage([], [], []))


def test_coverage_of_true_quantiles_is_nominal(rng):
    # False-alarm rate: a 4.9 sigma binomial bound, below 1e-6 for a true coverage of 0.9.
    n = 20_000
    z = stats.norm.ppf(0.95)
    got = scores.coverage(rng.normal(size=n), np.full(n, -z), np.full(n, z))
    assert abs(got - 0.9) < 4.9 * math.sqrt(0.9 * 0.1 / n)


def test_miscalibration_area_by_hand():
    assert scores.miscalibration_area([0.5, 0.9], [0.5, 0.9]) == pytest.approx(0)
    # All observed 0 on a fine grid: the whole triangle under the diagonal.
    levels = np.linspace(0, 1, 1001)[1:-1]
    assert scores.miscalibration_area(levels, np.zeros(999)) == pytest.approx(0.5, abs=1e-3)
    # Triangle over the diagonal with its corner at (0.5, 1): base along it, area 1/4.
    assert scores.miscalibration_area([0.5], [1.0]) == pytest.approx(0.25)
    # d = +0.25 at 0.25, -0.25 at 0.75: triangles .25*.25/2, 2 of them .25*.25/2, .25*.25/2.
    assert scores.miscalibration_area([0.25, 0.75], [0.5, 0.5]) == pytest.approx(4 * 0.03125)


def test_pinball_agrees_with_sklearn(rng):
    y, q = rng.normal(size=50), rng.normal(size=(50, 2))
    expected = [metrics.mean_pinball_loss(y, q[:, i], alpha=a) for i, a in enumerate((0.1, 0.7))]
    np.testing.assert_allclose(scores.pinball(y, q, [0.1, 0.7]), expected)


def _gaussian_crps(y):
    """Closed form for N(0, 1): Gneiting & Raftery 2007, equation 21."""
    return y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / math.sqrt(math.pi)


def test_crps_of_quantiles_and_samples_meet_the_gaussian_closed_form():
    y = np.array([-2.0, 0.0, 0.3, 1.5])
    exact = float(np.mean(_gaussian_crps(y)))
    levels = (np.arange(2000) + 0.5) / 2000
    grid = np.tile(stats.norm.ppf(levels), (len(y), 1))
    assert scores.crps_quantiles(y, grid, levels) == pytest.approx(exact, rel=1e-3)
    assert scores.crps_samples(y, grid) == pytest.approx(exact, rel=1e-3)


def test_crps_of_samples_by_hand_and_fair():
    # Draws 0 and 2, truth 0: E|X - y| = 1; E|X - X'| = 1 over all 4 pairs, 2 over the unequal 2.
    assert scores.crps_samples([0.0], [[2.0, 0.0]]) == pytest.approx(0.5)
    assert scores.crps_samples([0.0], [[2.0, 0.0]], fair=True) == pytest.approx(0.0)
    # One draw is a point prediction: the absolute error.
    assert scores.crps_samples([1.0], [[3.0]]) == pytest.approx(2.0)
    assert scores.crps_quantiles([1.0], [[3.0]], [0.5]) == pytest.approx(2.0)


def test_noise_ceiling_recovers_the_reliability_of_simulated_repeats(rng):
    # Truth N(0, 1), 10 repeats with error N(0, 1): reliability 1 / (1 + 1 / 10).
    n = 20_000
    truth = rng.normal(size=n)
    repeats = truth[:, None] + rng.normal(size=(n, 10))
    got = scores.noise_ceiling(repeats)
    assert got.n == n
    assert got.reliability == pytest.approx(10 / 11, abs=0.005)
    # A perfect surrogate, scored against the mean of all ten.
    mean = repeats.mean(axis=1)
    assert got.kendall_ceiling == pytest.approx(stats.kendalltau(truth, mean).statistic, abs=0.01)
    assert got.spearman_ceiling == pytest.approx(stats.spearmanr(truth, mean).statistic, abs=0.01)
    assert got.kendall < got.kendall_ceiling
    assert got.spearman < got.spearman_ceiling


def test_noise_ceiling_by_hand_with_missing_repeats():
    nan = float("nan")
    repeats = np.array([[1, 1, 3, nan], [2, 2, 2, 2], [4, 3, 4, 3], [5, nan, 5, nan]])
    got = scores.noise_ceiling(repeats)  # halves (2, 2, 4), (1, 2, 3)
    assert got.n == 3
    r = stats.pearsonr([2, 2, 4], [1, 2, 3]).statistic
    assert got.pearson == pytest.approx(r)
    assert got.reliability == pytest.approx(2 * r / (1 + r))
    with pytest.raises(ShapeError):
        scores.noise_ceiling([[1.0], [2.0]])
    with pytest.raises(DataError, match="2 rows"):
        scores.noise_ceiling([[1.0, nan], [2.0, 1.0]])


def test_lag1_follows_the_order_of_measurement(rng):
    # AR(1) with coefficient 0.8; standard error about sqrt((1 - .64) / 20000) = .004, bound 5.
    n, phi = 20_000, 0.8
    walk = np.zeros(n)
    shocks = rng.normal(size=n)
    for i in range(1, n):
        walk[i] = phi * walk[i - 1] + shocks[i]
    shuffled = rng.permutation(n)
    got = scores.lag1_autocorrelation(walk[shuffled], shuffled)
    assert got == pytest.approx(phi, abs=0.02)
    assert abs(scores.lag1_autocorrelation(walk[shuffled], np.arange(n))) < 0.03


def test_lag1_leaves_pairs_across_a_gap_out():
    residuals, position = [1.0, 2.0, 3.0, -9.0, -8.0, -7.0], [0, 1, 2, 500, 501, 502]
    expected = stats.pearsonr([1, 2, -9, -8], [2, 3, -8, -7]).statistic
    assert scores.lag1_autocorrelation(residuals, position) == pytest.approx(expected)
    assert math.isnan(scores.lag1_autocorrelation([1.0, 2.0], [0, 1]))
    with pytest.raises(DataError):
        scores.lag1_autocorrelation([1.0, 2.0], [0, 1], max_gap=0)
