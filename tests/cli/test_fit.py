"""`hwbench fit`: from tables to bundles; what was fitted is kept, and mistakes show at once."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark import load
from hwbench.data.folder import table_path
from tests.surrogates.fitting.made import table

RECIPE = """
folds = 3
[estimators.quick]
kind = "layerwise"
structure = "counts"
[estimators.slow]
kind = "mlp"
steps = 100_000_000
[metrics.latency_s]
candidates = ["quick"]
[metrics.perplexity]
candidates = ["quick"]
[metrics.energy_j]
candidates = ["slow"]
[bundle.devices]
a100 = { label = "A100", kind = "gpu" }
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def write(tmp_path):
    """Write a table into the folder `tables`, and return the folder."""

    def write(space="gpt-s", device: str | None = "a100", metric="latency_s", n=80, broken=False):
        made = table(spaces.get(space), n, device=device, metric=metric)
        if broken:  # a single architecture cannot be split
            made = replace(made, codes=np.repeat(made.codes[:1], n, axis=0))
        folder = tmp_path / "tables"
        path = table_path(folder, space=space, device=device, metric=metric, protocol="made")
        path.parent.mkdir(parents=True, exist_ok=True)
        made.save(path)
        return folder

    return write


@pytest.fixture
def fit(hwbench, recipe, tmp_path):
    """Run the command; `out` is the bundle's folder."""

    def fit(*options):
        fixed = ("--recipe", recipe, "--out", tmp_path / "out", "--jobs", "1")
        return hwbench("fit", *map(str, (tmp_path / "tables", *fixed, *options)))

    return fit


def test_tables_become_a_bundle(fit, write, tmp_path):
    write()
    write(device=None, metric="perplexity")
    result = fit("--name", "mine")
    assert result.code == 0, result.err
    assert [line.split()[:2] for line in result.err.splitlines()[:2]] == [
        ["[1/2]", "gpt-s"],
        ["[2/2]", "gpt-s"],
    ]
    assert result.err.splitlines()[-1] == f"wrote {tmp_path / 'out'}"
    assert [line.split()[1] for line in result.lines[-2:]] == ["latency_s.a100", "perplexity"]
    bench = load(tmp_path / "out")
    assert (bench.name, bench.devices) == ("mine", ("a100",))
    answer = bench.query(bench.space.smallest(), device="a100")
    assert {"latency_s", "latency_s_lower", "perplexity"} <= set(answer)
    assert [path.name for path in tmp_path.iterdir() if "cells" in path.name] == []


def test_a_bundle_a_space_and_only_what_is_asked_for(fit, write, tmp_path):
    for space in ("gpt-s", "gpt-m"):
        for device in ("a100", "h100"):
            write(space, device)
    write("gpt-l")
    result = fit("--space", "gpt-s", "--space", "gpt-m", "--device", "h100", "--json")
    assert result.code == 0, result.err
    assert result.json["bundles"] == [str(tmp_path / "out" / s) for s in ("gpt-m", "gpt-s")]
    cells = [(cell["space"], cell["cell"], cell["n"]) for cell in result.json["cells"]]
    assert cells == [("gpt-m", "latency_s.h100", 80), ("gpt-s", "latency_s.h100", 80)]
    assert load(tmp_path / "out" / "gpt-m").devices == ("h100",)


