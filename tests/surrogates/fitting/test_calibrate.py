"""Calibration: the parts of an error that is known."""

import numpy as np
import pytest
from scipy import stats

from hwbench.surrogates.fitting.calibrate import calibrate, robust_sd
from hwbench.surrogates.fitting.splits import Held
from hwbench.surrogates.uncertainty import quantile_grid
from tests.surrogates.fitting.made import measured


def held_of(data, errors, spread=0.0):
    """Predictions that miss by the given log errors."""
    n = len(data)
    return Held(np.arange(n) % 3, data.y * np.exp(-errors), np.full(n, spread))


def test_spread_of_the_normal(rng):
    """Exactly one standard deviation for the normal's own quantiles, whatever a tenth of them."""
    errors = 0.05 * stats.norm.ppf((np.arange(10_001) + 0.5) / 10_001)
    assert robust_sd(errors + 3.0) == pytest.approx(0.05, rel=1e-3)
    wild = np.where(rng.random(10_001) < 0.01, 1e6, errors)
    assert robust_sd(wild) == pytest.approx(0.05, rel=0.05)
    assert robust_sd(np.zeros(4)) == 0.0


def test_parts_add_up_in_squares(rng):
    """5 % in all, of which the surrogate's own error is 3 %: 4 % are left for the session."""
    data = measured(4000)
    errors = 0.05 * stats.norm.ppf(rng.permutation((np.arange(4000) + 0.5) / 4000))
    known = calibrate(data, held_of(data, errors, spread=0.03), visit_stretch=1.5)
    assert known.parts["model"] == pytest.approx(0.03)
    assert known.parts["session"] == pytest.approx(0.04, rel=1e-2)
    assert known.parts["repeat"] == pytest.approx(0.001, rel=0.2)  # against their own median
    middle = quantile_grid(errors)
    np.testing.assert_allclose(known.session, 0.8 * middle, atol=1e-3)


def test_a_surrogate_worse_than_its_errors_leaves_no_session():
    data = measured(600)
    known = calibrate(data, held_of(data, np.zeros(600), spread=0.1), visit_stretch=1.0)
    assert known.parts["session"] == 0.0
    assert not known.session.any()


def test_groups_need_enough_rows(rng):
    """From 500 held-out rows on, each width has a distribution of its own."""
    for n, rows in ((900, 1), (1200, 2)):
        data = measured(n)
        errors = rng.normal(size=n) * np.where(data.group == 0, 0.01, 0.1)
        known = calibrate(data, held_of(data, errors), visit_stretch=1.0)
        assert known.total.shape[0] == rows
        assert known.group.tolist() == [0] * 6 + [rows - 1] * 6
        found = held_of(data, errors).errors(data.y)
        for g in range(rows):
            expected = quantile_grid(found if rows == 1 else found[data.group == g])
            np.testing.assert_array_equal(known.total[g], expected)


@pytest.mark.parametrize(("timed", "factor"), [(True, 1.5), (False, 1.0)])
def test_only_machines_have_visits(timed, factor):
    """What no machine measured is no wider in a new visit: perplexity has none."""
    data = measured(900, timed=timed)
    errors = 0.05 * stats.norm.ppf((np.arange(900) + 0.5) / 900)
    known = calibrate(data, held_of(data, errors), visit_stretch=1.5)
    inner = np.log(known.bounds(0.8, visit="measured")[1])
    outer = np.log(known.bounds(0.8, visit="new")[1])
    np.testing.assert_allclose(outer / inner, factor, rtol=0.02)


def test_one_repeat_tells_nothing_of_repeats():
    data = measured(300, repeats=1)
    known = calibrate(data, held_of(data, np.zeros(300)), visit_stretch=1.0)
    assert known.parts["repeat"] == 0.0
    assert not known.repeat.any()


def test_missing_repeats_are_left_out():
    data = measured(300, repeats=4)
    data.repeats[::3, 2] = np.nan
    known = calibrate(data, held_of(data, np.zeros(300)), visit_stretch=1.0)
    ratios = np.log(data.repeats / data.y[:, None])
    np.testing.assert_array_equal(known.repeat, quantile_grid(ratios[np.isfinite(ratios)]))
