"""The verdict on a journal: each table on its own, with what its rows warned of."""

import numpy as np
import pytest

from hwbench.profiling.quality import drifts
from tests.data.journals import SPACE, make_entry, make_row


@pytest.fixture
def archs(rng):
    return SPACE.decode(SPACE.sample_codes(4, rng))


def test_a_jump_between_two_sessions_is_drift_and_not_noise(archs):
    """By hand: the second session is 10 % slower throughout."""
    found = []
    for i in range(16):
        factor = 1.1 if i >= 8 else 1.0
        row = make_row(archs[i % 4], [factor * (1 + i % 4), 99.0, 0.0001])
        found.append(make_entry(i, row, session=i // 8, at_s=10.0 * (i % 8)))
    (table,) = drifts(found)
    assert (table.metric, table.device_id) == ("latency_s", "cpu-0123")
    assert table.keys == tuple(entry.key for entry in found)
    steps = np.diff(table.estimate.drift)
    assert np.argmax(np.abs(steps)) == 7
    assert steps[7] == pytest.approx(np.log(1.1), rel=0.1)
    levels = table.estimate.levels / table.estimate.levels.min()
    np.testing.assert_allclose(np.sort(levels), [1.0, 2.0, 3.0, 4.0], rtol=0.01)
    assert table.estimate.left < 0.05


def test_warnings_are_counted_and_the_commonest_named(archs):
    warnings = [[], ["throttled: heat"], ["other load: 37 %"], ["other load: 12 %", "swapped"]]
    found = [make_entry(i, make_row(archs[0], [1.0], warnings=w)) for i, w in enumerate(warnings)]
    (table,) = drifts(found)
    assert table.disturbed == 3
    assert table.reasons[-1] == "3 of 4 measurements carry warnings, most often: other load"


def test_memory_and_failures_have_no_drift(archs):
    memory = {"vm_hwm_bytes": 7e8}
    found = [
        make_entry(0, make_row(archs[0], [], memory=memory), metrics=("memory_bytes",)),
        make_entry(1, make_row(archs[0], [], status="crash")),
    ]
    assert drifts(found) == []
