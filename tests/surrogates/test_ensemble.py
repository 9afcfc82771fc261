"""Ensembles: mean and standard deviation of their members, and honest out-of-fold predictions."""

import numpy as np
import pytest

from hwbench.errors import BundleError, DataError
from hwbench.surrogates.boosting import XGBoost
from hwbench.surrogates.ensemble import Ensemble
from hwbench.surrogates.ensemble_predictor import EnsemblePredictor
from hwbench.surrogates.mlp_predictor import Dense, MLPPredictor
from hwbench.surrogates.target import Target


def _constant(value):
    layers = (Dense.of(np.zeros((1, 1)), np.zeros(1)),)
    return MLPPredictor(None, layers, Target(log=False, mean=value, scale=1.0))


def test_mean_and_std_by_hand():
    both = EnsemblePredictor(None, (_constant(1.0), _constant(3.0), _constant(5.0)))
    mean, std = both.mean_std([[0.0], [9.0]])
    np.testing.assert_allclose(mean, [3.0, 3.0])
    np.testing.assert_allclose(std, [np.sqrt(8 / 3)] * 2)
    with pytest.raises(BundleError, match="one member"):
        EnsemblePredictor(None, ())


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    return x, x[:, 0] + 0.5 * rng.normal(size=300)


@pytest.mark.parametrize("bagging", ["folds", "bootstrap", "none"])
def test_members_differ_and_ship(bagging, data):
    x, y = data
    ensemble = Ensemble(XGBoost(n_trees=30), n_members=4, bagging=bagging, random_state=0)
    mean, std = ensemble.fit(x, y).predict_mean_std(x)
    assert (std > 0).mean() > 0.9
    np.testing.assert_array_equal(mean, ensemble.predict(x))
    np.testing.assert_allclose(ensemble.predictor().mean_std(x)[1], std, rtol=1e-3, atol=1e-5)
    assert hasattr(ensemble, "out_of_fold_") == (bagging == "folds")


def test_out_of_fold_is_honest(data):
    # The noise has variance 0.25; fitted rows are overfitted, held-out ones cannot be.
    x, y = data
    ensemble = Ensemble(XGBoost(n_trees=300, max_depth=6), random_state=0).fit(x, y)
    assert np.mean((ensemble.predict(x) - y) ** 2) < 0.1
    assert np.mean((ensemble.out_of_fold_ - y) ** 2) > 0.2


def test_positions_reach_the_members(data):
    class Recorder(XGBoost):  # type: ignore[misc]  # final, but a spy must look like one
        def fit(self, X, y, *, position=None):
            self.position_ = position
            return super().fit(X, y, position=position)

    x, y = data
    ensemble = Ensemble(Recorder(n_trees=1), n_members=3, random_state=0)
    ensemble.fit(x, y, position=np.arange(300))
    left_out = [set(range(300)) - set(member.position_) for member in ensemble.members_]
    assert [len(rows) for rows in left_out] == [100, 100, 100]
    assert set.union(*left_out) == set(range(300))


def test_bad_settings(data):
    with pytest.raises(DataError, match="bagging"):
        Ensemble(bagging="some").fit(*data)
    with pytest.raises(DataError, match="folds"):
        Ensemble(n_members=1).fit(*data)
