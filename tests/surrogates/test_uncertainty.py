"""Uncertainty: ranks by hand, coverage of what is known, draws, and states."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hwbench.errors import BundleError, DataError
from hwbench.surrogates.fitting.calibrate import stretched
from hwbench.surrogates.uncertainty import LEVELS, PARTS, Uncertainty, quantile_grid

SD = 0.05
MIDDLE = int(np.flatnonzero(LEVELS == 0.5)[0])


def made(total=None, *, stretch=1.25, session=None, repeat=None) -> Uncertainty:
    """Normal errors: 5 % and 10 % for two groups, sessions of 3 %, repeats of 1 %."""
    normal = stats.norm.ppf(LEVELS)
    grid = np.stack([SD * normal, 2 * SD * normal]) if total is None else total
    return Uncertainty(
        group=np.array([0, 1, 1]) % len(grid),
        total=grid,
        visit=stretched(grid, stretch),
        session=0.03 * normal if session is None else session,
        repeat=0.01 * normal if repeat is None else repeat,
        parts={"model": 0.04, "session": 0.03, "repeat": 0.01},
    )


# -- quantiles from errors -----------------------------------------------------------------------


def test_levels_ascend_and_mirror():
    assert (np.diff(LEVELS) > 0).all()
    np.testing.assert_allclose(LEVELS + LEVELS[::-1], 1.0, atol=1e-12)
    assert {0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975} <= set(LEVELS.round(6))


def at(grid, level):
    return grid[np.argmin(np.abs(LEVELS - level))]


def test_ranks_by_hand():
    """19 errors 1 to 19: level q is rank 20 q. The 90 % interval reaches from 1 to 19, since a
    20th error falls outside the extremes of 19 with probability 2 / 20.
    """
    grid = quantile_grid(np.random.default_rng(0).permutation(np.arange(1.0, 20.0)))
    assert [at(grid, q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)] == pytest.approx([1, 5, 10, 15, 19])
    assert at(grid, 0.125) == pytest.approx(2.5)
    assert (grid[0], grid[-1]) == (1.0, 19.0), "beyond the ranks: the extremes"


def test_one_error_and_none():
    np.testing.assert_array_equal(quantile_grid([0.3]), 0.3)
    for errors in ([], [0.1, np.nan], [np.inf]):
        with pytest.raises(DataError, match="finite error"):
            quantile_grid(errors)


@pytest.mark.parametrize("n", [39, 400])
def test_coverage_of_new_normal_errors(n, rng):
    """The interval of n errors holds a new one with at least its level, on average over samples.

    2,000 samples: the mean has a standard error below 0.2 %; 5 of them allowed either way.
    False alarm: 1 in a million.
    """
    for level in (0.5, 0.8, 0.9, 0.95):
        low, high = (1.0 - level) / 2.0, (1.0 + level) / 2.0
        covered = []
        for _ in range(2000):
            grid = quantile_grid(rng.normal(0.0, SD, n))
            ends = np.interp([low, high], LEVELS, grid)
            covered.append(np.diff(stats.norm.cdf(ends / SD))[0])
        assert np.mean(covered) == pytest.approx(level, abs=0.01)


# -- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_bounds_are_the_quantiles_of_the_normal(level):
    low, high = made().bounds(level, visit="measured")
    z = stats.norm.ppf((1.0 + level) / 2.0)
    np.testing.assert_allclose(high, np.exp([SD * z, 2 * SD * z]), rtol=1e-3)
    np.testing.assert_allclose(low, np.exp([-SD * z, -2 * SD * z]), rtol=1e-3)


def test_a_new_visit_is_wider_by_the_stretch():
    low, high = made(stretch=1.25).bounds(0.9, visit="new")
    z = 1.25 * stats.norm.ppf(0.95)
    np.testing.assert_allclose(high, np.exp([SD * z, 2 * SD * z]), rtol=2e-3)
    np.testing.assert_allclose(low, np.exp([-SD * z, -2 * SD * z]), rtol=2e-3)


errors = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=60)
levels = st.floats(0.001, 0.999)


@given(errors, st.floats(1.0, 3.0), levels, levels)
def test_bounds_grow_with_level_and_visit(values, factor, one, other):
    """Whatever the errors: a higher level is no narrower, nor is a visit that was not measured."""
    grid = quantile_grid(values)[None, :]
    known = made(grid, stretch=factor)
    less, more = sorted((one, other))
    for visit in ("new", "measured"):
        inner, outer = known.bounds(less, visit=visit), known.bounds(more, visit=visit)
        assert outer[0] <= inner[0] <= inner[1] <= outer[1]
    new, measured = known.bounds(one, visit="new"), known.bounds(one, visit="measured")
    assert new[0] <= measured[0] * (1 + 1e-12)
    assert new[1] >= measured[1] * (1 - 1e-12)


def test_stretch_of_one_changes_nothing():
    grid = np.sort(np.random.default_rng(0).normal(size=(2, len(LEVELS))), axis=1)
    np.testing.assert_allclose(stretched(grid, 1.0), grid, atol=1e-9)
    np.testing.assert_array_equal(stretched(grid, 2.0)[:, MIDDLE], grid[:, MIDDLE])


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5, np.nan])
def test_levels_outside_are_refused(level):
    with pytest.raises(DataError, match=r"inside \(0, 1\)"):
        made().bounds(level)
    with pytest.raises(DataError, match=r"inside \(0, 1\)"):
        made().quantile(level)


def test_other_words_are_refused(rng):
    with pytest.raises(DataError, match="'new' or 'measured', got 'old'"):
        made().bounds(0.9, visit="old")
    with pytest.raises(DataError, match="'repeat' or 'session', got 'model'"):
        made().draw("model", 3, rng)


# -- draws ---------------------------------------------------------------------------------------


def test_draws_are_reproducible_and_independent():
    known = made()
    first = known.draw("session", 50, np.random.default_rng(4))
    np.testing.assert_array_equal(first, known.draw("session", 50, np.random.default_rng(4)))
    assert len(np.unique(first)) == 50
    assert known.draw("repeat", 0, np.random.default_rng(4)).shape == (0,)


@pytest.mark.parametrize(("part", "sd"), [("repeat", 0.01), ("session", np.hypot(0.01, 0.03))])
def test_moments_of_draws(part, sd, rng):
    """Log factors have mean 0 and the parts' standard deviations; a session holds a repeat, too.

    100,000 draws: 5 standard errors, false alarm 1 in a million; the stored tails end at 0.05 %,
    which costs less than 1 % of the standard deviation.
    """
    logs = np.log(made().draw(part, 100_000, rng))
    assert logs.mean() == pytest.approx(0.0, abs=5 * sd / np.sqrt(100_000))
    assert logs.std() == pytest.approx(sd, rel=5 / np.sqrt(200_000) + 0.01)


def test_draws_follow_their_quantiles(rng):
    """Kolmogorov-Smirnov against the quantiles stored, 10,000 draws; false alarm 1e-6."""
    skewed = np.sort(np.expm1(stats.norm.ppf(LEVELS)) * 0.02)
    drawn = np.log(made(repeat=skewed).draw("repeat", 10_000, rng))
    inner = drawn[(drawn > skewed[0]) & (drawn < skewed[-1])]  # the extremes are heaps
    found = stats.kstest(inner, lambda x: np.interp(x, skewed, LEVELS))
    assert found.pvalue > 1e-6


# -- states --------------------------------------------------------------------------------------


def test_a_state_comes_back():
    known = made()
    arrays, settings = known.state()
    again = Uncertainty.from_state(arrays, settings)
    for name in ("total", "visit", "session", "repeat"):
        np.testing.assert_allclose(getattr(again, name), getattr(known, name), rtol=1e-6)
    np.testing.assert_array_equal(again.group, known.group)
    assert again.parts == known.parts
    twice, _ = again.state()
    for name, array in arrays.items():
        np.testing.assert_array_equal(twice[name], array)


@pytest.mark.parametrize("name", ["group", "total", "visit", "session", "repeat"])
def test_a_state_without_an_array_is_refused(name):
    arrays, settings = made().state()
    del arrays[name]
    with pytest.raises(BundleError, match=name):
        Uncertainty.from_state(arrays, settings)


@pytest.mark.parametrize(
    "parts", [None, [], {}, {"model": 1.0}, dict.fromkeys((*PARTS, "more"), 0.1),
              {"model": "0.1", "session": 0.1, "repeat": 0.1}]
)  # fmt: skip
def test_wrong_parts_are_refused(parts):
    with pytest.raises(BundleError, match="parts"):
        Uncertainty.from_state(made().state()[0], {"parts": parts})


def descending(grid):
    return grid[..., ::-1]


def with_nan(grid):
    broken = grid.copy()
    broken[..., 3] = np.nan
    return broken


@pytest.mark.parametrize("change", [descending, with_nan, lambda grid: grid[..., :-1]])
@pytest.mark.parametrize("name", ["total", "visit", "session", "repeat"])
def test_wrong_quantiles_are_refused(name, change):
    known = made()
    with pytest.raises(BundleError, match="quantiles"):
        replace(known, **{name: change(getattr(known, name))})


@pytest.mark.parametrize("group", [[0, 2], [-1, 0], [[0, 1]]])
def test_groups_without_a_row_are_refused(group):
    with pytest.raises(BundleError, match="groups must lie in 0 to 1"):
        replace(made(), group=np.array(group))


def test_new_and_measured_need_the_same_groups():
    known = made()
    with pytest.raises(BundleError, match="quantiles"):
        replace(known, visit=known.visit[:1])
