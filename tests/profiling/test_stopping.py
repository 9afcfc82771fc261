"""The rules of stopping on samples whose right answer is known."""

import numpy as np
import pytest

from hwbench.errors import SchemaError
from hwbench.profiling.stopping import STOP_REASONS, EnergyRule, StopRule, decide, warm

RULE = StopRule(min_s=0.0)


def _until(samples, rule, *, each_s):
    for n in range(1, len(samples) + 1):
        reason = decide(samples[:n], n * each_s, rule)
        if reason is not None:
            return n, reason
    return len(samples), None


def test_equal_samples_converge_at_the_floor():
    assert _until([0.1] * 50, RULE, each_s=0.1) == (5, "converged")
    assert _until([0.1] * 50, StopRule(min_samples=9, min_s=0.0), each_s=0.1) == (9, "converged")
    assert _until([0.1] * 50, StopRule(min_s=0.75), each_s=0.1) == (8, "converged")


def test_slow_iterations_end_with_the_time():
    # A tenth of noise on passes of 1.5 s: the tolerance is out of reach in 10 s.
    samples = 1.5 + 0.15 * np.random.default_rng(0).standard_normal(20)
    assert _until(samples.tolist(), RULE, each_s=1.5) == (7, "time_out")
    assert _until([30.0, 31.0, 40.0, 30.0], RULE, each_s=30.0) == (3, "time_out")


def test_noise_that_no_longer_changes_is_enough():
    samples = np.random.default_rng(1).uniform(0.5, 1.5, 4000)
    rule = StopRule(tolerance=1e-6, min_s=0.0, max_s=1e9)
    n, reason = _until(samples.tolist(), rule, each_s=1e-3)
    assert reason == "noise_stable"
    assert 64 < n < 1000
    assert n % 16 == 0
    noise = [samples[:k].std() / samples[:k].mean() for k in range(n - 63, n + 1)]
    assert np.std(noise) / np.mean(noise) < rule.noise_tolerance


def test_noise_that_grows_is_not_stable():
    samples = 1 + np.geomspace(1e-6, 0.5, 200) * np.resize([1, -1], 200)
    rule = StopRule(tolerance=1e-9, max_samples=200, min_s=0.0, max_s=1e9)
    assert _until(samples.tolist(), rule, each_s=1e-3) == (200, "max_samples")


def test_no_sample_no_decision():
    assert decide([], 1e9, RULE) is None


def test_every_reason_is_known():
    assert set(STOP_REASONS) == {"converged", "noise_stable", "max_samples", "time_out"}


def test_warm_up_ends_when_it_no_longer_gets_faster():
    falling = [1.0, 0.5, 0.3, 0.2, 0.15, 0.12, 0.11, 0.1, 0.1, 0.1, 0.1, 0.1]
    rule = StopRule(warmup_max_s=100.0)
    states = [warm(falling[:n], rule) for n in range(len(falling) + 1)]
    assert states.index(True) == 12
    assert not any(states[:12])


def test_warm_up_ends_with_its_time():
    rule = StopRule(warmup_max_s=2.0, warmup_min=2)
    assert not warm([5.0], rule)
    assert warm([5.0, 4.0], rule)
    assert warm([], StopRule(warmup_min=0, warmup_max_s=0.0))


@pytest.mark.parametrize(
    "bad",
    [
        {"tolerance": 0},
        {"confidence": 1.0},
        {"min_samples": 0},
        {"max_samples": 2},
        {"max_s": 0.1},
        {"noise_window": 1},
    ],
)
def test_rules_without_sense_are_refused(bad):
    with pytest.raises(SchemaError, match="makes no sense"):
        StopRule(**bad)


def test_energy_windows_cover_fifty_updates_of_a_slow_meter():
    assert EnergyRule().length_s(0.02) == 5.0
    assert EnergyRule().length_s(0.2) == 10.0
    with pytest.raises(SchemaError, match="windows = 0"):
        EnergyRule(windows=0)
