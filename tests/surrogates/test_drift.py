"""Drift of the machine: what is injected is removed, and nothing is made up where there is none.

Seeds are fixed; the margins were set well inside what other seeds give.
"""

import numpy as np
import pytest
from scipy import stats

from hwbench.errors import DataError, ShapeError
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.layerwise import Layerwise
from hwbench.surrogates.smoothing import estimate_drift, student_weights
from hwbench.testing.surrogates import additive_metric
from tests.surrogates.made import made_space

N = 1500


def walk(rng, n=N, step=0.01):
    """A random walk with a jump of 15 % in the middle, mean 0."""
    path = np.cumsum(rng.normal(0.0, step, n)) + 0.15 * (np.arange(n) > n // 2)
    return path - path.mean()


def campaign(rng, *, drift, noise=0.002, outliers=0.02):
    """Codes, clean values and measured ones, in the order of measurement."""
    space = made_space()
    codes = space.sample_codes(N, rng)
    clean = additive_metric(space, codes)
    errors = rng.normal(0.0, noise, N) + (rng.random(N) < outliers) * rng.uniform(0.3, 1.5, N)
    return space, codes, clean, clean * np.exp(drift + errors)


def log_error(model, codes, clean):
    """Mean absolute log error, a common factor left out: drift has no zero."""
    logs = np.log(model.predict(codes) / clean)
    return np.abs(logs - np.median(logs)).mean()


def test_walk_jump_and_outliers_are_removed(rng):
    drift = walk(rng)
    space, codes, _, measured = campaign(rng, drift=drift)
    order = rng.permutation(N)  # rows may come in any order
    unseen = space.sample_codes(500, rng)
    truth = additive_metric(space, unseen)
    plain = Layerwise(space).fit(codes, measured)
    free = DriftCorrected(Layerwise(space)).fit(codes[order], measured[order], position=order)
    assert log_error(free, unseen, truth) < log_error(plain, unseen, truth) / 5.0
    found = np.empty(N)
    found[order] = free.drift_
    assert np.median(np.abs(found - drift)) < 0.25 * drift.std()


def test_outliers_alone_are_weighted_down(rng):
    space, codes, clean, measured = campaign(rng, drift=0.0, outliers=0.1)
    plain = Layerwise(space).fit(codes, measured)
    free = DriftCorrected(Layerwise(space)).fit(codes, measured)
    assert log_error(free, codes, clean) < log_error(plain, codes, clean) / 5.0
    outlying = np.abs(np.log(measured / clean)) > 0.2
    assert free.weights_[outlying].max() < 0.05
    assert np.median(free.weights_[~outlying]) > 0.8


def test_without_drift_there_is_no_harm(rng):
    space, codes, clean, measured = campaign(rng, drift=0.0, noise=0.05, outliers=0.0)
    plain = Layerwise(space).fit(codes, measured)
    free = DriftCorrected(Layerwise(space)).fit(codes, measured)
    assert log_error(free, codes, clean) < 1.2 * log_error(plain, codes, clean)
    assert free.drift_.std() < 0.2 * 0.05


def test_sessions_do_not_leak():
    """Two visits at levels far apart: inside each, the drift is the same to its last row."""
    level = np.repeat([0.0, 1.0], 200)
    session = np.repeat([7, 3], 200)
    found = estimate_drift(level, np.arange(400), session).drift
    assert np.ptp(found[:200]) < 1e-12
    assert np.ptp(found[200:]) < 1e-12
    np.testing.assert_allclose(found[200:].mean() - found[:200].mean(), 1.0, atol=0.01)
    together = estimate_drift(level, np.arange(400), np.zeros(400, dtype=np.int64)).drift
    assert np.ptp(together[:200]) > 0.1, "without labels the boundary is blurred"


def test_drift_is_zero_on_average_over_sessions(rng):
    session = np.repeat([0, 1, 2], [100, 300, 800])
    residuals = rng.normal(size=1200) * 0.1 + session
    found = estimate_drift(residuals, np.arange(1200), session).drift
    means = [found[session == s].mean() for s in range(3)]
    assert np.mean(means) == pytest.approx(0.0, abs=1e-12)


def test_a_lone_outlier_is_no_drift():
    """Were the row itself used, its residual would be called drift."""
    residuals = np.zeros(300)
    residuals[120] = 1.0
    estimate = estimate_drift(residuals, np.arange(300), np.zeros(300, dtype=np.int64))
    np.testing.assert_allclose(estimate.drift, 0.0, atol=1e-12)
    assert estimate.weights[120] < 1e-6


@pytest.mark.parametrize("row", [0, 1, 700, N - 1])
def test_an_estimate_never_uses_the_row_itself(row, rng):
    """A change of the row moves its neighbours' drift, and not its own.

    Only the mixture of windows, learned from all rows, may feel it: of the order of 1 / n.
    """
    residuals = walk(rng) + rng.normal(0.0, 0.002, N)
    place, session = np.arange(N), np.zeros(N, dtype=np.int64)
    before = estimate_drift(residuals, place, session).drift
    moved = residuals.copy()
    moved[row] += 0.01
    change = np.abs(estimate_drift(moved, place, session).drift - before) / 0.01
    neighbour = row + 1 if row + 1 < N else row - 1
    assert change[row] < 0.02
    assert change[neighbour] > 0.2


def test_an_independent_error_is_no_drift(rng):
    """A copy of the noise in the estimate would show as a correlation: 5 standard errors allowed.

    False alarm: below 1 in a million. (The mean over all rows itself left out is of weight 1 / n.)
    """
    drift, noise = walk(rng, 6000), rng.normal(0.0, 0.02, 6000)
    found = estimate_drift(drift + noise, np.arange(6000), np.zeros(6000, dtype=np.int64)).drift
    correlation = np.corrcoef(found - drift, noise)[0, 1]
    assert abs(correlation) < 5.0 / np.sqrt(6000)


def test_position_is_an_order_and_session_a_label(rng):
    """Seconds since a start, or names of visits, do as well as numbers."""
    space, codes, _, measured = campaign(rng, drift=walk(rng))
    halves = np.repeat([0, 1], N // 2)
    usual = DriftCorrected(Layerwise(space), n_rounds=2).fit(codes, measured, session=halves)
    again = DriftCorrected(Layerwise(space), n_rounds=2).fit(
        codes,
        measured,
        position=np.sort(rng.uniform(0.0, 1.0, N)),
        session=np.array(["monday", "tuesday"])[halves],
    )
    np.testing.assert_array_equal(usual.drift_, again.drift_)
    np.testing.assert_array_equal(usual.predict(codes), again.predict(codes))


def test_small_sessions(rng):
    """A visit of a single row has no neighbours, and so no drift that is known."""
    residuals = np.array([0.3, 0.1, 0.1, 0.1, 0.1])
    found = estimate_drift(residuals, np.arange(5), np.array([0, 1, 1, 1, 1])).drift
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[1:], found[1])


def test_student_weights_are_those_of_the_maximum_likelihood(rng):
    """The scale that scipy fits, 4 degrees of freedom; weights (nu + 1) / (nu + (e / s)^2)."""
    errors = stats.t.rvs(4, scale=0.3, size=2000, random_state=rng)
    _, _, scale = stats.t.fit(errors, fdf=4, floc=0)
    np.testing.assert_allclose(
        student_weights(errors), 5.0 / (4.0 + (errors / scale) ** 2), rtol=0.02
    )


def test_weights_forgive_no_common_shift():
    """All errors alike and none: every row counts the same."""
    assert np.ptp(student_weights(np.zeros(50))) == 0.0
    assert np.ptp(student_weights(np.full(50, 0.1))) == 0.0


def test_wrong_rows_and_settings_are_refused(rng):
    space, codes, _, measured = campaign(rng, drift=0.0)
    model = DriftCorrected(Layerwise(space))
    with pytest.raises(DataError, match="above 0"):
        model.fit(codes, measured - measured.max())
    with pytest.raises(ShapeError, match=r"position needs shape \(1500,\)"):
        model.fit(codes, measured, position=np.arange(3))
    with pytest.raises(ShapeError, match=r"session needs shape \(1500,\)"):
        model.fit(codes, measured, session=np.zeros((N, 1)))
    with pytest.raises(DataError, match="position must be finite"):
        model.fit(codes, measured, position=np.full(N, np.nan))
    with pytest.raises(DataError, match="n_rounds"):
        DriftCorrected(Layerwise(space), n_rounds=0).fit(codes, measured)
    with pytest.raises(DataError, match="needs a space"):
        DriftCorrected().fit(codes, measured)


def test_its_space_is_that_of_its_estimator():
    space = made_space()
    assert DriftCorrected(Layerwise(space)).space is space
    assert DriftCorrected().space is None
    inner = DriftCorrected(Layerwise(space)).set_params(estimator__structure="chain").estimator
    assert inner.structure == "chain"
