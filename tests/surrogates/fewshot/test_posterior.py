"""Calibration on made-up devices whose truth is known."""

import numpy as np
import pytest

from hwbench.errors import DataError, ShapeError
from hwbench.surrogates.fewshot.intervals import leave_out, uncertainty_of
from hwbench.surrogates.fewshot.noise import Noise, noise_like, noises_of
from hwbench.surrogates.fewshot.posterior import fit
from hwbench.surrogates.fewshot.prior import Prior
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.uncertainty import LEVELS, Uncertainty
from tests.surrogates.fewshot.made_devices import devices
from tests.surrogates.made import made_space

SPACE = made_space()
CLEAN = (Noise(1e-5, 4.0),)


@pytest.fixture(scope="module")
def made():
    """Eight devices that differ in three ways, and a ninth left out."""
    known = devices(SPACE, 9, np.random.default_rng(0), directions=3)
    return known.pop("d8"), Prior.of(SPACE, known)


def draw(n, seed=1):
    return SPACE.sample_codes(n, np.random.default_rng(seed))


def error(found, truth):
    codes = draw(300, 99)
    return np.abs(found.predictor().predict(codes) / truth.predict(codes) - 1.0)


def test_few_rows_tell_more_than_the_most_alike_known_device():
    known = devices(SPACE, 9, np.random.default_rng(0), directions=3)
    truth = known.pop("d8")
    codes = draw(12)
    y = truth.predict(codes)
    new = draw(300, 99)
    scaled = [np.median(y / one.predict(codes)) * one.predict(new) for one in known.values()]
    nearest = min(np.abs(one / truth.predict(new) - 1.0).mean() for one in scaled)
    found = fit(Prior.of(SPACE, known), codes, y, noises=CLEAN)
    assert error(found, truth).mean() < nearest / 3


def test_many_rows_without_noise_recover_a_device_unlike_the_known():
    known = devices(SPACE, 5, np.random.default_rng(3))
    truth = known.pop("d4")
    codes = draw(300)
    found = fit(Prior.of(SPACE, known), codes, truth.predict(codes), noises=CLEAN)
    assert error(found, truth).max() < 1e-3


def test_the_answer_scales_with_the_unit(made):
    truth, prior = made
    codes = draw(10)
    y = truth.predict(codes)
    one, other = fit(prior, codes, y), fit(prior, codes, 1e-6 * y)
    assert np.allclose(1e-6 * one.predictor().predict(codes), other.predictor().predict(codes))


def test_an_outlier_is_found_and_hardly_counts(made):
    truth, prior = made
    codes = draw(25)
    y = truth.predict(codes) * np.exp(0.001 * np.random.default_rng(4).standard_normal(25))
    clean = error(fit(prior, codes, y), truth).mean()
    y[7] *= 1.3
    found = fit(prior, codes, y)
    assert found.trust.argmin() == 7
    assert found.trust[7] < 0.1
    assert error(found, truth).mean() < 2 * clean + 1e-3


def test_drift_between_repeated_architectures_is_taken_out(made):
    truth, prior = made
    rng = np.random.default_rng(5)
    codes = np.concatenate([draw(10)[rng.permutation(10)] for _ in range(4)])
    drift = 0.05 * np.sin(np.linspace(0.0, 6.0, len(codes)))
    y = truth.predict(codes) * np.exp(drift + 0.001 * rng.standard_normal(len(codes)))
    found = fit(prior, codes, y, order=np.arange(len(codes)))
    centred = found.drifted - found.drifted.mean()
    assert np.corrcoef(centred, drift)[0, 1] > 0.95
    assert found.drift > 0.01


