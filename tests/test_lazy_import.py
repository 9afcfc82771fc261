"""Importing hwbench costs nothing: what is heavy comes on first use."""

import subprocess
import sys

import pytest

import hwbench

HEAVY = ["torch", "sklearn", "xgboost", "pandas", "pyarrow", "onnxruntime", "scipy", "ConfigSpace"]


@pytest.mark.parametrize(
    "statement",
    [
        "import hwbench",
        "import hwbench.spaces, hwbench.spaces.gpt_costs, hwbench.spaces.configspace",
        "import hwbench.metrics, hwbench.units, hwbench.models, hwbench.testing.spaces",
    ],
)
def test_import_loads_no_heavy_package(statement):
    code = f"{statement}; import sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_come_on_first_use():
    assert hwbench.Space is hwbench.spaces.Space
    assert hwbench.spaces.get("gpt-s").name == "gpt-s"
    assert "load" in dir(hwbench)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hwbench.nothing  # type: ignore[attr-defined]
