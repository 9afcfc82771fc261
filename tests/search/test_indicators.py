"""Indicators equal brute force over a grid, and moocore."""

import subprocess
import sys
from itertools import product

import moocore  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hwbench.errors import ShapeError
from hwbench.search import indicators
from hwbench.search.indicators import IndicatorError, Scale


def fronts(m, most=8):
    """Points on a small grid, so that ties and duplicates are common."""
    return hnp.arrays(
        np.float64, st.tuples(st.integers(1, most), st.just(m)), elements=st.integers(0, 6)
    )


def grid_volume(points, ref):
    """Add up the unit cells below `ref` that a point dominates."""
    cells = product(*(range(int(r)) for r in ref))
    return sum(1 for cell in cells if np.any(np.all(points <= np.array(cell), axis=1)))


@pytest.mark.parametrize("m", [1, 2, 3])
def test_hypervolume_is_the_number_of_dominated_cells(m):
    @given(fronts(m))
    def check(points):
        ref = np.full(m, 5.0)
        assert indicators.hypervolume(points, ref=ref) == pytest.approx(grid_volume(points, ref))

    check()


def test_hypervolume_is_moocores(rng):
    points = rng.random((50, 3))
    assert indicators.hypervolume(points, ref=[1, 1, 1]) == moocore.hypervolume(points, [1, 1, 1])


def test_hypervolume_of_nothing_is_zero():
    assert indicators.hypervolume(np.zeros((0, 2)), ref=[1, 1]) == 0.0
    assert indicators.hypervolume([[2.0, 2.0]], ref=[1, 1]) == 0.0


@given(fronts(2), fronts(2))
def test_igd_plus_by_loops(points, front):
    nearest = [min(np.sqrt((np.maximum(p - f, 0) ** 2).sum()) for p in points) for f in front]
    assert indicators.igd_plus(points, front=front) == pytest.approx(np.mean(nearest))


@given(fronts(3), fronts(3))
def test_epsilon_by_loops(points, front):
    needed = max(min(max(p - f) for p in points) for f in front)
    assert indicators.epsilon(points, front=front) == pytest.approx(needed)


def test_a_run_that_found_nothing_is_infinitely_far():
    nothing = np.zeros((0, 2))
    assert indicators.igd_plus(nothing, front=[[1, 1]]) == np.inf
    assert indicators.epsilon(nothing, front=[[1, 1]]) == np.inf


def attained(corners, cell):
    return bool(len(corners)) and bool(np.any(np.all(corners <= np.array(cell), axis=1)))


@given(st.lists(fronts(2, most=4), min_size=1, max_size=5), st.integers(0, 2))
def test_attainment_counts_the_runs_that_dominate(runs, missing):
    runs = [*runs, *[np.zeros((0, 2))] * missing]
    share = 50.0
    (corners,) = indicators.attainment(runs, levels=[share])
    for cell in product(range(7), repeat=2):
        count = sum(attained(points, cell) for points in runs)
        assert attained(corners, cell) == (count >= share / 100 * len(runs))


def test_attainment_levels_are_nested(rng):
    runs = [rng.random((10, 2)) for _ in range(9)]
    best, median, worst = indicators.attainment(runs, levels=[0, 50, 100])
    volume = [indicators.hypervolume(points, ref=[1, 1]) for points in (best, median, worst)]
    assert volume[0] > volume[1] > volume[2] > 0
    assert volume[0] == indicators.hypervolume(np.concatenate(runs), ref=[1, 1])


def test_scale_puts_the_front_between_zero_and_one():
    scale = Scale.of([[1.0, 30.0], [3.0, 10.0]])
    np.testing.assert_array_equal(scale([[1, 30], [3, 10], [2, 20]]), [[0, 1], [1, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(scale.ref, [1.1, 1.1])


def test_scale_of_one_point_is_finite():
    scale = Scale.of([[2.0, 0.0]])
    assert np.isfinite(scale([[3.0, 0.0]])).all()
    assert scale([[3.0, 0.0]])[0, 0] == 0.5


@given(fronts(2, most=12), st.randoms(use_true_random=False))
def test_trace_is_the_hypervolume_of_each_beginning(points, random):
    violations = np.array([random.choice([0.0, 0.0, 1.0]) for _ in points])
    at = np.arange(1, len(points) + 3)
    trace = indicators.hypervolume_trace(points, violations, ref=[6, 6], at=at)
    for k, n in enumerate(at):
        feasible = points[:n][violations[:n] == 0]
        assert trace[k] == pytest.approx(grid_volume(feasible, (6, 6)))


def test_trace_counts_what_was_spent():
    points, nothing = [[2.0, 2.0], [1.0, 1.0]], [0, 0]
    trace = indicators.hypervolume_trace(
        points, nothing, ref=[3, 3], at=[1, 2, 3], spent=[1 / 3, 2.5]
    )
    np.testing.assert_array_equal(trace, [1, 1, 4])


def test_regret_by_hand():
    trace = indicators.regret_trace(
        [1.0, 4.0, 3.0, 2.5], [1, 0, 0, 0], optimum=2.0, at=[1, 2, 3, 4, 9]
    )
    np.testing.assert_allclose(trace, [np.inf, 1.0, 0.5, 0.25, 0.25])


def test_regret_of_a_maximised_metric_is_positive():
    # accuracy 0.4 found, 0.5 possible: both negated
    assert indicators.regret_trace([-0.4], [0], optimum=-0.5, at=[1])[0] == pytest.approx(0.2)


def test_checkpoints_begin_and_end():
    assert indicators.checkpoints(3).tolist() == [1, 2, 3]
    found = indicators.checkpoints(1000)
    assert (found[0], found[-1]) == (1, 1000)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: indicators.hypervolume([1.0], ref=[1.0]), ShapeError),
        (lambda: indicators.hypervolume([[1.0, 2.0]], ref=[1.0]), ShapeError),
        (lambda: indicators.igd_plus([[1.0, 2.0]], front=[[1.0]]), ShapeError),
        (lambda: indicators.epsilon([[1.0]], front=np.zeros((0, 1))), IndicatorError),
        (lambda: indicators.attainment([]), IndicatorError),
        (lambda: indicators.attainment([[[1.0]]]), ShapeError),
        (lambda: Scale.of(np.zeros((0, 2))), IndicatorError),
    ],
)
def test_wrong_input_is_refused(call, error):
    with pytest.raises(error):
        call()


def test_moocore_comes_on_first_use():
    code = (
        "import hwbench.search.indicators, hwbench.search.ranking, sys;"
        "print([m for m in ('moocore', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
