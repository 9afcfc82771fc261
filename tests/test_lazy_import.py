"""Importing hwbench costs nothing: what is heavy comes on first use."""

import importlib
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


def test_a_package_of_ones_own(tmp_path, monkeypatch):
    """A name and a module come when they are asked for; what nobody asks for stays out."""
    package = tmp_path / "ours"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from hwbench.lazy import lazy_names\n"
        'names = {"seven": "ours.numbers", "words": None, "never": "ours.never"}\n'
        "__getattr__, __dir__ = lazy_names(__name__, names)\n"
    )
    (package / "numbers.py").write_text("seven = [7]\n")
    (package / "words.py").write_text("")
    (package / "never.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    ours = importlib.import_module("ours")
    loaded = {name for name in sys.modules if name.startswith("ours.")}
    assert loaded == set()
    assert {"seven", "words", "never", "names"} <= set(dir(ours))
    assert "seven" not in vars(ours)
    assert ours.seven == [7]
    assert vars(ours)["seven"] is ours.seven
    assert ours.words is sys.modules["ours.words"]
    assert "ours.never" not in sys.modules
    for name in ("ours", "ours.numbers", "ours.words"):
        del sys.modules[name]