def test_intervals_cover_new_measurements(made):
    _, prior = made
    names = np.random.default_rng(6)
    shares = []
    for seed in range(6):
        truth = devices(SPACE, 9, np.random.default_rng(0), directions=3)["d8"]
        codes = draw(15, seed)
        y = truth.predict(codes) * np.exp(0.01 * names.standard_normal(15))
        known = uncertainty_of(fit(prior, codes, y), y[:, None], y)
        low, high = known.bounds(0.9, visit="measured")
        new = draw(400, 100 + seed)
        again = truth.predict(new) * np.exp(0.01 * names.standard_normal(400))
        ratio = again / fit(prior, codes, y).predictor().predict(new)
        group = known.group[new[:, 0].astype(int) * (len(known.group) // 2)]
        shares.append(np.mean((ratio >= low[group]) & (ratio <= high[group])))
    assert 0.85 < np.mean(shares) < 0.99


def test_leaving_architectures_out_says_how_wrong_it_is(made):
    truth, prior = made
    rng = np.random.default_rng(7)
    codes = np.concatenate([draw(12), draw(12)])
    y = truth.predict(codes) * np.exp(0.01 * rng.standard_normal(24))
    place = np.arange(24)
    data = Measured(SPACE, codes, y, place, np.zeros(24, dtype=np.int64), y[:, None], True)
    found = leave_out(prior, data, (Noise(0.01, 4.0),))
    assert found is not None
    assert 0.004 < found.mape < 0.02
    assert leave_out(prior, data.select(place[:2]), CLEAN) is None


@pytest.mark.parametrize(("y", "match"), [([], "one value or more"), ([1.0, -1.0], "above 0")])
def test_bad_values_are_refused(made, y, match):
    with pytest.raises(DataError, match=match):
        fit(made[1], draw(len(y)), y)


def test_wrong_lengths_are_refused(made):
    truth, prior = made
    codes = draw(8)
    with pytest.raises(ShapeError, match="one value a row"):
        fit(prior, codes, [1.0])
    with pytest.raises(ShapeError, match="one time a row"):
        fit(prior, codes, truth.predict(codes), order=[1.0])


def test_a_prior_needs_devices():
    with pytest.raises(DataError, match="known devices"):
        Prior.of(SPACE, {})


def spread(errors):
    grid = errors[None, :]
    one = np.zeros(len(LEVELS))
    parts = {"model": 0.0, "session": 0.0, "repeat": 0.0}
    return Uncertainty(np.zeros(2, dtype=np.int64), grid, grid, one, one, parts)


@pytest.mark.parametrize("freedom", [1.0, 4.0])
def test_noise_of_a_known_device_is_recognised(freedom):
    from scipy import stats

    found = noise_like(spread(0.0126 * stats.t.ppf(LEVELS, freedom)))
    assert 0.010 < found.scale < 0.016
    assert found.freedom == pytest.approx(freedom, abs=1.0)


def test_devices_of_the_same_kind_weigh_more():
    known = {"a": spread(0.001 * LEVELS), "b": spread(0.1 * (LEVELS - 0.5))}
    found = noises_of(known, same=["b"])
    assert sorted(one.weight for one in found[:2]) == [0.1, 1.0]


def test_repeats_do_not_pass_for_knowledge_of_other_architectures(made):
    """Each architecture is off by 3 % of its own; measured four times, it is as much off."""
    truth, prior = made
    codes = np.repeat(draw(15), 4, axis=0)
    rng = np.random.default_rng(8)
    own = np.repeat(0.03 * rng.standard_normal(15), 4)
    y = truth.predict(codes) * np.exp(own + 0.001 * rng.standard_normal(60))
    found = fit(prior, codes, y)
    assert found.believed[0].scatter.own in (0.01, 0.03, 0.1)
    low, high = uncertainty_of(found, y[:, None], y).bounds(0.9)
    assert np.all(high - low > 0.04)


def test_leaving_out_in_closed_form_is_leaving_out(made):
    """With one belief and normal noise, as if fitted anew without the architecture."""
    truth, prior = made
    codes, rng = draw(12), np.random.default_rng(9)
    y = truth.predict(codes) * np.exp(0.01 * rng.standard_normal(12))
    only = {"noises": (Noise(0.01, 1e6),), "settings": prior.few_settings[:1]}
    found = fit(prior, codes, y, **only)
    again = fit(prior, codes[1:], y[1:], **only)
    error = np.log(y[0] / again.predictor().predict(codes[:1])[0])
    assert found.left_out[0] == pytest.approx(error, abs=2e-4)
