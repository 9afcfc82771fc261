"""The campaigns that the repository holds are whole, readable and what their card says."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hwbench.benchmark import Benchmark, load
from hwbench.benchmark.fitting import bundles_of, fit_tables
from hwbench.data import journal, load_tables

DATA = Path(__file__).parents[2] / "data"
CAMPAIGN = DATA / "cpu-x86-2core-vm"


@pytest.mark.parametrize("name", ["cpu-x86-2core-vm", "nano"])
def test_checksums(name: str) -> None:
    lines = (DATA / f"{name}.sha256").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {str(file.relative_to(DATA)) for file in (DATA / name).rglob("*") if file.is_file()}
    assert set(listed) == found
    for name, digest in listed.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("folder", "rows", "archs"), [("torch-eager", 35, 15), ("onnx-cpu", 29, 12)]
)
def test_tables(folder: str, rows: int, archs: int) -> None:
    tables = {table.metric: table for table in journal.tables(CAMPAIGN / folder)}
    assert set(tables) == {"latency_s", "memory_bytes"}
    for table in tables.values():
        assert (len(table), table.space) == (rows, "gpt-s")
        assert len(np.unique(table.codes, axis=0)) == archs
        assert set(table.chunk) == {0, 1}
        assert (np.diff(table.position) > 0).all()
    # From 10 layers of width 192 to 12 of width 768.
    assert tables["latency_s"].center().max() > 3 * tables["latency_s"].center().min()
    assert tables["memory_bytes"].center().min() > 206e6  # the logits alone


@pytest.mark.parametrize(("folder", "rows", "archs"), [("profile", 163, 48), ("verify", 61, 26)])
def test_tables_of_the_pipeline(folder: str, rows: int, archs: int) -> None:
    tables = {table.metric: table for table in journal.tables(DATA / "nano" / folder)}
    assert set(tables) == {"latency_s", "memory_bytes"}
    for table in tables.values():
        assert (len(table), table.space, table.device) == (rows, "nano", "cpu-zen4-2core-vm")
        assert len(np.unique(table.codes, axis=0)) == archs


def test_the_shipped_bundle_is_fitted_to_these_tables(tmp_path: Path) -> None:
    """Anyone can make it again: the same predictions for every architecture of the space."""
    tables = load_tables(DATA / "nano" / "quality") + journal.tables(DATA / "nano" / "profile")
    recipe = DATA.parent / "surrogates" / "pipeline.toml"
    fitted = fit_tables(tables, recipe, store=tmp_path, rivals=False)
    again, shipped = Benchmark(bundles_of(fitted, recipe)["nano"]), load("nano")
    codes = shipped.space.encode(list(shipped.space.enumerate()))
    places = {"perplexity": None, "accuracy": None}
    places |= dict.fromkeys(["latency_s", "memory_bytes"], "cpu-zen4-2core-vm")
    for metric, device in places.items():
        expected = shipped.predict(codes, metric, device)
        assert again.predict(codes, metric, device) == pytest.approx(expected, rel=1e-6)


def test_the_results_are_those_of_the_shipped_bundle() -> None:
    results = json.loads((DATA / "nano" / "results.json").read_text())
    bench = load("nano")
    assert results["bundle"] == {"name": "nano", "sha256": bench.sha256}
    for one in results["architectures"]:
        codes = bench.space.encode([bench.space.parse(one["arch"])])
        assert one["quality"]["surrogate"][0] == pytest.approx(
            bench.predict(codes, "perplexity")[0]
        )
