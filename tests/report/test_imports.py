"""Importing the report room, or the study commands, loads no heavy package."""

import subprocess
import sys

import pytest

HEAVY = ["torch", "sklearn", "pandas", "pyarrow", "scipy", "moocore", "joblib", "matplotlib"]


@pytest.mark.parametrize(
    "statement", ["import hwbench.report", "import hwbench.cli.study, hwbench.cli.report"]
)
def test_import_is_light(statement):
    code = f"{statement}; import sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
