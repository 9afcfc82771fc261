"""Saving and loading predictors: plain files, nothing executed, clear errors."""

import json

import numpy as np
import pytest

from hwbench.errors import BundleError, SchemaError, UnknownNameError
from hwbench.surrogates import PREDICTORS, load, pack, save, unpack
from hwbench.surrogates.mlp_predictor import Dense, MLPPredictor
from hwbench.surrogates.predictor import predictor_class, require_numbers
from hwbench.surrogates.target import Target


@pytest.fixture
def predictor():
    layers = (Dense.of(np.array([[1.0], [2.0]]), np.array([0.5])),)
    return MLPPredictor(None, layers, Target(log=False, mean=10.0, scale=2.0))


def test_files_hold_numbers_and_json_only(predictor, tmp_path):
    save(predictor, tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["arrays.npz", "predictor.json"]
    document = json.loads((tmp_path / "new" / "predictor.json").read_text())
    assert document["kind"] == "mlp"
    assert document["space"] is None
    # (1 * 3 + 2 * 4 + 0.5) * 2 + 10
    assert load(tmp_path / "new", space=None).predict([[3.0, 4.0]]) == pytest.approx([33.0])


def test_same_predictor_same_bytes(predictor, tmp_path):
    for name in ("a", "b"):
        save(predictor, tmp_path / name)
    for file in ("arrays.npz", "predictor.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_unreadable_folders_are_refused(predictor, tmp_path):
    with pytest.raises(BundleError, match="cannot read a predictor"):
        load(tmp_path, space=None)
    save(predictor, tmp_path)
    (tmp_path / "arrays.npz").write_bytes(b"PK no archive")
    with pytest.raises(BundleError):
        load(tmp_path, space=None)
    save(predictor, tmp_path)
    (tmp_path / "predictor.json").write_text("[]")
    with pytest.raises(BundleError, match="one JSON object"):
        load(tmp_path, space=None)


def test_pickled_objects_are_refused(predictor, tmp_path):
    save(predictor, tmp_path)
    weight = np.array([{"any": "object"}], dtype=object)
    np.savez(tmp_path / "arrays.npz", weight0=weight, bias0=weight, allow_pickle=True)
    with pytest.raises(BundleError, match="allow_pickle"):
        load(tmp_path, space=None)


def test_documents_are_checked(predictor):
    arrays, document = pack(predictor)
    with pytest.raises(SchemaError, match="schema 2, this version reads 1"):
        unpack(arrays, {**document, "schema": 2}, space=None)
    with pytest.raises(UnknownNameError, match="did you mean 'mlp'"):
        unpack(arrays, {**document, "kind": "mpl"}, space=None)
    with pytest.raises(BundleError, match="kind"):
        unpack(arrays, {**document, "kind": None}, space=None)
    with pytest.raises(BundleError, match="weight0"):
        unpack({}, document, space=None)


@pytest.mark.parametrize(
    "change",
    [
        {"weight0": np.zeros((2, 2))},
        {"weight0": np.zeros(2)},
        {"bias0": np.zeros(3)},
        {"bias0": np.array([np.nan])},
    ],
)
def test_weights_that_do_not_fit_are_refused(predictor, change):
    arrays, document = pack(predictor)
    with pytest.raises(BundleError):
        unpack({**arrays, **change}, document, space=None)


@pytest.mark.parametrize("kind", PREDICTORS)
def test_registry_names_its_classes(kind):
    assert predictor_class(kind).kind == kind


def test_lists_of_numbers():
    assert require_numbers({"a": [1, 2.5]}, "a") == (1.0, 2.5)
    for wrong in ("1", [None], [float("nan")], None):
        with pytest.raises(BundleError, match="'a'"):
            require_numbers({"a": wrong}, "a")  # type: ignore[dict-item]


def test_target_goes_there_and_back(rng):
    y = rng.lognormal(size=20)
    for log in (False, True):
        target = Target.of(y, log=log)
        z = target.forward(y)
        assert z.mean() == pytest.approx(0, abs=1e-12)
        assert z.std() == pytest.approx(1)
        np.testing.assert_allclose(target.inverse(z), y)
        assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target
    assert Target.of(np.full(3, 0.1), log=False) == Target(False, pytest.approx(0.1), 1.0)
    with pytest.raises(ValueError, match="above 0"):
        Target.of(np.array([0.0, 1.0]), log=True)
    with pytest.raises(BundleError):
        Target.from_json({"log": 1, "mean": 0.0, "scale": 1.0})
