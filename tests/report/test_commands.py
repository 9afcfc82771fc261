"""`hwbench study` and `hwbench report`, as a user types them."""

import json

import pytest

from hwbench.benchmark import save
from hwbench.cli.main import main
from hwbench.testing.bundles import made_bundle
from tests.pipeline import made


@pytest.fixture
def hwbench(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return call


@pytest.fixture
def file(tmp_path):
    save(made_bundle(), tmp_path / "made")
    path = tmp_path / "small.toml"
    path.write_text(
        f'benchmarks = ["{tmp_path / "made"}"]\nseeds = 2\nbudget = 30\nmethods = ["rs", "ls"]\n'
        '[[problems]]\nname = "params"\nminimize = ["perplexity", "params"]\n'
    )
    return path


def test_a_study_runs_sums_up_and_is_reported(hwbench, file, tmp_path):
    out = tmp_path / "out"
    code, table, log = hwbench("study", "run", file, "--out", out)
    assert code == 0
    assert [line.split()[:3] for line in table.splitlines()[1:3]] == [
        ["params", "rs", "2"],
        ["params", "ls", "2"],
    ]
    assert "4/4 runs" in log
    code, text, log = hwbench("study", "run", file, "--out", out, "--json")
    assert code == 0
    assert json.loads(text)["runs"] == 4
    page, plots = tmp_path / "page.html", tmp_path / "plots"
    code, text, _ = hwbench("report", out, "--out", page, "--plots", plots, "--json")
    assert code == 0
    files = json.loads(text)["files"]
    assert files[0] == str(page)
    assert page.stat().st_size < 2_000_000
    assert len(files) == 1 + len(list(plots.glob("*.png")))


def test_a_search_is_reported(hwbench, file, tmp_path):
    bundle, out = tmp_path / "made", tmp_path / "run"
    words = ["--minimize", "perplexity,params", "--method", "rs", "--budget", 40, "--out", out]
    assert hwbench("search", bundle, *words)[0] == 0
    code, text, _ = hwbench("report", out, "--bundle", bundle, "--no-exact")
    assert code == 0
    assert (out / "report.html").is_file()
    assert str(out / "report.html") in text


def test_an_unknown_part_is_one_line(hwbench, file):
    code, _, log = hwbench("study", "run", file, "--method", "nope")
    assert code == 2
    assert "unknown method of the study 'nope'" in log


def test_a_folder_of_nothing_is_one_line(hwbench, tmp_path):
    code, _, log = hwbench("report", tmp_path)
    assert (code, log.count("\n")) == (2, 1)


def test_a_pipeline_is_reported(hwbench, tmp_path):
    folder, plots = made.make(tmp_path / "nano", made.results()), tmp_path / "plots"
    code, text, _ = hwbench("report", folder, "--plots", plots, "--format", "svg", "--json")
    found = json.loads(text)
    assert code == 0
    assert found["title"].startswith("Pipeline nano: ")
    assert found["files"][0] == str(folder / "report.html")
    assert "SPOS evolution" in (folder / "report.html").read_text(encoding="utf-8")
    assert sorted(found["files"][1:]) == sorted(map(str, plots.glob("*.svg")))
    assert len(found["files"]) == 7


def test_half_a_pipeline_is_reported(hwbench, tmp_path):
    page = tmp_path / "page.html"
    code, text, _ = hwbench("report", made.make(tmp_path, None, ("train",)), "--out", page)
    assert (code, text) == (0, f"page  {page}\n")
    assert "This pipeline is not finished." in page.read_text(encoding="utf-8")


def test_a_damaged_pipeline_is_one_line(hwbench, tmp_path):
    (made.make(tmp_path) / "pipeline.json").write_text("{")
    code, _, log = hwbench("report", tmp_path)
    assert (code, log.count("\n")) == (2, 1)
