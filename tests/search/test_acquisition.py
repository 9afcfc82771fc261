import math

import numpy as np
import pytest

from hwbench import spaces
from hwbench.search.methods import acquisition
from hwbench.search.methods.gaussian_process import Features, GaussianProcess
from hwbench.testing.surrogates import additive_metric


def test_normal_distribution_to_seven_digits():
    z = np.linspace(-30.0, 8.0, 400)
    expected = np.array([0.5 * math.erfc(-x / math.sqrt(2.0)) for x in z])
    np.testing.assert_allclose(acquisition.normal_cdf(z), expected, rtol=3e-7)


def test_expected_improvement_of_a_sure_thing_is_the_improvement():
    mean, deviation = np.array([1.0, 3.0]), np.full(2, 1e-9)
    found = acquisition.expected_improvement(mean, deviation, best=2.0)
    np.testing.assert_allclose(found, [1.0, 0.0], atol=1e-8)
    # At the best value itself: deviation / sqrt(2 pi).
    found = acquisition.expected_improvement(np.array([2.0]), np.array([3.0]), best=2.0)
    np.testing.assert_allclose(found, [3.0 / math.sqrt(2 * math.pi)], rtol=1e-6)


def volume(points, reference):
    """Hypervolume by counting cells between all coordinates."""
    points = points[(points < reference).all(axis=1)]
    if not len(points):
        return 0.0
    axes = [np.unique(np.r_[points[:, k], reference[k]]) for k in range(points.shape[1])]
    corners = np.stack(np.meshgrid(*[axis[:-1] for axis in axes], indexing="ij"), axis=-1)
    sizes = np.stack(np.meshgrid(*[np.diff(axis) for axis in axes], indexing="ij"), axis=-1)
    covered = (points[:, None] <= corners.reshape(1, -1, len(reference))).all(axis=2).any(axis=0)
    return float(sizes.prod(axis=-1).ravel()[covered].sum())


@pytest.mark.parametrize(("m", "rtol"), [(1, 0.02), (2, 0.02), (3, 0.1)])
def test_expected_hypervolume_improvement_by_simulation(rng, m, rtol):
    front = rng.random((6, m))
    front = front[acquisition.non_dominated(front)]
    reference = acquisition.reference_point(front, front)
    mean = np.array([front.mean(axis=0), front.min(axis=0), front.max(axis=0)])
    deviation = np.full_like(mean, 0.2)
    draws = 1500 if m == 3 else 6000
    before = volume(front, reference)
    expected = []
    for row in range(len(mean)):
        drawn = mean[row] + deviation[row] * rng.standard_normal((draws, m))
        gains = [volume(np.vstack([front, y]), reference) - before for y in drawn]
        expected.append(np.mean(gains))
    found = acquisition.expected_hypervolume_improvement(
        mean, deviation, front, reference=reference, rng=rng, directions=400, draws=200
    )
    # Four standard errors of the simulation, about 1 in 10,000 for each of 9 values.
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=4 * 0.2 / math.sqrt(draws))
    assert (found > 0).all()


def test_an_empty_front_leaves_the_box_below_the_reference(rng):
    found = acquisition.expected_hypervolume_improvement(
        np.array([[0.0, 0.0]]),
        np.full((1, 2), 1e-9),
        np.zeros((0, 2)),
        reference=np.array([2.0, 3.0]),
        rng=rng,
    )
    np.testing.assert_allclose(found, [6.0], rtol=1e-6)


def test_every_front_dominates_its_reference_point(rng):
    for front in (rng.random((5, 2)), np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])):
        assert (front < acquisition.reference_point(front, front)).all()


def test_upstreams_reference_point_promised_nothing(rng):
    """Maximised objectives in 0 to 1 and the reference (2, 2): no candidate promises anything."""
    mean, deviation = -rng.random((50, 2)), np.full((50, 2), 0.1)
    front = -rng.random((8, 2))
    found = acquisition.expected_hypervolume_improvement(
        mean, deviation, front, reference=np.array([-2.0, -2.0]), rng=rng
    )
    assert found.max() < 1e-12
    ours = acquisition.expected_hypervolume_improvement(
        mean, deviation, front, reference=acquisition.reference_point(front, front), rng=rng
    )
    assert ours.max() > 1e-3


@pytest.fixture
def process(rng):
    space = spaces.get("gpt-s")
    codes = space.sample_codes(80, rng)
    y = additive_metric(space, codes)
    return space, codes, y, GaussianProcess.fit(Features.of(space), codes, y, rng=rng)


def test_a_process_interpolates_and_predicts(process, rng):
    space, codes, y, fitted = process
    mean, deviation = fitted.predict(codes)
    np.testing.assert_allclose(mean, y, atol=0.05 * y.std())
    new = space.sample_codes(300, rng)
    truth = additive_metric(space, new)
    mean, new_deviation = fitted.predict(new)
    assert np.corrcoef(mean, truth)[0, 1] > 0.8
    assert deviation.mean() < new_deviation.mean()
    covered = (np.abs(mean - truth) < 2 * new_deviation).mean()
    assert 0.8 <= covered <= 1.0


def test_a_process_equals_scikit_learns(process, rng):
    sklearn = pytest.importorskip("sklearn.gaussian_process", reason="the reference here")
    space, codes, y, fitted = process
    new = space.sample_codes(20, rng)
    features = fitted.features
    scale = np.concatenate(
        [
            np.full(group.stop - group.start, length)
            for group, length in zip(features.groups, fitted.lengths, strict=True)
        ]
    )
    kernel = sklearn.kernels.Matern(length_scale=1.0, nu=2.5)
    reference = sklearn.GaussianProcessRegressor(kernel, alpha=fitted.noise + 1e-9, optimizer=None)
    reference.fit(features(codes) / scale, (y - y.mean()) / y.std())
    mean, deviation = reference.predict(features(new) / scale, return_std=True)
    ours = fitted.predict(new)
    np.testing.assert_allclose(ours[0], y.mean() + y.std() * mean, rtol=1e-6)
    np.testing.assert_allclose(ours[1], fitted.scale * deviation, rtol=1e-5)


def test_believing_a_candidate_is_conditioning_on_it(process, rng):
    """Variances fall as if the candidate had been observed at its expected value."""
    space, codes, _, fitted = process
    new = space.sample_codes(15, rng)
    believed = fitted.posterior(new).believe(3).believe(7)
    kernel = _kernel(fitted, np.concatenate([codes, new[[3, 7]]]))
    cross = _kernel(fitted, new, np.concatenate([codes, new[[3, 7]]]))
    kernel[np.diag_indices(len(kernel))] += fitted.noise + 1e-9
    expected = 1.0 - np.einsum("ij,ji->i", cross, np.linalg.solve(kernel, cross.T))
    np.testing.assert_allclose(believed.left, expected, rtol=1e-4, atol=1e-8)
    np.testing.assert_array_equal(believed.mean, fitted.predict(new)[0])


def _kernel(fitted, a, b=None):
    x = fitted.features(a) / _scale(fitted)
    z = x if b is None else fitted.features(b) / _scale(fitted)
    root = math.sqrt(5.0) * np.sqrt(((x[:, None] - z[None]) ** 2).sum(axis=2))
    return (1 + root + root**2 / 3) * np.exp(-root)


def _scale(fitted):
    groups = zip(fitted.features.groups, fitted.lengths, strict=True)
    return np.concatenate([np.full(g.stop - g.start, length) for g, length in groups])
