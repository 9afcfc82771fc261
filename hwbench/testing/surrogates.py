"""The contracts of surrogates. Inherit one in a test class, and return your estimator or predictor.

An estimator passes `EstimatorContract`, which includes the contract of its predictor; a predictor
without an estimator passes `PredictorContract`. The data are small and made from fixed seeds.
"""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from typing import Any, Protocol, Self

import numpy as np
import pytest
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, Codes, FloatArray
from hwbench.errors import BundleError, DataError, SchemaError, ShapeError, SpaceError
from hwbench.spaces import Choice, Space
from hwbench.surrogates.encoding import OneHot
from hwbench.surrogates.predictor import PREDICTORS, Predictor, load, pack, save, unpack

__all__ = ["EstimatorContract", "PredictorContract", "SurrogateEstimator", "additive_metric"]

_N_FIT, _N_HELD = 240, 60


class SurrogateEstimator(Protocol):
    """What the contract asks of an estimator; see `hwbench.surrogates.estimator.Estimator`."""

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Learn a metric."""

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict it."""

    def predictor(self) -> Predictor:
        """Return what ships."""


def additive_metric(space: Space, codes: ArrayLike, /, *, seed: int = 0) -> FloatArray:
    """Make up a metric that is a sum over the choices of a network, positive, in `(n,)`.

    Args:
        space: The space of the codes.
        codes: `n x n_choices`.
        seed: Another seed, another metric.
    """
    encoder = OneHot.of(space)
    weights = np.random.default_rng(seed).uniform(0.1, 1.0, size=encoder.n_features)
    values: FloatArray = encoder(codes) @ weights * 1e-3
    return values


class PredictorContract(ABC):
    """Tests that every predictor passes."""

    @abstractmethod
    def predictor(self) -> Predictor:
        """Return the predictor under test, on the codes of `space`."""

    def space(self) -> Space:
        """Return the space to test on: small, with layers that come and go."""
        shared = (Choice("width", (64, 128, 256)), Choice("depth", (2, 3, 4)))
        layered = (Choice("ratio", (1, 2, 4)), Choice("heads", (2, 4)))
        return Space("contract", shared, layered, depth="depth")

    def codes(self) -> Codes:
        """Return codes to fit on and, at the end, to predict."""
        return self.space().sample_codes(_N_FIT + _N_HELD, np.random.default_rng(5))

    def test_kind_is_registered(self) -> None:
        """`PREDICTORS` leads to the class."""
        predictor = self.predictor()
        module, _, name = PREDICTORS[predictor.kind].partition(":")
        assert (type(predictor).__module__, type(predictor).__name__) == (module, name)

    def test_one_float_a_row(self) -> None:
        """Answers are finite float64, one a row, also for no row."""
        predictor, codes = self.predictor(), self.codes()
        values = predictor.predict(codes)
        assert values.shape == (len(codes),)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
        assert predictor.predict(codes[:0]).shape == (0,)

    def test_rows_are_independent(self) -> None:
        """A batch answers as its rows do, in any order."""
        predictor, codes = self.predictor(), self.codes()[:20]
        batch = predictor.predict(codes)
        rows = [predictor.predict(row[None, :])[0] for row in codes]
        np.testing.assert_allclose(batch, rows, rtol=1e-12)
        np.testing.assert_allclose(predictor.predict(codes[::-1]), batch[::-1], rtol=1e-12)

    def test_same_answer_twice(self) -> None:
        """Asking changes nothing."""
        predictor, codes = self.predictor(), self.codes()
        np.testing.assert_array_equal(predictor.predict(codes), predictor.predict(codes))

    def test_equal_networks_get_equal_answers(self) -> None:
        """Entries of absent layers do not matter, nor does the integer type."""
        predictor, codes, space = self.predictor(), self.codes(), self.space()
        top = np.broadcast_to(space.cardinalities - 1, codes.shape)
        filled = np.where(space.active(codes), codes, top).astype(np.int64)
        assert (filled != codes).any()
        np.testing.assert_array_equal(predictor.predict(filled), predictor.predict(codes))

    def test_inputs_stay_as_they_are(self) -> None:
        """Predicting works on arrays that cannot be written to."""
        codes = self.codes()
        codes.flags.writeable = False
        self.predictor().predict(codes)

    def test_wrong_codes_are_refused(self) -> None:
        """Wrong shapes and indices give one of our errors."""
        predictor, codes = self.predictor(), self.codes()
        for wrong in (codes[0], codes[:, :-1], codes[None]):
            with pytest.raises(ShapeError):
                predictor.predict(wrong)
        outside = codes.copy()
        outside[3, 0] = 200
        with pytest.raises(SpaceError, match="row 3"):
            predictor.predict(outside)

    def test_state_is_plain_and_comes_back(self) -> None:
        """Arrays of numbers and JSON rebuild a predictor that answers bit for bit alike."""
        predictor, codes = self.predictor(), self.codes()
        arrays, document = pack(predictor)
        text = json.dumps(document, allow_nan=False)
        copies = {name: array.copy() for name, array in arrays.items()}
        again = unpack(copies, json.loads(text), space=self.space())
        np.testing.assert_array_equal(again.predict(codes), predictor.predict(codes))
        with tempfile.TemporaryDirectory() as folder:
            save(predictor, folder)
            read = load(folder, space=self.space())
        np.testing.assert_array_equal(read.predict(codes), predictor.predict(codes))

    def test_damaged_states_are_refused(self) -> None:
        """A missing array or setting, another space or version: a clear error."""
        arrays, document = pack(self.predictor())
        space, settings = self.space(), document["settings"]
        assert isinstance(settings, dict)
        for name in arrays:
            less = {key: array for key, array in arrays.items() if key != name}
            with pytest.raises(BundleError):
                unpack(less, document, space=space)
        for name in settings:
            fewer = {key: value for key, value in settings.items() if key != name}
            with pytest.raises(BundleError):
                unpack(arrays, {**document, "settings": fewer}, space=space)
        with pytest.raises(SchemaError):
            unpack(arrays, {**document, "schema": 999}, space=space)
        with pytest.raises(SchemaError):
            unpack(arrays, document, space=None)


