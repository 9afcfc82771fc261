"""ONNX files say what the predictor says, through onnxruntime, from the codes on."""

import numpy as np
import onnxruntime
import pytest

from hwbench import spaces
from hwbench.spaces import Choice, Space
from hwbench.surrogates.boosting import XGBoost
from hwbench.surrogates.conformal import ResidualConformal
from hwbench.surrogates.ensemble import Ensemble
from hwbench.surrogates.forest import RandomForest
from hwbench.surrogates.mlp import MLP
from hwbench.surrogates.onnx_export import ExportError, export, save_onnx
from hwbench.testing.surrogates import additive_metric

FLAT = Space("flat", (Choice("a", (1, 2, 3)), Choice("b", (False, True)), Choice("c", (1, 2))))


def _session(predictor, folder):
    save_onnx(predictor, folder / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "model.onnx", options)


def _models(space):
    return {
        "xgboost": XGBoost(space, n_trees=200, max_depth=5, random_state=0),
        "xgboost-log": XGBoost(space, n_trees=200, log_target=True, random_state=0),
        "forest": RandomForest(space, n_trees=20, random_state=0),
        "mlp": MLP(space, steps=200, log_target=True, random_state=0),
        "ensemble": Ensemble(XGBoost(space, n_trees=50), n_members=3, random_state=0),
    }


@pytest.mark.parametrize("name", list(_models(None)))
@pytest.mark.parametrize("space", [spaces.get("gpt-s"), FLAT], ids=lambda space: space.name)
def test_codes_in_prediction_out(name, space, rng, tmp_path):
    codes = space.sample_codes(300, rng)
    noise = rng.lognormal(0, 0.1, size=300)
    model = _models(space)[name].fit(codes, additive_metric(space, codes) * noise)
    session = _session(model.predictor(), tmp_path)
    junk = np.where(space.active(codes), codes, space.cardinalities - 1).astype(np.int64)
    (answer,) = session.run(["prediction"], {"codes": junk})
    assert answer.shape == (300,)
    np.testing.assert_allclose(answer, model.predict(codes), rtol=1e-5)
    (one,) = session.run(None, {"codes": junk[:1]})
    np.testing.assert_allclose(one, answer[:1], rtol=1e-6)


@pytest.mark.parametrize("name", list(_models(None)))
def test_features_in_prediction_out(name, rng, tmp_path):
    x = (rng.integers(0, 64, size=(400, 4)) / 4).astype(np.float32)
    y = np.exp(0.1 * x[:, 0]) + x[:, 1]
    model = _models(None)[name].fit(x, y)
    (answer,) = _session(model.predictor(), tmp_path).run(None, {"features": x})
    np.testing.assert_allclose(answer, model.predict(x), rtol=1e-5)


def test_files_are_reproducible(rng):
    codes = FLAT.sample_codes(50, rng)
    model = XGBoost(FLAT, n_trees=5, random_state=0).fit(codes, additive_metric(FLAT, codes))
    first, again = (export(model.predictor()).SerializeToString() for _ in range(2))
    assert first == again


def test_intervals_have_no_onnx_form(rng):
    x = rng.normal(size=(30, 2))
    model = ResidualConformal(XGBoost(n_trees=2), n_folds=2).fit(x, x[:, 0])
    with pytest.raises(ExportError, match="residual-intervals"):
        export(model.predictor())
