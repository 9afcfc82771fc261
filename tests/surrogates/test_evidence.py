"""Evidence ridge: against scikit-learn, and on noise that is known."""

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge

from hwbench.surrogates.evidence import fit_evidence


def made(rng, n=400, k=8, noise=0.5):
    x = rng.normal(size=(n, k)) * rng.uniform(0.5, 3.0, size=k) + rng.normal(size=k)
    truth = rng.normal(size=k)
    return x, x @ truth + 5.0 + noise * rng.normal(size=n), truth


def test_one_group_is_bayesian_ridge(rng):
    """Flat priors on both precisions: MacKay's fixed point, as scikit-learn's with zeros."""
    x, y, _ = made(rng, n=60, noise=2.0)
    ours = fit_evidence([x], y, np.ones(60), n_iterations=200)
    flat = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0.0)
    theirs = BayesianRidge(max_iter=2000, tol=1e-12, **flat).fit(x, y)
    np.testing.assert_allclose(ours.coefficients, theirs.coef_, rtol=1e-6)
    assert ours.intercept == pytest.approx(theirs.intercept_, rel=1e-6)
    assert ours.noise == pytest.approx(1.0 / theirs.alpha_, rel=1e-6)


def test_known_noise_is_found(rng):
    """5,000 rows: the variance lies within 10 % of the truth but for 1 data set in a million."""
    x, y, _ = made(rng, n=5000, noise=0.3)
    assert fit_evidence([x], y, np.ones(5000)).noise == pytest.approx(0.09, rel=0.1)


def test_coefficients_are_found(rng):
    """Standard error 0.3 / sqrt(5000) / sd(x), at most 0.0085: 5 of them."""
    x, y, truth = made(rng, n=5000, noise=0.3)
    fit = fit_evidence([x[:, :3], x[:, 3:]], y, np.ones(5000))
    np.testing.assert_allclose(fit.coefficients, truth, atol=0.045)
    assert fit.intercept == pytest.approx(5.0, abs=0.1)
    assert fit.sizes == (3, 5)


def test_a_useless_group_is_shrunk_away(rng):
    """50 columns of nothing: a few degrees of freedom at most, and a better fit than without."""
    x, y, truth = made(rng, n=200, noise=1.0)
    useless = rng.normal(size=(200, 50))
    apart = fit_evidence([x, useless], y, np.ones(200), n_iterations=50)
    assert apart.degrees[0] > 7.0
    assert apart.degrees[1] < 10.0
    together = fit_evidence([np.concatenate([x, useless], axis=1)], y, np.ones(200))
    error = [np.linalg.norm(fit.coefficients[:8] - truth) for fit in (apart, together)]
    assert np.linalg.norm(apart.coefficients[8:]) < 0.5 * np.linalg.norm(together.coefficients[8:])
    assert error[0] < 1.1 * error[1]


def test_weights_are_precisions(rng):
    """Rows of noise 1 / sqrt(w): the noise at weight 1 is found, and weight 0 is no row."""
    x, _, truth = made(rng, n=4000)
    weights = rng.choice([0.25, 1.0, 4.0], size=4000)
    y = x @ truth + 0.5 * rng.normal(size=4000) / np.sqrt(weights)
    fit = fit_evidence([x], y, weights)
    assert fit.noise == pytest.approx(0.25, rel=0.12)  # 5 standard errors
    broken = np.where(np.arange(4000) < 100, 1e6, y)
    out = np.where(np.arange(4000) < 100, 0.0, weights)
    left_out = fit_evidence([x], broken, out)
    without = fit_evidence([x[100:]], y[100:], weights[100:])
    np.testing.assert_allclose(left_out.coefficients, without.coefficients, rtol=1e-8)
    assert left_out.noise == pytest.approx(without.noise, rel=1e-8)


def test_the_unit_does_not_matter(rng):
    x, y, _ = made(rng)
    usual = fit_evidence([x[:, :3], x[:, 3:]], y, np.ones(400))
    scaled = fit_evidence([x[:, :3], x[:, 3:]], 1e6 * y, np.ones(400))
    np.testing.assert_allclose(scaled.coefficients, 1e6 * usual.coefficients, rtol=1e-8)
    assert scaled.noise == pytest.approx(1e12 * usual.noise, rel=1e-8)


def test_without_noise_the_answer_is_exact(rng):
    x, y, truth = made(rng, noise=0.0)
    fit = fit_evidence([x], y, np.ones(400))
    np.testing.assert_allclose(fit.coefficients, truth, rtol=1e-6)
    assert fit.degrees[0] == pytest.approx(8.0, abs=1e-3)


def test_more_columns_than_rows(rng):
    """A ridge needs no more rows than columns."""
    x, y, _ = made(rng, n=20, k=50)
    fit = fit_evidence([x], y, np.ones(20), n_iterations=50)
    assert np.isfinite(fit.coefficients).all()
    assert 0.0 < fit.degrees[0] < 20.0


@pytest.mark.parametrize("value", [0.0, 7.0, -1e-9])
def test_a_constant_target_needs_no_coefficients(value, rng):
    x, _, _ = made(rng)
    fit = fit_evidence([x[:, :4], x[:, 4:]], np.full(400, value), np.ones(400))
    assert not fit.coefficients.any()
    assert fit.intercept == pytest.approx(value)
    assert fit.degrees.tolist() == [0.0, 0.0]


def test_groups_without_columns(rng):
    """A choice of one value has no contrasts; so for the first, a middle and the last group."""
    x, y, _ = made(rng)
    none = np.zeros((400, 0))
    usual = fit_evidence([x[:, :4], x[:, 4:]], y, np.ones(400))
    fit = fit_evidence([none, x[:, :4], none, x[:, 4:], none], y, np.ones(400))
    np.testing.assert_allclose(fit.coefficients, usual.coefficients, rtol=1e-6)
    np.testing.assert_allclose(fit.degrees[[1, 3]], usual.degrees, rtol=1e-6)
    assert fit.sizes == (0, 4, 0, 4, 0)
