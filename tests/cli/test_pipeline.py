"""The quick pipeline for real, from text to a report."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import hwbench as package
from hwbench.cli.main import cli
from hwbench.search import BenchmarkEvaluator, Limit, Objective, Problem
from hwbench.spaces.gpt_costs import params

FILE = Path(__file__).resolve().parents[2] / "pipelines" / "nano.toml"
STAGES = ["train", "evaluate", "profile", "fit", "search", "verify"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run it once; what it prints is in `run.json` beside it."""
    place = tmp_path_factory.mktemp("quick") / "nano"
    words = ["pipeline", "run", str(FILE), "--out", str(place), "--quick", "--json"]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    (place.parent / "run.json").write_text(done.stdout)
    return place


@pytest.fixture(scope="module")
def results(folder):
    return json.loads((folder / "verify" / "results.json").read_text())


def test_all_stages_are_done_and_say_what_they_cost(folder):
    stages = json.loads((folder.parent / "run.json").read_text())["stages"]
    assert [one["stage"] for one in stages] == STAGES
    assert {one["state"] for one in stages} == {"done"}
    assert all(one["seconds"] > 0 for one in stages)
    tokens = {one["stage"]: one["tokens"] for one in stages}
    assert tokens["train"] == 200 * 16 * 64  # steps x sequences x context
    assert tokens["evaluate"] == 60 * 24 * 64


def test_the_same_command_finds_all_done(folder, hwbench):
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/stage.json")}
    words = ["--out", str(folder), "--quick"]
    found = hwbench("pipeline", "status", str(FILE), *words, "--json").json
    assert {one["state"] for one in found["stages"]} == {"done"}
    hwbench("pipeline", "run", str(FILE), *words)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/stage.json")} == before


def test_the_bundle_is_small_and_answers(folder):
    bundle = folder / "fit" / "bundle"
    assert sum(path.stat().st_size for path in bundle.iterdir()) < 1_000_000
    bench = package.load(bundle)
    (device,) = bench.devices
    codes = bench.space.encode(list(bench.space.enumerate()))
    assert np.array_equal(bench.predict(codes, "params"), params(bench.space, codes))
    for metric in ("latency_s", "memory_bytes"):
        predicted = bench.predict(codes, metric, device)
        assert np.isfinite(predicted).all()
        assert np.ptp(predicted) > 0
    assert any("inherited weights" in limit for limit in bench.bundle.limits)


def test_the_exact_answer_is_the_best_of_all(folder, results):
    """The space is small enough to look at every architecture."""
    bench = package.load(folder / "fit" / "bundle")
    codes = bench.space.encode(list(bench.space.enumerate()))
    (device,) = bench.devices
    for asked in results["problems"]:
        limits = [
            Limit(one["metric"], None, one["bound"])
            if one["metric"] == "params"
            else Limit(one["metric"], device, one["bound"], margin=0.05)
            for one in asked["limits"]
        ]
        problem = Problem(bench.space, (Objective("perplexity"),), tuple(limits))
        answers = BenchmarkEvaluator(bench, problem).evaluate(codes)
        best = answers.objectives[answers.violations <= 0].min()
        by = {one["by"]: one for one in asked["found"]}
        found = bench.space.encode([bench.space.parse(by["exact"]["arch"])])
        assert bench.predict(found, "perplexity")[0] == pytest.approx(best, rel=1e-9)
        assert set(by) == {"exact", "nsga2", "ls", "spos-es", "random", "largest"}
        assert all(
            one["predicted_regret"] >= -1e-9 for one in by.values() if one["by"] != "spos-es"
        )


def test_everything_found_was_trained_and_measured(results):
    found = {one["arch"] for asked in results["problems"] for one in asked["found"]}
    checked = {one["arch"]: one for one in results["architectures"]}
    assert found <= set(checked)
    for one in checked.values():
        assert len(one["quality"]["retrained"]) == 2
        low, high = one["quality"]["surrogate"][1:]
        assert low < one["quality"]["surrogate"][0] < high
        assert len(one["metrics"]["latency_s"]["measured"]) >= 1
    assert sum("sample" in one["roles"] for one in checked.values()) == 3


def test_the_report_names_what_was_found(folder, results, hwbench):
    page = folder.parent / "page.html"
    hwbench("report", str(folder), "--out", str(page))
    text = page.read_text(encoding="utf-8")
    assert results["bundle"]["sha256"] in text
    assert "quick" in text.lower()


def test_wrong_input_is_one_line(tmp_path, hwbench):
    cases = {
        "cannot read the pipeline": [str(tmp_path / "none.toml")],
        "--set wants SECTION.KEY=VALUE": [str(FILE), "--set", "verify.seeds"],
        "must be of the kind int, got 'three'": [str(FILE), "--set", "verify.seeds=three"],
        "unknown stage 'trian'": [str(FILE), "--stage", "trian"],
        "verify needs train, which is not done": [str(FILE), "--stage", "verify"],
    }
    for words, arguments in cases.items():
        found = hwbench("pipeline", "run", *arguments, "--out", str(tmp_path / "out"))
        assert found.code == 2
        assert found.out == ""
        assert words in found.err.splitlines()[-1]
        assert "Traceback" not in found.err


def test_a_stage_that_cannot_begin_is_named(tmp_path, hwbench):
    words = [
        str(FILE),
        "--out",
        str(tmp_path / "out"),
        "--quick",
        "--set",
        "profile.device=cuda:99",
    ]
    found = hwbench("pipeline", "run", *words, "--set", "text.source=nowhere.txt", "--json")
    assert found.code == 1
    states = {one["stage"]: one["state"] for one in found.json["stages"]}
    assert set(states.values()) == {"waiting"}
    assert "nowhere.txt" in found.err.splitlines()[-1]
    assert "the same command goes on" in found.err.splitlines()[-1]
