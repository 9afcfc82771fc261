"""Figures of a report card, on errors that are known."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from hwbench.surrogates.fitting import figures
from hwbench.surrogates.fitting.calibrate import calibrate
from hwbench.surrogates.fitting.figures import drift_of, limits
from hwbench.surrogates.fitting.splits import Held
from tests.surrogates.fitting.made import measured

# Figures are JSON values: any type, to a type checker.
calibration: Any = figures.calibration
calibration_on: Any = figures.calibration_on
ceiling: Any = figures.ceiling
point_figures: Any = figures.point_figures


def held_of(data, errors):
    n = len(data)
    return Held(np.arange(n) % 5, data.y * np.exp(-errors), np.zeros(n))


def test_point_figures_are_those_of_scipy(rng):
    data = measured(400)
    predicted = data.y * np.exp(rng.normal(0.0, 0.1, 400))
    found = point_figures(data, predicted, None)
    assert repr(found["n"]) == "400"
    assert found["kendall"] == pytest.approx(stats.kendalltau(data.y, predicted).statistic, 1e-4)
    assert found["mape"] == pytest.approx(np.mean(np.abs(predicted / data.y - 1)), rel=1e-4)
    within = [
        stats.kendalltau(data.y[data.group == g], predicted[data.group == g]).statistic
        for g in (0, 1)
    ]
    assert min(within) <= found["kendall_within_embedding"] <= max(within)
    assert "kendall_drift_free" not in found


def test_drift_free_truth_is_the_measurement_over_the_drift(rng):
    data = measured(400, noise=0.0)
    drift = rng.normal(0.0, 0.2, 400)
    drifted = measured(400, noise=0.0)
    drifted.y[:] = data.y * np.exp(drift)
    found = point_figures(drifted, data.y, drift)
    assert found["kendall_drift_free"] == pytest.approx(1.0, abs=1e-3)  # copies no longer tie
    assert found["mape_drift_free"] == pytest.approx(0.0, abs=1e-9)
    assert found["kendall"] < 0.9


def test_calibration_of_normal_errors(rng):
    """Exchangeable errors are covered as often as is said, and CRPS is the normal's closed form.

    3,000 rows: 5 standard errors of the coverage, for rows and for the quantiles behind them.
    """
    data, sd = measured(3000), 0.01
    found = calibration(data, held_of(data, rng.normal(0.0, sd, 3000)), visit_stretch=1.0)
    for level in (50, 80, 90, 95):
        q = level / 100
        assert found[f"coverage_{level}"] == pytest.approx(
            q, abs=5 * np.sqrt(2.2 * q * (1 - q) / 3000)
        )
    assert found["miscalibration_area"] < 0.02
    assert found["crps"] == pytest.approx(sd * data.y.mean() / np.sqrt(np.pi), rel=0.05)


def test_an_error_of_each_width(rng):
    """Widths whose errors differ tenfold are covered alike: each has its own distribution."""
    data = measured(3000)
    errors = rng.normal(size=3000) * np.where(data.group == 0, 0.01, 0.1)
    held = held_of(data, errors)
    known = calibrate(data, held, visit_stretch=1.0)
    low, high = limits(known, data, held.predicted, level=0.9, visit="measured")
    inside = (data.y >= low) & (data.y <= high)
    for g in (0, 1):
        assert inside[data.group == g].mean() == pytest.approx(0.9, abs=0.005)


def test_a_fixed_uncertainty_on_other_rows(rng):
    """Errors twice as large as those calibrated on: the 90 % interval holds 59 % of them."""
    data = measured(3000)
    known = calibrate(data, held_of(data, rng.normal(0.0, 0.02, 3000)), visit_stretch=1.0)
    wider = held_of(data, rng.normal(0.0, 0.04, 3000)).predicted
    found = calibration_on(data, wider, known, visit="measured")
    expected = 2 * stats.norm.cdf(stats.norm.ppf(0.95) / 2) - 1
    assert found["coverage_90"] == pytest.approx(expected, abs=0.06)
    assert found["miscalibration_area"] > 0.1


def test_drift_is_found_in_held_out_errors(rng):
    data = measured(1500, noise=0.0)
    walk = np.cumsum(rng.normal(0.0, 0.01, 1500))
    errors = walk - walk.mean() + rng.normal(0.0, 0.005, 1500)
    found = drift_of(data, held_of(data, errors))
    assert np.corrcoef(found, walk)[0, 1] > 0.98


def test_what_limits_a_cell(rng):
    """Half drift, half noise: their sizes, and taus that shuffle errors onto the predictions."""
    data = measured(3000, noise=0.0, sessions=1)
    drift = 0.1 * np.sin(np.arange(3000) / 60.0)
    errors = drift + rng.normal(0.0, 0.02, 3000)
    held = Held(np.arange(3000) % 5, data.y.copy(), np.zeros(3000))
    data.repeats[:] *= np.exp(errors)[:, None]
    data.y[:] *= np.exp(errors)
    found = ceiling(data, held)
    assert found["unexplained_sd"] == pytest.approx(0.02, rel=0.25)
    assert found["lag1_autocorrelation"] == pytest.approx(0.005 / 0.0054, abs=0.03)
    assert found["error_sd"] == pytest.approx(np.sqrt(0.005 + 0.0004), rel=0.25)
    truth = stats.kendalltau(held.predicted, data.y).statistic
    assert found["kendall_if_perfect"] == pytest.approx(truth, abs=0.01)
    assert found["kendall_if_perfect"] < found["kendall_if_perfect_drift_free"] < 1.0
    assert found["split_half_kendall"] > 0.99


def test_a_flawless_surrogate_is_judged_by_the_noise_of_each_width(rng):
    """A narrow width full of noise beside a wide one free of it: the tau that the noise left.

    Dealt out among both, the noise would fall where it does no harm.
    """
    data = measured(3000, noise=0.0)
    narrow = data.group == 0
    clean = np.where(narrow, rng.uniform(1.0, 1.1, 3000), rng.uniform(2.0, 20.0, 3000))
    errors = rng.normal(0.0, 0.05, 3000) * narrow
    data.y[:] = clean * np.exp(errors)
    held = Held(np.arange(3000) % 5, clean, np.zeros(3000))
    truth = stats.kendalltau(clean, data.y).statistic
    assert ceiling(data, held)["kendall_if_perfect"] == pytest.approx(truth, abs=0.01)
    mixed = stats.kendalltau(clean, clean * np.exp(rng.permutation(errors))).statistic
    assert mixed > truth + 0.03


def test_no_machine_no_drift(rng):
    data = measured(300, repeats=1, timed=False)
    assert set(ceiling(data, held_of(data, rng.normal(size=300)))) == {"error_sd"}