def mark(path):
    """Write a word into the figures of a stored cell."""
    with np.load(path) as file:
        stored = dict(file)
    about = json.loads(stored["about"].tobytes())
    about["figures"]["from"] = "the store"
    stored["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    np.savez(path, **stored)


def test_a_stopped_fit_goes_on(fit, write, recipe, tmp_path):
    """One table cannot be fitted. The others are kept, and taken when it is put right; but not
    where the file is damaged, or the plan for the metric has changed.
    """
    write(n=90)
    write(device="h100", n=91)
    write(device=None, metric="perplexity", n=92)
    write(device="v100", n=60, broken=True)
    result = fit()
    assert result.code == 2
    errors = [line for line in result.err.splitlines() if not line.startswith("[")]
    assert errors == [
        "error: gpt-s latency_s.v100: cannot make 3 folds of n_samples=1; pass 2 to n_samples"
    ]
    store = sorted((tmp_path / "out.cells").iterdir())
    names = ["latency_s.a100", "latency_s.h100", "perplexity"]
    assert [path.name for path in store] == [f"gpt-s.{name}.made.npz" for name in names]
    for path in store:
        mark(path)
    store[1].write_bytes(store[1].read_bytes()[:5000])
    quality, changed = '[metrics.perplexity]\ncandidates = ["quick"]', '\nrivals = ["quick"]'
    recipe.write_text(RECIPE.replace(quality, quality + changed))
    write(device="v100", n=60)
    assert fit().code == 0
    cells = load(tmp_path / "out").card["cells"]
    assert {name: cell.get("from") for name, cell in cells.items()} == {
        "latency_s.a100": "the store",
        "latency_s.h100": None,
        "latency_s.v100": None,
        "perplexity": None,
    }
    assert not (tmp_path / "out.cells").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C to a group of processes")
def test_ctrl_c_keeps_what_is_fitted(write, recipe, fit, tmp_path):
    """A quick cell and one that would take days: interrupted, the quick one is kept."""
    write()
    write(metric="energy_j", n=200)
    command = ["fit", tmp_path / "tables", "--recipe", recipe, "--out", tmp_path / "out"]
    running = subprocess.Popen(
        [sys.executable, "-m", "hwbench", *map(str, command), "--jobs", "2"],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stored = tmp_path / "out.cells" / "gpt-s.latency_s.a100.made.npz"
        deadline = time.monotonic() + 120.0
        while not stored.exists() and time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60.0)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
    assert running.returncode == 130, err
    assert err.splitlines()[-1] == "interrupted"
    assert stored.exists()
    mark(stored)
    assert fit("--metric", "latency").code == 0
    assert load(tmp_path / "out").card["cells"]["latency_s.a100"]["from"] == "the store"


# -- mistakes ------------------------------------------------------------------------------------


def error_of(result):
    """The one line on stderr; nothing was printed, nothing fitted."""
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("folds = 3", "folds = 1", "folds must be a whole number of 3 or more, got 1"),
        ('"layerwise"', '"layers"', "estimator 'quick' needs a kind"),
        ("structure", "strukture", "unexpected keyword argument 'strukture'"),
        ("[metrics.latency_s]", "[metrics.latency]", "unknown metric 'latency'"),
        ('kind = "gpu"', 'kind = "tpu"', "kind must be gpu or cpu, got 'tpu'"),
        ("folds = 3", "folds =", "cannot read the recipe"),
    ],
)
def test_a_wrong_recipe_is_one_line(old, new, message, fit, write, recipe):
    write()
    recipe.write_text(RECIPE.replace(old, new, 1))
    assert message in error_of(fit())


def test_a_wrong_structure_is_one_line(fit, write, recipe):
    """Only the fit itself can tell."""
    write()
    recipe.write_text(RECIPE.replace('"counts"', '"deep"'))
    assert "latency_s.a100: structure must be one of counts, layers," in error_of(fit())


def test_wrong_tables_are_one_line(fit, write, tmp_path):
    (tmp_path / "tables").mkdir()
    assert "holds no tables" in error_of(fit())
    path = write() / "gpt-s" / "a100" / "latency_s.made.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert "not a readable Parquet file" in error_of(fit())


def test_options_that_fit_no_table_are_one_line(fit, write):
    write()
    write("gpt-m")
    assert "unknown space 'gpt-x'; did you mean" in error_of(fit("--space", "gpt-x"))
    assert "unknown device 'a10'; did you mean 'a100'" in error_of(fit("--device", "a10"))
    assert "unknown metric 'speed'" in error_of(fit("--metric", "speed"))
    assert "no table that the recipe and the options" in error_of(fit("--metric", "energy"))
    assert "--name needs one space, the tables hold gpt-m, gpt-s" in error_of(fit("--name", "x"))


def test_a_shared_cell_without_devices_is_found_before_the_fit(fit, write, recipe, tmp_path):
    write()
    write(device=None, metric="memory_bytes")
    recipe.write_text(RECIPE + '[metrics.memory_bytes]\ncandidates = ["quick"]\n')
    assert "which devices memory_bytes.made serves" in error_of(fit())
    assert not (tmp_path / "out.cells").exists()


def test_missing_arguments_are_wrong_usage(hwbench, tmp_path):
    for arguments in ((), (str(tmp_path),), (str(tmp_path / "none"), "--recipe", "x")):
        result = hwbench("fit", *arguments)
        assert result.code == 2
        assert result.err.splitlines()[-1].startswith("error: ")
