"""From tables to rows that can be fitted."""

from dataclasses import replace

import numpy as np
import pytest

from hwbench import spaces
from hwbench.errors import DataError
from hwbench.surrogates.fitting import Measured
from tests.surrogates.fitting.made import table

SPACE = spaces.get("gpt-s")


def test_medians_order_and_visits():
    source = table(SPACE, 30)
    data = Measured.of(source, SPACE)
    np.testing.assert_array_equal(data.y, np.median(source.repeats, axis=1))
    np.testing.assert_array_equal(data.position, source.position)
    np.testing.assert_array_equal(data.session, source.chunk)
    assert data.timed
    assert not Measured.of(table(SPACE, device=None, metric="perplexity"), SPACE).timed


def test_cold_repeats_are_left_out():
    source = table(SPACE, 30)
    repeats = source.repeats.copy()
    repeats[:, 0] *= 100.0
    protocol = replace(source.protocol, skip_first=1)
    data = Measured.of(replace(source, repeats=repeats, protocol=protocol), SPACE)
    np.testing.assert_array_equal(data.repeats, source.repeats[:, 1:])
    np.testing.assert_array_equal(data.y, np.median(source.repeats[:, 1:], axis=1))


def test_a_single_repeat_stays_even_if_it_is_cold():
    source = table(SPACE, 30)
    protocol = replace(source.protocol, skip_first=1)
    one = replace(source, repeats=source.repeats[:, :1], protocol=protocol)
    assert Measured.of(one, SPACE).repeats.shape == (30, 1)


def test_rows_without_a_positive_value_are_left_out():
    source = table(SPACE, 30)
    repeats = source.repeats.copy()
    repeats[3], repeats[7] = np.nan, 0.0
    data = Measured.of(replace(source, repeats=repeats), SPACE)
    np.testing.assert_array_equal(data.position, np.delete(np.arange(30), [3, 7]))
    with pytest.raises(DataError, match="latency_s of a100: no row has a positive value"):
        Measured.of(replace(source, repeats=np.zeros((30, 2))), SPACE)
