"""`hwbench study` where it reads folders of tables, and its backends."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark import load, save
from hwbench.data import Table, table_path
from hwbench.testing.bundles import made_bundle, made_protocol

NEEDED = [("perplexity", None), ("latency_s", "h100")]
ARGUMENTS = ("compare-table", "tables", "gpt-s", "--minimize", "perplexity,latency@h100")
FEW = ("--method", "rs", "--method", "ls", "--budget", "30", "--seeds", "1", "--json")


def keep(folder, space, values, metric, device):
    codes = np.unique(space.sample_codes(80, np.random.default_rng(0)), axis=0)
    order, repeats = np.arange(len(codes)), values(codes)[:, None]
    table = Table(
        space.name, device, metric, made_protocol(metric), codes, order, order, repeats, "made"
    )
    path = table_path(folder, space=space.name, device=device, metric=metric, protocol="made")
    path.parent.mkdir(parents=True, exist_ok=True)
    table.save(path)


def test_tables_of_other_spaces_are_left_alone(hwbench, tmp_path, monkeypatch):
    """A folder as the importer writes it, which holds the tables of several spaces."""
    monkeypatch.chdir(tmp_path)
    bench, other = load("gpt-s"), spaces.get("nano")
    for metric, device in NEEDED:
        keep(
            Path("tables"),
            bench.space,
            lambda codes, m=metric, d=device: bench.predict(codes, m, d),
            metric,
            device,
        )
        keep(Path("tables"), other, lambda codes: 2.0 + codes.sum(axis=1), metric, device)
    assert {path.parts[-3] for path in Path("tables").glob("*/*/*")} == {"gpt-s", "nano"}
    found = hwbench("study", *ARGUMENTS, *FEW)
    assert (found.code, found.err) == (0, "")
    expected = len(np.unique(bench.space.sample_codes(80, np.random.default_rng(0)), axis=0))
    assert found.json["architectures"] == expected
    for method in ("rs", "ls"):  # the tables hold the surrogate's own numbers
        assert found.json["methods"][method]["gap"] == pytest.approx(0.0, abs=1e-9)


def test_a_folder_without_the_space_is_one_line(hwbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = spaces.get("nano")
    keep(Path("tables"), other, lambda codes: 2.0 + codes.sum(axis=1), "perplexity", None)
    found = hwbench("study", *ARGUMENTS, *FEW)
    assert found.code == 2
    assert found.err.startswith("error: ")
    assert len(found.err.splitlines()) == 1


def test_an_unknown_backend_is_one_line(hwbench, tmp_path, monkeypatch):
    save(made_bundle(), tmp_path / "made")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(
        'benchmarks = ["made"]\nseeds = 1\nbudget = 10\nmethods = ["rs"]\n'
        '[[problems]]\nname = "params"\nminimize = ["perplexity", "params"]\n'
    )
    found = hwbench("study", "run", "small.toml", "--backend", "lokky")
    assert found.code == 2
    assert "unknown backend 'lokky'" in found.err
    assert "loky" in found.err


@pytest.mark.parametrize("module", ["moocore", "scipy.stats"])
def test_what_the_summary_needs_is_missed_before_the_runs(hwbench, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    everyday = Path(__file__).parents[2] / "search" / "everyday.toml"
    found = hwbench("study", "run", str(everyday), "--out", str(tmp_path / "out"))
    assert found.code == 2
    assert "comes with the extra [search]" in found.err
    assert not (tmp_path / "out").exists()
