"""Every estimator passes the shipped contract, and scikit-learn's own where it applies."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from hwbench.surrogates.boosting import XGBoost, XGBoostQuantiles
from hwbench.surrogates.conformal import QuantileConformal, ResidualConformal
from hwbench.surrogates.ensemble import Ensemble
from hwbench.surrogates.forest import RandomForest
from hwbench.surrogates.mlp import MLP
from hwbench.testing.surrogates import EstimatorContract


class TestXGBoost(EstimatorContract):
    lowest_r2 = 0.95

    def estimator(self, space, /, *, seed):
        return XGBoost(space, n_trees=100, random_state=seed)


class TestXGBoostInLogs(EstimatorContract):
    lowest_r2 = 0.95

    def estimator(self, space, /, *, seed):
        return XGBoost(space, n_trees=100, log_target=True, random_state=seed)


class TestXGBoostQuantiles(EstimatorContract):
    def estimator(self, space, /, *, seed):
        return XGBoostQuantiles(space, n_trees=60, random_state=seed)


class TestRandomForest(EstimatorContract):
    def estimator(self, space, /, *, seed):
        return RandomForest(space, n_trees=20, random_state=seed)


class TestMLP(EstimatorContract):
    lowest_r2 = 0.95

    def estimator(self, space, /, *, seed):
        return MLP(space, steps=1500, hidden=(32,), random_state=seed)


class TestEnsemble(EstimatorContract):
    lowest_r2 = 0.95

    def estimator(self, space, /, *, seed):
        return Ensemble(XGBoost(space, n_trees=60), n_members=3, random_state=seed)


class TestEnsembleOfNetworks(EstimatorContract):
    def estimator(self, space, /, *, seed):
        member = MLP(space, steps=1000, hidden=(16,), log_target=True)
        return Ensemble(member, n_members=2, bagging="none", random_state=seed)


class TestResidualConformal(EstimatorContract):
    def estimator(self, space, /, *, seed):
        return ResidualConformal(XGBoost(space, n_trees=60), n_folds=2, random_state=seed)


class TestResidualConformalWithSpread(EstimatorContract):
    def estimator(self, space, /, *, seed):
        return ResidualConformal(
            XGBoost(space, n_trees=60),
            spread=RandomForest(space, n_trees=5),
            method="blocks",
            n_folds=2,
            log_residuals=True,
            random_state=seed,
        )


class TestQuantileConformal(EstimatorContract):
    def estimator(self, space, /, *, seed):
        heads = XGBoostQuantiles(space, n_trees=60)
        return QuantileConformal(heads, levels=(0.5, 0.9), method="split", random_state=seed)


# min_leaf=1: scikit-learn's checks fit a handful of rows and expect them to be learned.
_BOOSTED = XGBoost(n_trees=20, min_leaf=1)
_QUANTILES = XGBoostQuantiles(n_trees=20, min_leaf=1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        _BOOSTED,
        _QUANTILES,
        RandomForest(n_trees=5),
        MLP(steps=800, hidden=(8,)),
        Ensemble(_BOOSTED, n_members=2),
        ResidualConformal(_BOOSTED, n_folds=2, spread=RandomForest(n_trees=2)),
        QuantileConformal(_QUANTILES, n_folds=2, levels=(0.5,)),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
