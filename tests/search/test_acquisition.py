import math

import numpy as np
import pytest

from hwbench.search.methods import acquisition


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
