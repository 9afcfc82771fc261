import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hwbench.errors import ShapeError
from hwbench.search import dominance

# Few distinct values, so that ties and equal points occur.
values = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 7.0])
points = st.integers(1, 4).flatmap(
    lambda m: st.integers(0, 25).flatmap(lambda n: arrays(np.float64, (n, m), elements=values))
)


def dominates(a, b):
    return bool((a <= b).all() and (a < b).any())


def fronts_by_definition(objectives, violations):
    """Peel off what nobody dominates, by Deb's definition."""

    def better(i, j):
        if violations[i] <= 0 < violations[j]:
            return True
        if violations[i] > 0 and violations[j] > 0:
            return violations[i] < violations[j]
        return violations[i] <= 0 and violations[j] <= 0 and dominates(objectives[i], objectives[j])

    left, number, found = set(range(len(objectives))), 0, np.zeros(len(objectives), dtype=int)
    while left:
        front = [j for j in left if not any(better(i, j) for i in left)]
        found[front] = number
        left -= set(front)
        number += 1
    return found


@given(points)
def test_ranks_follow_the_definition(objectives):
    expected = fronts_by_definition(objectives, np.zeros(len(objectives)))
    np.testing.assert_array_equal(dominance.ranks(objectives), expected)
    np.testing.assert_array_equal(dominance.non_dominated(objectives), expected == 0)


@given(points, st.data())
def test_infeasible_points_follow_by_violation(objectives, data):
    n = len(objectives)
    violations = data.draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 0.0, 0.1, 2.0])))
    np.testing.assert_array_equal(
        dominance.constrained_ranks(objectives, violations),
        fronts_by_definition(objectives, violations),
    )


def test_many_points_agree_with_few_at_a_time(rng, monkeypatch):
    objectives = rng.random((700, 3)).round(1)
    expected = dominance.non_dominated(objectives)
    monkeypatch.setattr(dominance, "_MOST_PAIRS", 50)
    np.testing.assert_array_equal(dominance.non_dominated(objectives), expected)


def test_crowding_by_hand():
    # Extents 4 and 4; the middle points see (2 - 0) / 4 and (4 - 1) / 4, ...
    front = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.0], [4.0, 0.0]])
    found = dominance.crowding(front, np.zeros(4))
    expected = [np.inf, (2 / 4 + 3 / 4) / 2, (3 / 4 + 2 / 4) / 2, np.inf]
    np.testing.assert_allclose(found, expected)


def test_small_fronts_have_only_ends():
    assert np.isinf(dominance.crowding([[1.0, 1.0], [0.0, 2.0], [3.0, 3.0]], [0, 0, 1])).all()
    assert dominance.crowding(np.zeros((0, 2)), []).shape == (0,)


@pytest.mark.parametrize("m", [2, 3])
def test_ranks_and_crowding_equal_pymoo(rng, m):
    reason = "pymoo is the reference here"
    metrics = "pymoo.operators.survival.rank_and_crowding.metrics"
    calc_crowding_distance = pytest.importorskip(metrics, reason=reason).calc_crowding_distance
    sorting = pytest.importorskip("pymoo.util.nds.non_dominated_sorting", reason=reason)

    for digits in (1, 6):  # with and without ties
        objectives = rng.random((150, m)).round(digits)
        rank = dominance.ranks(objectives)
        fronts = sorting.NonDominatedSorting().do(objectives)
        assert len(fronts) == rank.max() + 1
        found = dominance.crowding(objectives, rank)
        for number, front in enumerate(fronts):
            np.testing.assert_array_equal(np.sort(front), np.flatnonzero(rank == number))
            if len(front) > 2:
                expected = calc_crowding_distance(objectives[np.sort(front)])
                np.testing.assert_allclose(found[np.sort(front)], expected)


def test_wrong_shapes_are_refused():
    with pytest.raises(ShapeError):
        dominance.ranks([1.0, 2.0])
    with pytest.raises(ShapeError):
        dominance.constrained_ranks([[1.0, 2.0]], [0.0, 0.0])
