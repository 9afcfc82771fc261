"""A predictor answers with numpy alone; a missing library is named with its extra."""

import subprocess
import sys

import numpy as np

from hwbench import spaces
from hwbench.surrogates import save
from hwbench.surrogates.boosting import XGBoost, XGBoostQuantiles
from hwbench.surrogates.conformal import QuantileConformal, ResidualConformal
from hwbench.surrogates.ensemble import Ensemble
from hwbench.surrogates.forest import RandomForest
from hwbench.surrogates.mlp import MLP
from hwbench.testing.surrogates import additive_metric

BLOCK = """
import sys
BLOCKED = {"sklearn", "xgboost", "scipy", "pandas", "torch", "onnx", "onnxruntime", "threadpoolctl"}
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""

SERVE = """
import pathlib
import numpy as np
from hwbench import spaces, surrogates
space = spaces.get("gpt-s")
folder = pathlib.Path(sys.argv[1])
codes = np.load(folder / "codes.npy")
for path in sorted(p for p in folder.iterdir() if p.is_dir()):
    np.save(path / "answer.npy", surrogates.load(path, space=space).predict(codes))
"""


def _run(code, *arguments):
    command = [sys.executable, "-c", BLOCK + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_predictors_need_numpy_alone(tmp_path, rng):
    space = spaces.get("gpt-s")
    codes = space.sample_codes(120, rng)
    np.save(tmp_path / "codes.npy", codes)
    boosted, heads = XGBoost(space, n_trees=20), XGBoostQuantiles(space, n_trees=10)
    models = {
        "trees": boosted,
        "forest": RandomForest(space, n_trees=5, random_state=0),
        "mlp": MLP(space, steps=20, random_state=0),
        "ensemble": Ensemble(boosted, n_members=2, random_state=0),
        "quantiles": heads,
        "residual": ResidualConformal(boosted, spread=boosted, n_folds=2, random_state=0),
        "quantile-intervals": QuantileConformal(heads, levels=(0.5,), n_folds=2, random_state=0),
    }
    expected = {}
    for name, model in models.items():
        model.fit(codes, additive_metric(space, codes))
        save(model.predictor(), tmp_path / name)
        expected[name] = model.predict(codes)
    _run(SERVE, tmp_path)
    for name, values in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / name / "answer.npy"), values, rtol=1e-5)


def test_missing_libraries_are_named_with_their_extra():
    code = """
from hwbench.errors import MissingExtraError
def attempt(statement):
    try:
        exec(statement)
    except MissingExtraError as error:
        print(error)
attempt("import hwbench.surrogates.boosting")
attempt("import hwbench.surrogates.conformal")
attempt("from hwbench.surrogates.scores import kendall; kendall([1, 2], [1, 2])")
"""
    lines = _run(code).splitlines()
    assert len(lines) == 3
    assert all("pip install 'hwbench-nas[fit]'" in line for line in lines)


def test_importing_the_room_loads_no_library():
    code = """
import hwbench.surrogates, hwbench.surrogates.scores, hwbench.surrogates.interval_predictor
import hwbench.surrogates.onnx_export, hwbench.surrogates.mlp_training
print([m for m in BLOCKED if m in sys.modules])
"""
    assert _run(code).strip() == "[]"
