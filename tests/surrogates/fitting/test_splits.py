"""Splits: by architecture, out of fold, and the jackknife by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import DataError
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.fitting.splits import Held, draw_folds, fit_on, out_of_fold, positive
from hwbench.surrogates.layerwise import Layerwise
from tests.surrogates.fitting.made import measured


@given(st.integers(3, 7), st.integers(0, 2**32 - 1))
def test_copies_of_an_architecture_are_held_out_together(folds, seed):
    rng = np.random.default_rng(seed)
    data = measured(40, seed=seed).select(rng.integers(40, size=150))
    fold = draw_folds(data, folds, rng)
    of: dict[bytes, int] = {}
    for code, k in zip(data.codes, fold, strict=True):
        assert of.setdefault(code.tobytes(), k) == k
    sizes = np.bincount(list(of.values()), minlength=folds)
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1


def test_folds_depend_on_the_generator_alone():
    data = measured(100)
    first, again, other = (draw_folds(data, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_too_few_architectures_are_refused():
    data = measured(20).select(np.zeros(20, dtype=np.int64))
    with pytest.raises(DataError, match="folds"):
        draw_folds(data, 3, np.random.default_rng(0))


def test_out_of_fold_by_hand():
    """Each row predicted by a surrogate of the other folds; the spread is the jackknife's."""
    data = measured(300)
    fold = np.arange(300) % 3
    estimator = Layerwise(data.space)
    held = out_of_fold(estimator, data, fold=fold)
    models = [Layerwise(data.space).fit(data.codes[fold != k], data.y[fold != k]) for k in range(3)]
    answers = np.stack([model.predict(data.codes) for model in models])
    for row in range(0, 300, 23):
        assert held.predicted[row] == answers[fold[row], row]
        logs = np.log(answers[:, row])
        jackknife = np.sqrt(2 / 3 * sum((logs - logs.mean()) ** 2))
        assert held.spread[row] == pytest.approx(jackknife, rel=1e-9)
    np.testing.assert_allclose(held.errors(data.y), np.log(data.y / held.predicted), atol=1e-12)


def test_the_jackknife_tells_the_error_of_the_surrogate():
    """Of the order of the true error: within a factor of 1.5 on average."""
    noisy, clean = measured(600, noise=0.05), measured(600, noise=0.0)
    held = out_of_fold(Layerwise(noisy.space), noisy, fold=np.arange(600) % 5)
    model = fit_on(Layerwise(noisy.space), noisy)
    true = np.sqrt(np.mean(np.log(model.predict(noisy.codes) / clean.y) ** 2))
    assert 1 / 1.5 < np.sqrt(np.mean(held.spread**2)) / true < 1.5


def test_fitting_leaves_the_estimator_alone_and_passes_time_on():
    data = measured(400, drift=0.01)
    estimator = DriftCorrected(Layerwise(data.space), n_rounds=2)
    fitted = fit_on(estimator, data)
    assert not hasattr(estimator, "estimator_")
    expected = DriftCorrected(Layerwise(data.space), n_rounds=2).fit(
        data.codes, data.y, position=data.position, session=data.session
    )
    np.testing.assert_array_equal(fitted.drift_, expected.drift_)
    shuffled = data.select(np.random.default_rng(0).permutation(400))
    np.testing.assert_allclose(
        fit_on(estimator, shuffled).predict(data.codes), fitted.predict(data.codes), rtol=1e-6
    )


def test_predictions_are_kept_above_zero_for_logs():
    y = np.array([2.0, 5.0])
    np.testing.assert_array_equal(positive(np.array([-1.0, 0.0, 0.5]), y), [0.02, 0.02, 0.5])
    held = Held(np.array([0, 1]), np.array([-1.0, 5.0]), np.zeros(2))
    np.testing.assert_allclose(held.errors(y), [np.log(100.0), 0.0])


def test_rows_of_a_campaign():
    data = measured(90, sessions=3)
    assert (len(data), data.n_sessions) == (90, 3)
    last = data.select(data.session == 2)
    assert (len(last), last.n_sessions) == (30, 1)
    np.testing.assert_array_equal(last.position, np.arange(60, 90))
    np.testing.assert_array_equal(last.repeats, data.repeats[60:])
    np.testing.assert_array_equal(replace(data, y=data.y).group, data.codes[:, 0])