class EstimatorContract(PredictorContract):
    """Tests that every estimator passes, and its predictor.

    Attributes:
        tolerance: How far the predictor may be from the estimator, relative.
        lowest_r2: What the estimator reaches at least on held-out rows of an additive metric.
    """

    tolerance = 1e-5
    lowest_r2 = 0.8

    @abstractmethod
    def estimator(self, space: Space, /, *, seed: int | None) -> SurrogateEstimator:
        """Return an unfitted estimator on the codes of `space`; quick settings are best."""

    def rows(self) -> tuple[Codes, FloatArray, AnyArray]:
        """Return codes, metric and position of the rows to fit."""
        codes = self.codes()[:_N_FIT]
        noise = np.random.default_rng(6).lognormal(0.0, 0.01, size=len(codes))
        return codes, additive_metric(self.space(), codes) * noise, np.arange(len(codes))

    def fitted(self, *, seed: int | None = 0) -> SurrogateEstimator:
        """Return an estimator fitted to `rows`."""
        codes, y, position = self.rows()
        return self.estimator(self.space(), seed=seed).fit(codes, y, position=position)

    def predictor(self) -> Predictor:
        """Return the predictor of a fitted estimator."""
        return self.fitted().predictor()

    def test_fit_returns_itself(self) -> None:
        """`fit` can be chained."""
        codes, y, position = self.rows()
        estimator: Any = self.estimator(self.space(), seed=0)
        assert estimator.fit(codes, y, position=position) is estimator

    def test_learns_an_additive_metric(self) -> None:
        """Held-out rows are predicted much better than by their mean."""
        held = self.codes()[_N_FIT:]
        truth = additive_metric(self.space(), held)
        error = self.fitted().predict(held) - truth
        assert 1.0 - np.mean(error**2) / np.var(truth) >= self.lowest_r2

    def test_same_seed_same_model(self) -> None:
        """Two fits with one seed agree bit for bit."""
        codes = self.codes()
        first, again = self.fitted(seed=3), self.fitted(seed=3)
        np.testing.assert_array_equal(first.predict(codes), again.predict(codes))
        np.testing.assert_array_equal(
            first.predictor().predict(codes), again.predictor().predict(codes)
        )

    def test_predictor_equals_estimator(self) -> None:
        """What ships says what was fitted."""
        codes, estimator = self.codes(), self.fitted()
        expected = estimator.predict(codes)
        assert expected.shape == (len(codes),)
        np.testing.assert_allclose(
            estimator.predictor().predict(codes), expected, rtol=self.tolerance
        )

    def test_unit_does_not_matter(self) -> None:
        """A metric in thousandths gives the same model in thousandths."""
        codes, y, position = self.rows()
        usual = self.fitted(seed=2).predict(codes)
        scaled = self.estimator(self.space(), seed=2).fit(codes, 1024.0 * y, position=position)
        np.testing.assert_allclose(scaled.predict(codes), 1024.0 * usual, rtol=1e-5)

    def test_fit_leaves_its_inputs_alone(self) -> None:
        """Fitting works on arrays that cannot be written to."""
        codes, y, position = self.rows()
        for array in (codes, y, position):
            array.flags.writeable = False
        self.estimator(self.space(), seed=0).fit(codes, y, position=position)

    def test_wrong_rows_are_refused(self) -> None:
        """Codes and targets that cannot be fitted give one of our errors."""
        codes, y, position = self.rows()
        estimator = self.estimator(self.space(), seed=0)
        with pytest.raises(ShapeError):
            estimator.fit(codes[:, :-1], y, position=position)
        with pytest.raises(ShapeError):
            estimator.fit(codes, y[:-1], position=position)
        broken = y.copy()
        broken[7] = np.nan
        with pytest.raises(DataError):
            estimator.fit(codes, broken, position=position)
        with pytest.raises(DataError):
            estimator.fit(codes[:0], y[:0], position=position[:0])

    def test_unfitted_is_refused(self) -> None:
        """Before `fit` there is nothing to ask; scikit-learn's error is a ValueError."""
        estimator = self.estimator(self.space(), seed=0)
        with pytest.raises(ValueError, match="fit"):
            estimator.predict(self.codes())
        with pytest.raises(ValueError, match="fit"):
            estimator.predictor()
