"""Fitting a cell: the choice, the figures, and intervals that hold on new data."""

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hwbench.errors import DataError
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.fitting import Plan, fit_cell
from hwbench.surrogates.layerwise import Layerwise
from hwbench.testing.surrogates import additive_metric
from tests.surrogates.fitting.made import measured, recipe

COUNTS = {"kind": "layerwise", "structure": "counts"}
LAYERS = {"kind": "layerwise", "structure": "layers"}


def fit(data, estimators, *, candidates, rivals=(), **options):
    plan = Plan(tuple(candidates), tuple(rivals))
    return fit_cell(data, plan, recipe(estimators, plan={"latency_s": plan}, **options))


@pytest.fixture(scope="module")
def fitted():
    """A drifting campaign of three visits, two candidates and a rival."""
    estimators = {
        "plain": LAYERS,
        "drift": {**LAYERS, "drift": True},
        "trees": {"kind": "xgboost", "n_trees": 30},
    }
    data = measured(1500, noise=0.01, drift=0.01)
    found = fit(data, estimators, candidates=["drift", "plain"], rivals=["trees"])
    return data, found


# -- the choice ----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
def test_the_first_wins_a_tie(names):
    found = fit(measured(300), {"one": LAYERS, "two": LAYERS}, candidates=names)
    assert found.chosen == names[0]
    assert len(set(found.figures["validation_error"].values())) == 1


@pytest.mark.parametrize("names", [("good", "bad"), ("bad", "good")])
def test_the_better_one_wins(names):
    found = fit(measured(300), {"good": LAYERS, "bad": COUNTS}, candidates=names)
    errors = found.figures["validation_error"]
    assert found.chosen == "good"
    assert errors["bad"] > 1.5 * errors["good"]


def test_a_hair_does_not_decide(monkeypatch):
    """Within a hundredth of the best is a tie; beyond, the better one wins."""
    errors = {"first": 0.0, "second": 0.01}

    def predict(name):
        return lambda self, codes: additive_metric(self.space, codes) * np.exp(errors[name])

    data = measured(300, noise=0.0)
    estimators = {"first": LAYERS, "second": COUNTS}
    monkeypatch.setattr(
        Layerwise,
        "predict",
        lambda self, codes: predict("first" if self.structure == "layers" else "second")(
            self, codes
        ),
    )
    for first, chosen in ((0.01009, "first"), (0.01011, "second"), (0.009, "first")):
        errors["first"] = first
        assert fit(data, estimators, candidates=["first", "second"]).chosen == chosen


def test_a_single_candidate_needs_no_validation():
    found = fit(measured(300), {"only": LAYERS}, candidates=["only"])
    assert (found.chosen, found.figures["validation_error"]) == ("only", {})


# -- what ships ----------------------------------------------------------------------------------


def test_the_predictor_is_fitted_to_all_rows(fitted):
    data, found = fitted
    everything = DriftCorrected(Layerwise(data.space)).fit(
        data.codes, data.y, position=data.position, session=data.session
    )
    assert found.chosen == "drift"
    np.testing.assert_array_equal(
        found.predictor.predict(data.codes), everything.predict(data.codes)
    )


def test_a_cell_is_reproducible(fitted):
    data = measured(300)
    first, again = (fit(data, {"a": LAYERS}, candidates=["a"]) for _ in range(2))
    np.testing.assert_array_equal(first.uncertainty.total, again.uncertainty.total)
    for name in ("architectures", "calibration", "limits", "parts"):
        assert first.figures[name] == again.figures[name]


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_intervals_hold_new_measurements(level):
    """Log-normal noise of 5 %; 4,000 new architectures in the same kind of visit.

    The standard error is below 1.1 % (1,500 rows behind the quantiles): 4 allowed, seeds fixed.
    """
    data = measured(1500, noise=0.05)
    found = fit(data, {"a": LAYERS}, candidates=["a"])
    new = measured(4000, noise=0.05, seed=1)
    low, high = found.uncertainty.bounds(level, visit="measured")
    group = found.uncertainty.group[new.group * 6]
    value = found.predictor.predict(new.codes)
    inside = (new.y >= value * low[group]) & (new.y <= value * high[group])
    assert inside.mean() == pytest.approx(level, abs=0.044)
    assert found.figures["calibration"][f"coverage_{level:.0%}".rstrip("%")] == pytest.approx(
        level, abs=0.044
    )


def test_intervals_of_drifting_machines_hold_on_unseen_architectures(fitted):
    _, found = fitted
    assert 0.87 <= found.figures["calibration"]["coverage_90"] <= 0.93


# -- the card ------------------------------------------------------------------------------------


def test_figures_can_be_written_as_json(fitted):
    _, found = fitted
    json.dumps(found.figures, allow_nan=False)


def test_every_estimator_is_scored_on_both_splits(fitted):
    _, found = fitted
    figures: Any = found.figures
    assert (figures["n"], figures["visits"]) == (1500, 3)
    assert list(figures["architectures"]) == ["drift", "plain", "trees"]
    assert list(figures["time"]) == ["drift", "calibration", "plain", "trees"]
    for split in ("architectures", "time"):
        for name in ("drift", "plain", "trees"):
            assert {"r2", "mae", "mape", "kendall", "spearman"} <= set(figures[split][name])
    assert figures["architectures"]["drift"]["n"] == pytest.approx(500, rel=0.1)  # a third
    assert figures["time"]["drift"]["n"] == 500, "the last visit"


def test_figures_of_fold_0_are_those_of_a_fit_without_it():
    """The score by hand: fit on folds 1 and 2, rank fold 0."""
    data = measured(300, timed=False)
    found: Any = fit(data, {"a": LAYERS}, candidates=["a"])
    _, architecture = np.unique(data.codes, axis=0, return_inverse=True)
    rng = np.random.default_rng(0)
    fold = rng.permutation(np.arange(architecture.max() + 1) % 3)[architecture.reshape(-1)]
    rows = fold == 0
    model = Layerwise(data.space).fit(data.codes[~rows], data.y[~rows])
    tau = stats.kendalltau(data.y[rows], model.predict(data.codes[rows])).statistic
    assert found.figures["architectures"]["a"]["kendall"] == pytest.approx(tau, rel=1e-4)


def test_drift_free_figures_are_for_machines_alone(fitted):
    _, found = fitted
    assert "kendall_drift_free" in found.figures["architectures"]["drift"]
    assert "kendall_drift_free" not in found.figures["time"]["drift"]
    quality: Any = fit(measured(300, timed=False), {"a": LAYERS}, candidates=["a"]).figures
    assert "kendall_drift_free" not in quality["architectures"]["a"]
    assert "drift_sd" not in quality["limits"]


def test_against_drift_free_truth_a_surrogate_ranks_better(fitted):
    _, found = fitted
    ours = found.figures["architectures"]["drift"]
    assert ours["kendall_drift_free"] > ours["kendall"] + 0.02
    assert (
        ours["kendall_drift_free"] > found.figures["architectures"]["trees"]["kendall_drift_free"]
    )


def test_one_visit_has_no_split_by_time():
    assert "time" not in fit(measured(300, sessions=1), {"a": LAYERS}, candidates=["a"]).figures


def test_too_few_rows_are_refused():
    data = measured(300).select(np.zeros(30, dtype=np.int64))
    with pytest.raises(DataError, match="folds"):
        fit(data, {"a": LAYERS}, candidates=["a"])
