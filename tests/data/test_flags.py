import numpy as np
import pytest

from hwbench.data import Flag
from hwbench.data.hwgptbench.flags import find_flags

NAN = np.nan


def flags(*repeats: float) -> Flag:
    return Flag(int(find_flags(np.array([repeats]), levels=True)[0]))


@pytest.mark.parametrize(
    ("repeats", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0), Flag(0)),
        ((1.0, 1.001, 0.999, 1.002), Flag(0)),
        # A boost clock for two repeats, then 11 % slower, each level steady.
        ((1.0, 1.001, 1.11, 1.111, 1.11, 1.112), Flag.TWO_STATES),
        # The first repeat slow, the others steady: both a level of its own and a cold start.
        ((1.2, 1.0, 1.001, 1.0, 1.001), Flag.TWO_STATES | Flag.COLD_START),
        # Noise fills the range: neither.
        ((1.2, 1.0, 1.05, 1.1, 1.15), Flag.COLD_START),
        ((1.0, 1.03, 1.06, 1.09, 1.12), Flag(0)),
        ((1.0, 1.05, 0.95, 1.6, 1.02), Flag.OUTLIER | Flag.TWO_STATES),
        ((1.0, 1.0, 1.0, 0.5, 1.0), Flag.OUTLIER | Flag.TWO_STATES),
        ((9.0, 1.0, 1.1, 1.2, 1.05), Flag.COLD_START | Flag.TWO_STATES),
    ],
)
def test_by_hand(repeats, expected):
    assert flags(*repeats) == expected


def test_levels_are_looked_for_only_where_asked():
    repeats = np.array([[1.0, 1.001, 1.11, 1.111, 1.11, 1.112]])
    assert find_flags(repeats).tolist() == [0]


def test_too_few_repeats_say_nothing():
    repeats = np.array([[1.0, 9.0, 1.0, NAN, NAN], [NAN] * 5, [1.0, 1.0, 1.0, 9.0, NAN]])
    assert find_flags(repeats).astype(bool).tolist() == [False, False, True]


def test_no_rows():
    assert find_flags(np.empty((0, 5))).shape == (0,)


def test_scale_does_not_matter():
    rng = np.random.default_rng(1)
    repeats = rng.lognormal(sigma=0.2, size=(500, 10))
    one, other = find_flags(repeats, levels=True), find_flags(repeats * 1024, levels=True)
    np.testing.assert_array_equal(one, other)
    assert {0, int(Flag.OUTLIER)} < set(one.tolist())
