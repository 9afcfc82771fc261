"""Drift of a session: what was injected is found and removed, and nothing is made up.

Seeds are fixed; margins were set well inside what other seeds give.
"""

import numpy as np
import pytest

from hwbench.errors import DataError, ShapeError
from hwbench.profiling.drift_session import estimate


def session(rng, drift, *, n=30, passes=2, every=6, noise=0.002, spread=0.4, outliers=0):
    """A campaign as plans lay it out: passes in random order, architecture 0 again and again.

    Returns values, architectures, times, true levels and true log drift of the rows.
    """
    order = []
    for _ in range(passes):
        for count, place in enumerate(rng.permutation(n)):
            order += [0, place] if count % every == 0 else [place]
    archs = np.array([*order, 0])
    at_s = np.cumsum(rng.uniform(5.0, 15.0, len(archs)))
    truth = drift(at_s / at_s[-1])
    truth = truth - truth.mean()
    levels = rng.normal(0.0, spread, n)
    errors = rng.normal(0.0, noise, len(archs))
    errors[rng.choice(len(archs), outliers, replace=False)] += 0.5
    return np.exp(levels[archs] + truth + errors), archs, at_s, levels, truth


def level_errors(found, levels):
    """Errors of the levels, the common factor left out."""
    rest = np.log(found) - levels
    return rest - rest.mean()


SHAPES = {
    "warming": lambda t: 0.2 * (1 - np.exp(-5 * t)),
    "wave": lambda t: 0.1 * np.sin(9 * t),
    "line": lambda t: 0.3 * t,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_injected_drift_is_found_and_removed(rng, shape):
    values, archs, at_s, levels, truth = session(rng, shape)
    found = estimate(values, archs, at_s)
    assert np.abs(found.drift - truth).max() < 0.15 * np.ptp(truth)
    plain = [np.log(values[archs == a]).mean() for a in range(30)]
    errors = level_errors(found.levels, levels)
    assert errors.std() < level_errors(np.exp(plain), levels).std() / 4
    assert found.verdict in ("good", "fair")
    assert found.level_error < 0.007
    assert found.left < 0.05
    assert found.spread == pytest.approx(truth.std(), rel=0.15)
    np.testing.assert_allclose(found.corrected, values * np.exp(-found.drift))


def test_a_jump_is_followed(rng):
    values, archs, at_s, levels, _ = session(rng, lambda t: 0.1 * (t > 0.6), every=3)
    found = estimate(values, archs, at_s)
    assert level_errors(found.levels, levels).std() < 0.012
    assert found.left < 0.3


def test_no_drift_is_made_up_where_there_is_none(rng):
    values, archs, at_s, levels, _ = session(rng, lambda t: 0 * t, noise=0.01)
    found = estimate(values, archs, at_s)
    assert found.spread < 0.003
    assert found.noise == pytest.approx(0.01, rel=0.25)
    assert found.left > 0.8
    plain = [np.log(values[archs == a]).mean() for a in range(30)]
    assert (
        level_errors(found.levels, levels).std() < 1.1 * level_errors(np.exp(plain), levels).std()
    )


def test_the_error_it_states_is_the_error_it_makes(rng):
    """Over 20 sessions with a random walk; their scatter allows some 10 per cent."""
    stated, made = [], []
    for _ in range(20):
        walk = np.concatenate([[0.0], np.cumsum(rng.normal(0.0, 0.01, 200))])
        values, archs, at_s, levels, _ = session(
            rng, lambda t, walk=walk: np.interp(t, np.linspace(0, 1, 201), walk)
        )
        found = estimate(values, archs, at_s)
        stated.append(found.level_error)
        made.append(level_errors(found.levels, levels).std())
    assert np.mean(stated) == pytest.approx(np.sqrt(np.mean(np.square(made))), rel=0.25)


def test_outliers_count_less_and_are_counted(rng):
    values, archs, at_s, levels, _ = session(rng, SHAPES["wave"], passes=4, outliers=6)
    found = estimate(values, archs, at_s)
    assert 5 <= found.outliers <= 9
    assert level_errors(found.levels, levels).std() < 0.006
    assert any("far off" in reason for reason in found.reasons)


def test_levels_without_drift_and_weights_are_means():
    """By hand: two architectures, twice each, noise that balances."""
    values = np.exp([1.0, 2.0, 1.1, 2.1, 1.0, 2.0, 1.1, 2.1])
    found = estimate(values, np.array([0, 1] * 4), np.arange(8.0))
    np.testing.assert_allclose(np.diff(np.log(found.levels)), 1.0, atol=0.01)
    rest = np.array([1.0, 1.1, 1.0, 1.1]) - 1.05
    assert found.scatter == pytest.approx(np.sqrt(2 * (rest**2).sum() / 6))
    assert found.repeats == 6


def test_noise_is_told_from_drift_in_the_verdict(rng):
    noisy = estimate(*session(rng, lambda t: 0 * t, noise=0.05)[:3])
    assert noisy.verdict == "poor"
    assert any("noise is larger" in reason for reason in noisy.reasons)
    fair = estimate(*session(rng, lambda t: 0 * t, noise=0.012)[:3])
    assert fair.verdict == "fair"


@pytest.mark.parametrize("archs", [[0], [0, 1, 2], [0, 1, 0, 2, 0]])
def test_without_repeats_it_says_that_it_cannot_know(archs):
    found = estimate(np.arange(1.0, 1 + len(archs)), np.array(archs), np.arange(len(archs)) * 1.0)
    assert found.verdict == "unknown"
    assert "second pass" in found.reasons[0]
    assert np.isfinite(found.drift).all()


def test_architectures_measured_once_are_corrected_by_the_anchor(rng):
    """One pass: only the anchor repeats, yet all levels are freed of drift."""
    values, archs, at_s, levels, _ = session(rng, SHAPES["line"], passes=1, every=3)
    found = estimate(values, archs, at_s)
    plain = [np.log(values[archs == a]).mean() for a in range(30)]
    assert level_errors(found.levels, levels).std() < level_errors(np.exp(plain), levels).std() / 5
    assert any("29 architectures were measured once" in reason for reason in found.reasons)


def test_sessions_may_start_their_clock_again(rng):
    values, archs, at_s, levels, _ = session(rng, SHAPES["line"])
    half = len(values) // 2
    visit = (np.arange(len(values)) >= half).astype(int)
    values = values * np.where(visit, 1.2, 1.0)  # another day, another level
    again = np.where(visit, at_s - at_s[half], at_s)
    found = estimate(values, archs, again, session=visit)
    assert level_errors(found.levels, levels).std() < 0.01


def test_wrong_input_is_said():
    one = np.ones(3)
    with pytest.raises(ShapeError, match="one length"):
        estimate(one, np.zeros(2, dtype=int), one)
    with pytest.raises(DataError, match="above 0"):
        estimate(one - 1, np.zeros(3, dtype=int), one)
    with pytest.raises(DataError, match="above 0"):
        estimate(one[:0], np.zeros(0, dtype=int), one[:0])
