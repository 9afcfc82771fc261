"""Statistics of samples against scipy, closed forms and samples made to be odd."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hwbench.errors import ShapeError
from hwbench.profiling.samples import (
    drifting,
    median_interval,
    relative_error,
    summary,
    two_levels,
)

POSITIVE = st.floats(1e-6, 1e6, allow_nan=False)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 5, 6, 10, 37, 100, 1001])
def test_interval_is_that_of_the_binomial_distribution(n, confidence):
    low, high, covered = median_interval(np.arange(1.0, n + 1), confidence=confidence)
    rank = int(low)
    assert high == n + 1 - rank
    assert covered == pytest.approx(1 - 2 * stats.binom.cdf(rank - 1, n, 0.5), abs=1e-9)
    extremes = 1 - 2 * 0.5**n
    assert covered >= confidence or (rank == 1 and extremes < confidence)
    if 2 * (rank + 1) <= n + 1:  # a narrower one would not do
        assert 1 - 2 * stats.binom.cdf(rank, n, 0.5) < confidence


def test_interval_covers_the_median_as_often_as_it_says():
    # 2,000 skewed samples of 15; three standard errors of 0.95 are 0.015: false alarms 3 in 1,000.
    draws = np.random.default_rng(0).exponential(size=(2000, 15))
    found = [median_interval(row, confidence=0.95) for row in draws]
    hits = np.mean([low <= math.log(2) <= high for low, high, _ in found])
    assert hits == pytest.approx(found[0][2], abs=0.02)


@given(st.lists(POSITIVE, min_size=1, max_size=80))
def test_summary_does_not_depend_on_order_or_unit(values):
    one, turned = summary(values), summary([1000 * v for v in reversed(values)])
    assert one.low <= one.median <= one.high
    assert turned.median == pytest.approx(1000 * one.median)
    assert turned.low == pytest.approx(1000 * one.low)
    assert turned.two_levels == one.two_levels
    assert turned.n == len(values)


def test_p95_needs_59_samples():
    assert summary(range(1, 59)).p95 is None
    assert summary(range(1, 60)).p95 == pytest.approx(np.quantile(np.arange(1, 60), 0.95))


def test_two_levels():
    rng = np.random.default_rng(1)
    one = 1 + 0.01 * rng.standard_normal(40)
    both = np.concatenate([one, 1.3 + 0.01 * rng.standard_normal(20)])
    assert two_levels(both)
    assert not two_levels(one)
    assert not two_levels([*one, 2.0, 2.0])  # two far ones are outliers, not a level
    assert not two_levels([1.0, 1.0, 2.0])
    assert "samples fall into two levels" in summary(both).flags


def test_drift_and_noise_are_told_apart():
    rng = np.random.default_rng(2)
    noise = 1 + 0.01 * rng.standard_normal(60)
    assert not drifting(noise)
    assert drifting(noise + np.linspace(0, 0.1, 60))
    assert drifting(noise + np.linspace(0.1, 0, 60))
    assert not drifting(np.ones(60))
    assert not drifting([1.0, 2.0, 3.0])


def test_outliers_are_counted_and_kept():
    values = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 5.0]
    found = summary(values)
    assert (found.n, found.outliers) == (7, 1)
    assert found.median == 1.0
    assert summary(values[1:]).outliers == 0


def test_relative_error_is_infinite_below_the_confidence():
    assert relative_error([1.0, 1.0, 1.0, 1.0], confidence=0.9) == math.inf
    assert relative_error([0.9, 1.0, 1.0, 1.0, 1.1], confidence=0.9) == pytest.approx(0.1)


@pytest.mark.parametrize("bad", [[], [1.0, math.nan], [math.inf], [[1.0, 2.0]]])
def test_refuses_what_is_not_a_row_of_numbers(bad):
    with pytest.raises(ShapeError, match="a row of finite samples"):
        summary(bad)
